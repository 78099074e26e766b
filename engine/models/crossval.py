"""Predictions of held-out rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine.models.threads import single_threaded_products

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from engine.models.candidates import Candidate
    from engine.models.splits import Fold, Split, Splits
    from engine.models.table import Table


class HoldsOut(Protocol):
    """What predicts held-out rows: `held_out_predictions`, or what remembers those it made."""

    def __call__(
        self,
        settings: Candidate,
        table: Table,
        split: Split,
        splits: Splits,
        *,
        threads: int = 1,
        seed: int | None = None,
        tuned: Callable[[Candidate, Table, NDArray[np.int64]], Candidate] | None = None,
    ) -> NDArray[np.float64]:
        """Predict the rows ``(n,)`` of each fold by what has learnt from the others."""


@single_threaded_products()
def held_out_predictions(
    settings: Candidate,
    table: Table,
    split: Split,
    splits: Splits,
    *,
    threads: int = 1,
    seed: int | None = None,
    tuned: Callable[[Candidate, Table, NDArray[np.int64]], Candidate] | None = None,
    after_fold: Callable[[int], None] = lambda _: None,
) -> NDArray[np.float64]:
    """Predict the rows of each fold by a candidate that has learnt from the fold's training rows.

    Parameters
    ----------
    settings
        The candidate; it is made lighter by its own `in_folds`.
    table
        Usable rows.
    split
        Which rows are held out together.
    splits
        What the split is one of: its spatial blocks are what the candidate may hold out of the
        training rows in turn.
    threads
        Folds at once. Each is learnt on one thread: libraries that share a fold's work among
        threads wait for the slowest all the time.
    seed
        The candidate's own where not given.
    tuned
        Changes settings by what it sees in a fold's training rows and their blocks.
    after_fold
        Told how many folds are done.

    Returns
    -------
    ndarray ``(n,)``
        In the target's unit; NaN for rows that no fold tests.
    """
    prediction = np.full(len(table), np.nan)

    def predicted(fold: Fold) -> NDArray[np.float64]:
        rows = table.rows(fold.train)
        blocks = splits.blocks[fold.train]
        chosen = tuned(settings, rows, blocks) if tuned is not None else settings
        fitted = chosen.in_folds().fit(rows.values, rows.truth, folds=blocks, seed=seed)
        return fitted.predict(table.values[fold.test])

    with ThreadPoolExecutor(max_workers=threads) as pool:
        for done, (fold, values) in enumerate(
            zip(split.folds, pool.map(predicted, split.folds), strict=True), 1
        ):
            prediction[fold.test] = values
            after_fold(done)
    return prediction
