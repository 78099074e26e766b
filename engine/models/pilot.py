"""How large spatial blocks must be: asked of the errors of a quick model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.grids import COARSE_PIXEL
from engine.models.blocks import BLOCK_SIDE
from engine.models.candidates import XGBoost
from engine.models.crossval import held_out_predictions
from engine.models.splits import Splits, deal
from engine.models.variogram import residual_variogram

if TYPE_CHECKING:
    from engine.models.table import Table
    from engine.models.variogram import Variogram

PILOT = XGBoost(most_trees=150, patience=10, learning_rate=0.1, depth=6, rows=30_000)
"""A quick model: of no candidate in particular, so that it is the same for all."""


def pilot_variogram(table: Table, *, seed: int = 20, threads: int = 1) -> Variogram | None:
    """Return the variogram of a quick model's errors in blocks of about 72 km.

    It is of no candidate in particular, so that all are held out by the same blocks.

    Returns
    -------
    Variogram or None
        None where the area is too small for blocks or for pairs.
    """
    splits = deal(table, seed=seed)
    if "spatial-block" not in splits.found:
        return None
    prediction = held_out_predictions(
        PILOT, table, splits["spatial-block"], splits, threads=threads, seed=seed
    )
    return residual_variogram(table.x, table.y, table.time, table.truth - prediction, seed=seed)


def block_side(table: Table, variogram: Variogram | None) -> float:
    """Return the side of blocks that keeps errors on both sides of their edges apart.

    Parameters
    ----------
    table
        Says how large the area is: blocks are never larger than half of its longer side.
    variogram
        Of the errors.

    Returns
    -------
    float
        Metres; at least 72 km.
    """
    if variogram is None:
        return BLOCK_SIDE
    extent = max(float(np.ptp(table.x)), float(np.ptp(table.y))) + COARSE_PIXEL
    cells = np.ceil(variogram.range / COARSE_PIXEL)
    return float(max(BLOCK_SIDE, min(cells * COARSE_PIXEL, extent / 2)))


def measured_splits(
    table: Table, *, seed: int = 20, threads: int = 1
) -> tuple[Splits, Variogram | None]:
    """Deal a table into all its splits, with blocks as large as a pilot's errors are alike."""
    variogram = pilot_variogram(table, seed=seed, threads=threads)
    return deal(table, seed=seed, side=block_side(table, variogram)), variogram
