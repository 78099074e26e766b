"""What a model leans on: impurity for comparison with others, permutation to be believed.

Impurity is computed on training rows and favours predictors with many distinct values. Permutation
asks what is lost on blocks that the model has not seen when a predictor's values are dealt anew
among their rows. Correlated predictors stand in for each other, so they are dealt together.

References
----------
Breiman, L. (2001). Random forests. doi:10.1023/A:1010933404324
Strobl, C. et al. (2008). Conditional variable importance for random forests.
doi:10.1186/1471-2105-9-307
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from engine.models.bootstrap import Clusters, Interval
from engine.models.splits import drawn
from engine.progress import silent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.models.candidates import Candidate, Fitted
    from engine.models.splits import SplitName, Splits
    from engine.models.table import Table
    from engine.progress import Progress

REPEATS = 20
_ROWS_AT_ONCE = 50_000
"""Rows that are predicted in one call."""

CAVEAT = (
    "SMAP L4 is a land model driven by precipitation, of which CHIRPS and, through meteorology, "
    "MOD16 know too: that precipitation and evapotranspiration stand first partly repeats the "
    "forcing of the target, and says little of soil moisture itself."
)
"""To be printed beside every importance."""


class Share(BaseModel):
    """What a group of predictors is worth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    predictors: tuple[str, ...]
    loss: Interval
    """R² that is lost on held-out rows when the group's values are dealt anew."""
    impurity: float | None
    """Share of what the splits gain on training rows; None where the model has no splits."""


class Importance(BaseModel):
    """All groups, the most important first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: str
    split: str
    repeats: int
    rows: int
    """Rows that were learnt from and asked, in turn."""
    intervals: str
    caveat: str = CAVEAT
    shares: tuple[Share, ...]
    impurity: dict[str, float]
    """By predictor."""


def importance(
    table: Table,
    candidate: Candidate,
    splits: Splits,
    split: SplitName = "spatial-block",
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    repeats: int = REPEATS,
    rows: int | None = None,
    seed: int = 0,
    progress: Progress = silent,
    resamples: int = 1000,
) -> Importance:
    """Measure what groups of predictors are worth on held-out rows.

    Parameters
    ----------
    table
        Usable rows.
    candidate
        The algorithm.
    splits, split
        What is held out.
    groups
        Predictors that are dealt together, by a name; what is in none is a group of its own.
        The groups that ship unless given.
    repeats
        How often each group is dealt anew.
    rows
        Most rows to learn from and to ask, drawn at random; all where not given.
    seed
        Of all draws.
    progress
        Told before every fold.
    resamples
        Draws of the intervals, of clusters and of repeats.
    """
    table, splits = drawn(table, splits, rows, seed)
    folds = splits[split].folds
    names = [feature.name for feature in table.features]
    chosen = _groups(names, shipped_groups() if groups is None else groups)
    made = _Dealt.of(len(table), chosen, repeats)
    random = np.random.default_rng(seed)
    for number, fold in enumerate(folds):
        progress(number / len(folds), f"importance: {split} fold {number + 1}")
        seen = table.rows(fold.train)
        inner = splits.blocks[fold.train]
        fitted = candidate.in_folds().fit(seen.values, seen.truth, folds=inner, seed=seed)
        made.take(fitted, table.values[fold.test], fold.test, names, random)
    impurity = dict(zip(names, made.mean_gains(len(names)), strict=True)) if made.gains else {}
    clusters = Clusters.of(table, resamples=resamples, seed=seed)
    shares = [
        Share(
            group=group,
            predictors=columns,
            loss=made.loss(group, clusters, table.truth.astype(np.float64)),
            impurity=sum(impurity[name] for name in columns) if impurity else None,
        )
        for group, columns in chosen.items()
    ]
    return Importance(
        algorithm=candidate.algorithm,
        split=split,
        repeats=repeats,
        rows=len(table),
        intervals=clusters.definition,
        shares=tuple(sorted(shares, key=lambda share: -share.loss.value)),
        impurity=impurity,
    )


@cache
def shipped_groups() -> dict[str, tuple[str, ...]]:
    """Return the groups of correlated predictors that ship.

    >>> shipped_groups()["texture"]
    ('clay', 'sand', 'silt')
    """
    text = resources.files("engine.models").joinpath("importance.toml").read_text(encoding="utf-8")
    return {group: tuple(names) for group, names in tomllib.loads(text)["groups"].items()}


def _groups(
    names: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the groups as far as there are predictors of them, and the others alone."""
    present = {
        group: tuple(name for name in names if name in members) for group, members in groups.items()
    }
    grouped = {name for members in present.values() for name in members}
    alone = {name: (name,) for name in names if name not in grouped}
    return {group: members for group, members in present.items() if members} | alone


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dealt:
    """Predictions of held-out rows as they are, and with a group's values dealt anew."""

    groups: Mapping[str, Sequence[str]]
    whole: NDArray[np.float64]
    """``(n,)``"""
    dealt: dict[str, NDArray[np.float64]]
    """``(repeats, n)`` by group."""
    gains: list[NDArray[np.float64]]
    """``(f,)`` of each fold's model that has splits."""

    @classmethod
    def of(cls, rows: int, groups: Mapping[str, Sequence[str]], repeats: int) -> _Dealt:
        return cls(
            groups=groups,
            whole=np.full(rows, np.nan),
            dealt={group: np.full((repeats, rows), np.nan) for group in groups},
            gains=[],
        )

    def take(
        self,
        fitted: Fitted,
        values: NDArray[np.float32],
        test: NDArray[np.bool_],
        names: Sequence[str],
        random: np.random.Generator,
    ) -> None:
        """Predict a fold's rows."""
        self.whole[test] = fitted.predict(values)
        gains = fitted.importance()
        if gains is not None:
            self.gains.append(gains)
        for group, members in self.groups.items():
            columns = [names.index(name) for name in members]
            dealt = self.dealt[group]
            at_once = max(1, _ROWS_AT_ONCE // max(len(values), 1))
            for first in range(0, len(dealt), at_once):
                repeats = dealt[first : first + at_once]
                changed = np.concatenate([_dealt_anew(values, columns, random) for _ in repeats])
                repeats[:, test] = fitted.predict(changed).reshape(len(repeats), -1)

    def loss(self, group: str, clusters: Clusters, truth: NDArray[np.float64]) -> Interval:
        """Return the R² that is lost."""
        dealt = self.dealt[group]
        return clusters.difference(np.broadcast_to(self.whole, dealt.shape), dealt, truth).r2

    def mean_gains(self, features: int) -> list[float]:
        """Return each feature's mean share over the folds."""
        mean: list[float] = np.mean(np.reshape(self.gains, (-1, features)), axis=0).tolist()
        return mean


def _dealt_anew(
    values: NDArray[np.float32], columns: Sequence[int], random: np.random.Generator
) -> NDArray[np.float32]:
    """Deal some columns anew among their rows, together."""
    changed = values.copy()
    changed[:, columns] = values[random.permutation(len(values))][:, columns]
    return changed
