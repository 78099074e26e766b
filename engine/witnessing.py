"""From a training to its history: what the model and its witnesses say of blocks unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from engine.grids import apply_affine, coarse_of
from engine.history import History, as_resolved, rain_memory
from engine.models.candidates import RandomForest
from engine.models.crossval import held_out_predictions
from engine.witnesses import causes_among, effects_among

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.models.splits import SplitName
    from engine.models.table import Table
    from engine.models.training import Training
    from engine.months import Month

_UNSEEN: SplitName = "spatial-block"
"""Split whose predictions know nothing of the errors of SMAP in their own cells."""

_WITNESS = RandomForest(trees=40, trees_in_folds=40, min_samples_leaf=5, rows=20_000)
"""What learns the witnesses: quick, and the same whatever the model's algorithm is."""


def witnessed(
    training: Training,
    area: GeoBox,
    months: Sequence[Month],
    fine: NDArray[np.float32],
    coarse: NDArray[np.floating],
    *,
    rain: NDArray[np.floating] | None = None,
    footprint: int = 1,
    threads: int = 2,
) -> History:
    """Put a model's training period together.

    Parameters
    ----------
    training
        The model, with its rows and what it said of them unseen.
    area
        The fine grid.
    months
        ``(t,)`` in order.
    fine
        ``(t, 9 h, 9 w)`` the model's maps, m3 m-3; NaN where it says nothing.
    coarse
        ``(t, h, w)`` SMAP, m3 m-3; NaN where missing.
    rain
        ``(t, h, w)`` monthly mean, mm day-1; None where the archive has none.
    footprint
        Coarse cells along a side that the training's predictors were averaged over.
    threads
        Folds at once.
    """
    grid, table = coarse_of(area), training.table
    unseen = training.held_out.get(_UNSEEN)
    if unseen is None:
        unseen = np.full(len(table), np.nan)
    names = [feature.name for feature in table.features]

    def witness(columns: Sequence[str]) -> NDArray[np.float64] | None:
        if not columns or _UNSEEN not in training.splits.found:
            return None
        said = held_out_predictions(
            _WITNESS,
            _with_columns(table, columns),
            training.splits[_UNSEEN],
            training.splits,
            threads=threads,
        )
        return gridded(table, said, grid, months)

    return History(
        months=tuple(months),
        fine=fine,
        coarse=np.asarray(coarse, dtype=np.float64),
        held_out=gridded(table, unseen, grid, months),
        effects=witness(effects_among(names)),
        causes=witness(causes_among(names)),
        memory=None if rain is None else rain_memory(as_resolved(rain, footprint), months),
        footprint=footprint,
    )


def gridded(
    table: Table, values: NDArray[np.floating], grid: GeoBox, months: Sequence[Month]
) -> NDArray[np.float64]:
    """Put a value of each row ``(n,)`` to its month and coarse cell: ``(t, h, w)``, else NaN."""
    at = {str(month): place for place, month in enumerate(months)}
    time = np.array([at.get(str(name)[:7], -1) for name in table.time], dtype=np.int64)
    column, row = (
        np.floor(positions).astype(np.int64)
        for positions in apply_affine(~grid.affine, table.x, table.y)
    )
    cells = np.full((len(months), *tuple(grid.shape)), np.nan)
    kept = time >= 0
    cells[time[kept], row[kept], column[kept]] = values[kept]
    return cells


def _with_columns(table: Table, names: Sequence[str]) -> Table:
    """Return the rows with some of the features, those without any left as they are."""
    places = [k for k, feature in enumerate(table.features) if feature.name in names]
    return replace(
        table,
        features=tuple(table.features[k] for k in places),
        values=np.ascontiguousarray(table.values[:, places]),
    )
