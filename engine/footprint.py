"""What SMAP truly resolves: the square of coarse cells that each of its values is a mean of.

SMAP is posted every 9 km, but its antenna sees 40 km at once, and the weather of its land model
comes in quarters of a degree. Were a model to learn from predictors of single cells what SMAP says
of nine of them together, it would take the difference for noise, and its maps would be too smooth.
So predictors are averaged as SMAP is before a model learns from them.

How wide that is, is asked of held-out blocks: from predictors averaged over 1, 3 or 5 cells a side
their long-term mean of SMAP is predicted, and a wider square is taken where it is clearly better.
Long-term means have next to no noise of a month that averaging could take away instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.grids import COARSE_PIXEL
from engine.history import as_resolved, over_time
from engine.models.blocks import block_folds
from engine.models.candidates import SupportVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.models.table import Table

    type FloatArray = NDArray[np.floating]

SIDES: Final = (1, 3, 5)
"""Cells along a side that are tried."""
LEAST_CELLS, LEAST_MONTHS = 200, 12
"""Fewest cells and months that tell anything; with fewer, SMAP is taken to resolve its cells."""

_CLEARLY = 0.9
"""Squared error of the wider square ÷ that of the narrower below which the wider is taken."""
_LEARNER = SupportVectors(rows=3000, tube=0.1, width=0.1, by_relevance=False)
"""A few hundred cells' means are too few to tell what each predictor is worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where the rows of a table lie on their coarse grid."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    time: NDArray[np.int64]
    shape: tuple[int, int, int]
    """Times, rows and columns."""

    @classmethod
    def of(cls, table: Table) -> _Places:
        row = np.rint((table.y.max() - table.y) / COARSE_PIXEL).astype(np.int64)
        column = np.rint((table.x - table.x.min()) / COARSE_PIXEL).astype(np.int64)
        names, time = np.unique(table.time, return_inverse=True)
        shape = (names.size, int(row.max()) + 1, int(column.max()) + 1)
        return cls(row=row, column=column, time=time, shape=shape)

    def gridded(self, values: FloatArray) -> NDArray[np.float64]:
        """Put a value of each row ``(n,)`` to its place: ``(t, h, w)``, else NaN."""
        cells = np.full(self.shape, np.nan)
        cells[self.time, self.row, self.column] = values
        return cells


def averaged(table: Table, side: int) -> Table:
    """Return the rows with predictors averaged over squares, by the rows that are there."""
    if side == 1 or not len(table):
        return table
    places = _Places.of(table)
    columns = [
        as_resolved(places.gridded(column), side)[places.time, places.row, places.column]
        for column in table.values.T
    ]
    return replace(table, values=np.ascontiguousarray(np.stack(columns, axis=1), np.float32))


def resolved_side(table: Table, *, seed: int = 20) -> int:
    """Return how many coarse cells along a side SMAP resolves, as held-out blocks tell.

    Parameters
    ----------
    table
        Rows of all months.
    seed
        Of the folds.
    """
    rows = table.usable()
    places = _Places.of(rows)
    means = np.stack([over_time(places.gridded(column)) for column in (*rows.values.T, rows.truth)])
    known = np.isfinite(means[-1])
    row, column = np.nonzero(known)
    folds = block_folds(COARSE_PIXEL * column, -COARSE_PIXEL * row, seed)
    if places.shape[0] < LEAST_MONTHS or row.size < LEAST_CELLS or folds is None:
        return 1
    truth, found, least = means[-1][known], SIDES[0], np.inf
    for side in SIDES:
        values = as_resolved(means[:-1], side)[:, known].T
        error = _held_out_error(values, truth, folds.number, seed)
        if error < _CLEARLY * least:
            found, least = side, error
    return found


def _held_out_error(
    values: FloatArray, truth: FloatArray, folds: NDArray[np.int64], seed: int
) -> float:
    """Return the mean squared error of each fold predicted by the others."""
    wrong = np.empty(truth.size)
    for fold in np.unique(folds):
        out = folds == fold
        fitted = _LEARNER.fit(values[~out], truth[~out], folds=folds[~out], seed=seed)
        wrong[out] = fitted.predict(values[out]) - truth[out]
    return float(np.mean(wrong**2))
