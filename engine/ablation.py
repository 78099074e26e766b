"""What SIF is worth: the same model with it, without it, and with what only looks like it.

=====  ============================================================================================
arm    predictors
=====  ============================================================================================
A      all but SIF
B      all
C      SIF instead of vegetation indices
D      no SIF, but everything that the model of SIF has seen: SIF at 1 km is a function of it
E1     all, SIF dealt anew over all rows: it knows nothing, so it must show nothing
E2     all, SIF dealt anew within each month: what is left is the month's mean and its spread
=====  ============================================================================================

All arms learn from the same rows in the same folds with the same seeds. To some algorithms any
column costs a little, whatever is in it. So arm B is set beside arm E1, too: both have as many
columns, and what is left is what SIF knows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from engine.errors import ModelError
from engine.models.bootstrap import Clusters, Scores
from engine.models.crossval import held_out_predictions
from engine.progress import silent
from engine.provenance import SIF

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from engine.models.candidates import Candidate
    from engine.models.crossval import HoldsOut
    from engine.models.splits import SplitName, Splits
    from engine.models.table import Table
    from engine.progress import Progress

Arm = Literal["A", "B", "C", "D", "E1", "E2"]
ARMS: tuple[Arm, ...] = get_args(Arm)

VEGETATION = ("ndvi", "evi", "nirv", "lai")
"""What arm C leaves out."""

TITLES: Mapping[Arm, str] = {
    "A": "no SIF",
    "B": "with SIF",
    "C": "SIF instead of vegetation indices",
    "D": "no SIF, all predictors of the SIF model",
    "E1": "SIF shuffled over all rows",
    "E2": "SIF shuffled within each month",
}


class ArmResult(BaseModel):
    """How one arm does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: Arm
    title: str
    predictors: int
    scores: Scores
    against_none: Scores
    """This arm less arm A, paired."""


class Ablation(BaseModel):
    """The arms in one split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: str
    definition: str
    algorithm: str
    seeds: tuple[int, ...]
    intervals: str
    """What the intervals are made from; seeds are drawn along with the clusters."""
    arms: tuple[ArmResult, ...]
    against_shuffled: Scores | None = Field(default=None, exclude_if=lambda found: found is None)
    """Arm B less arm E1, paired; None where one of them was not asked, and on older cards, whose
    ids are hashes of all that they say."""

    def arm(self, name: Arm) -> ArmResult:
        """Return one arm."""
        return next(result for result in self.arms if result.arm == name)


def ablation(
    table: Table,
    candidate: Candidate,
    splits: Splits,
    split: SplitName,
    *,
    sif_inputs: Collection[str],
    seeds: Sequence[int],
    arms: Sequence[Arm] = ARMS,
    threads: int = 1,
    progress: Progress = silent,
    resamples: int = 1000,
    predict: HoldsOut = held_out_predictions,
) -> Ablation:
    """Compare the arms.

    Parameters
    ----------
    table
        Usable rows with all columns: the standard predictors, SIF, and what the model of SIF saw.
    candidate
        The algorithm.
    splits, split
        What is held out.
    sif_inputs
        Columns that only the model of SIF saw, for arm D; further names are not looked at.
    seeds
        Of the candidate and of the shuffling; five or more, since a new seed alone moves a score
        by as much as SIF may.
    arms
        Those to compare; A is among them.
    threads
        Folds at once.
    progress
        Told before every arm.
    resamples
        Draws of the intervals.
    predict
        Predicts held-out rows.

    Raises
    ------
    ModelError
        Where the table has no SIF.
    """
    if SIF not in _names(table):
        raise ModelError("the table has no column sif, so there is nothing to leave out")
    predictions: dict[Arm, NDArray[np.float64]] = {}
    columns: dict[Arm, int] = {}
    for done, arm in enumerate(arms):
        runs = []
        for number, seed in enumerate(seeds):
            share = (done + number / len(seeds)) / len(arms)
            progress(share, f"arm {arm}, {TITLES[arm]}, seed {seed}")
            rows = arm_table(table, arm, sif_inputs, seed)
            columns[arm] = len(rows.features)
            runs.append(predict(candidate, rows, splits[split], splits, threads=threads, seed=seed))
        predictions[arm] = np.stack(runs)
    clusters = Clusters.of(table, resamples=resamples)
    truth = table.truth.astype(np.float64)
    return Ablation(
        split=split,
        definition=splits[split].definition,
        algorithm=candidate.algorithm,
        seeds=tuple(seeds),
        intervals=clusters.definition,
        arms=tuple(
            ArmResult(
                arm=arm,
                title=TITLES[arm],
                predictors=columns[arm],
                scores=clusters.scores(made, truth),
                against_none=clusters.difference(made, predictions["A"], truth),
            )
            for arm, made in predictions.items()
        ),
        against_shuffled=clusters.difference(predictions["B"], predictions["E1"], truth)
        if {"B", "E1"} <= set(predictions)
        else None,
    )


def arm_table(table: Table, arm: Arm, sif_inputs: Collection[str], seed: int) -> Table:
    """Return the rows with the columns of an arm."""
    extra = set(sif_inputs)
    standard = [name for name in _names(table) if name not in extra]
    match arm:
        case "A":
            return with_columns(table, [name for name in standard if name != SIF])
        case "B":
            return with_columns(table, standard)
        case "C":
            return with_columns(table, [name for name in standard if name not in VEGETATION])
        case "D":
            return with_columns(table, [name for name in _names(table) if name != SIF])
        case "E1":
            return _shuffled(with_columns(table, standard), np.zeros(len(table), np.int64), seed)
        case "E2":
            months = np.unique(table.time, return_inverse=True)[1]
            return _shuffled(with_columns(table, standard), months, seed)


def with_columns(table: Table, names: Sequence[str]) -> Table:
    """Return the rows of a table with some of its columns, in the order given.

    Raises
    ------
    ModelError
        Where a column is not there.
    """
    place = {name: number for number, name in enumerate(_names(table))}
    missing = [name for name in names if name not in place]
    if missing:
        raise ModelError(
            f"the table has no {', '.join(missing)}; it has: {', '.join(place) or 'nothing'}"
        )
    chosen = [place[name] for name in names]
    return replace(
        table,
        features=tuple(table.features[number] for number in chosen),
        values=np.ascontiguousarray(table.values[:, chosen]),
    )


def _shuffled(table: Table, groups: NDArray[np.int64], seed: int) -> Table:
    """Deal the values of SIF anew within each group of rows."""
    column = _names(table).index(SIF)
    random = np.random.default_rng(seed)
    values = table.values.copy()
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        values[rows, column] = values[random.permutation(rows), column]
    return replace(table, values=values)


def _names(table: Table) -> list[str]:
    return [feature.name for feature in table.features]
