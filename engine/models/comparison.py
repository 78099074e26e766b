"""Algorithms side by side: the same rows, the same folds, the same draws.

References
----------
Meyer, H. and Pebesma, E. (2022). Machine learning-based global maps of ecological variables and
the challenge of assessing them. doi:10.1038/s41467-022-29838-9
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from engine.errors import ModelError
from engine.models.bootstrap import Clusters, Scores
from engine.models.crossval import held_out_predictions
from engine.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from engine.models.candidates import Candidate
    from engine.models.crossval import HoldsOut
    from engine.models.splits import SplitName, Splits
    from engine.models.table import Table
    from engine.progress import Progress


class Entry(BaseModel):
    """How one algorithm does with one set of predictors in one split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: str
    predictors: str
    """Name of the set of predictors."""
    split: str
    definition: str
    """What was held out together."""
    rows: int
    """Rows that were predicted while held out."""
    scores: Scores
    seconds: float
    """Time that fitting and predicting took."""


class Comparison(BaseModel):
    """All that was compared, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: tuple[Entry, ...]
    intervals: str
    """What the intervals are made from."""
    left_out: dict[str, str]
    """What was not compared, and why."""

    def entry(self, algorithm: str, predictors: str, split: str) -> Entry | None:
        """Return one entry, or None where it was not compared."""
        wanted = (algorithm, predictors, split)
        found = (e for e in self.entries if (e.algorithm, e.predictors, e.split) == wanted)
        return next(found, None)


def compare(
    tables: Mapping[str, Table],
    candidates: Mapping[str, Candidate],
    splits: Splits,
    *,
    wanted: Callable[[str, str, SplitName], str | None] = lambda *_: None,
    tuned: Callable[[Candidate, Table, NDArray[np.int64]], Candidate] | None = None,
    threads: int = 1,
    progress: Progress = silent,
    resamples: int = 1000,
    predict: HoldsOut = held_out_predictions,
) -> Comparison:
    """Score candidates with several sets of predictors in all splits.

    Parameters
    ----------
    tables
        The same rows with different columns, by the name of the set.
    candidates
        By the name of the algorithm.
    splits
        Of those rows.
    wanted
        Given algorithm, set of predictors and split, returns why it is not to be compared, or
        None where it is.
    tuned
        Chooses settings within each fold's training rows, see `held_out_predictions`.
    threads
        Folds at once.
    progress
        Told before every entry.
    resamples
        Draws of the intervals.
    predict
        Predicts held-out rows.

    Raises
    ------
    ModelError
        Where the tables have different rows.
    """
    rows = _same_rows(tables)
    clusters = Clusters.of(rows, resamples=resamples)
    entries: list[Entry] = []
    left_out = {str(name): reason for name, reason in splits.left_out.items()}
    todo = [
        (algorithm, name, split)
        for algorithm in candidates
        for split in splits.found.values()
        for name in tables
    ]
    for done, (algorithm, name, split) in enumerate(todo):
        reason = wanted(algorithm, name, split.name)
        if reason is not None:
            left_out[f"{algorithm}, {name}, {split.name}"] = reason
            continue
        progress(done / len(todo), f"{algorithm} {name}, {split.name}")
        start = perf_counter()
        prediction = predict(
            candidates[algorithm], tables[name], split, splits, threads=threads, tuned=tuned
        )
        entries.append(
            Entry(
                algorithm=algorithm,
                predictors=name,
                split=split.name,
                definition=split.definition,
                rows=int(np.isfinite(prediction).sum()),
                scores=clusters.scores(prediction, rows.truth.astype(np.float64)),
                seconds=round(perf_counter() - start, 2),
            )
        )
    return Comparison(entries=tuple(entries), intervals=clusters.definition, left_out=left_out)


def _same_rows(tables: Mapping[str, Table]) -> Table:
    """Return one of some tables whose rows agree."""
    if not tables:
        raise ModelError("there is no set of predictors to compare")
    first = next(iter(tables.values()))
    for name, table in tables.items():
        if len(table) != len(first) or not np.array_equal(table.truth, first.truth):
            raise ModelError(f"the predictors {name!r} come with other rows than the first set")
    return first
