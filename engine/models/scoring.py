"""The scores of a candidate in all splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.models.bootstrap import Clusters, Scores
from engine.models.card import Score
from engine.models.crossval import held_out_predictions
from engine.models.scores import metrics
from engine.models.tuning import tune

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from engine.models.candidates import Candidate
    from engine.models.splits import Split, SplitName, Splits
    from engine.models.table import Table
    from engine.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """How well a candidate predicts rows that it has not seen."""

    settings: Candidate
    scores: tuple[Score, ...]
    predictions: Mapping[SplitName, NDArray[np.float64]]
    """``(n,)`` by split; NaN for rows that it does not test."""

    def errors(self) -> dict[SplitName, float]:
        """Return the RMSE of all tested rows, by split."""
        return {
            name: score.pooled.rmse
            for name, score in zip(self.predictions, self.scores, strict=True)
        }


def scored(
    settings: Candidate,
    table: Table,
    splits: Splits,
    progress: Progress,
    *,
    threads: int = 1,
    tuning_seconds: float = 0.0,
) -> Scoring:
    """Score a candidate in every split.

    Parameters
    ----------
    settings
        The candidate.
    table
        Usable rows.
    splits
        Of the table.
    progress
        Told after every fold.
    threads
        Folds at once.
    tuning_seconds
        Time in which every fold looks for settings of its own, in its training rows.
    """
    clusters = Clusters.of(table)
    steps = sum(len(split.folds) for split in splits.found.values())
    scores, predictions, done = [], {}, 0
    for name, split in splits.found.items():
        prediction = held_out_predictions(
            settings,
            table,
            split,
            splits,
            threads=threads,
            tuned=_tuner(tuning_seconds),
            after_fold=_teller(progress, settings, split, done, steps),
        )
        done += len(split.folds)
        scores.append(_score(table, split, prediction, settings, clusters))
        predictions[name] = prediction
    return Scoring(settings=settings, scores=tuple(scores), predictions=predictions)


def _tuner(
    seconds: float,
) -> Callable[[Candidate, Table, NDArray[np.int64]], Candidate] | None:
    if not seconds:
        return None

    def tuned(settings: Candidate, table: Table, blocks: NDArray[np.int64]) -> Candidate:
        found = tune(
            settings, table.values, table.truth, blocks, seconds=seconds, seed=settings.seed
        )
        return found.settings

    return tuned


def _teller(
    progress: Progress, settings: Candidate, split: Split, done: int, steps: int
) -> Callable[[int], None]:
    def tell(fold: int) -> None:
        what = f"cross-validation of {settings.algorithm}: {split.name} fold {fold}"
        progress((done + fold) / steps, what)

    return tell


def _score(
    table: Table,
    split: Split,
    prediction: NDArray[np.float64],
    settings: Candidate,
    clusters: Clusters,
) -> Score:
    tested = np.isfinite(prediction)
    return Score(
        split=split.name,
        definition=split.definition,
        model=settings.in_folds().told(),
        pooled=metrics(prediction, table.truth),
        intervals=_intervals(clusters, prediction, table.truth.astype(np.float64)),
        by_time={
            time: metrics(prediction[rows], table.truth[rows])
            for time, rows in _by_time(table, tested)
        },
    )


def _intervals(
    clusters: Clusters, prediction: NDArray[np.float64], truth: NDArray[np.float64]
) -> Scores | None:
    """Return scores with their intervals; None where one cluster is all there is, or no change."""
    tested = np.isfinite(prediction)
    few = np.unique(clusters.number[tested]).size < 2
    if few or not np.ptp(prediction[tested]) or not np.ptp(truth[tested]):
        return None
    # A draw may hold no row that was tested; it counts for nothing.
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = clusters.scores(prediction, truth)
    known = all(np.isfinite([one.lower, one.upper]).all() for _, one in scores)
    return scores if known else None


def _by_time(table: Table, tested: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    times: Sequence[str] = np.unique(table.time[tested]).tolist()
    return ((time, tested & (table.time == time)) for time in times)
