"""How well a 1 km map repeats a known truth, and whether it keeps to the coarse field.

Meant for synthetic worlds, where every pixel's truth is known; stations are compared elsewhere.
All moments are population moments over the pixels where both maps are valid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import GridMismatchError
from engine.grids import BLOCK, as_blocks, block_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    type FloatArray = NDArray[np.floating]

MIN_CELLS = 20
"""Least valid fine cells for a coarse cell to have a sub-grid correlation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """Agreement of a map with the truth."""

    rmse: float
    """Root mean square error, in the map's unit."""
    bias: float
    """Map minus truth, in the map's unit."""
    ubrmse: float
    """RMSE after the bias is taken off, in the map's unit."""
    correlation: float
    """Pearson's R over all pixels."""
    subgrid_correlation: float
    """Median over the coarse cells of Pearson's R within each."""
    pixels: int
    """Pixels compared."""


def pooled_skill(pairs: Iterable[tuple[FloatArray, FloatArray]]) -> Skill:
    """Compare maps with truths, all pixels of all months together.

    Parameters
    ----------
    pairs
        Map and truth, each ``(9 h, 9 w)`` in one unit, NaN where missing.

    Notes
    -----
    ``RMSE² = bias² + ubRMSE²`` holds exactly. The sub-grid correlation asks for what downscaling
    adds: a map that is constant within its coarse cells has none there, which counts as 0.
    """
    maps, truths, within = [], [], []
    for values, truth in pairs:
        _same_shape(values, truth)
        valid = np.isfinite(values) & np.isfinite(truth)
        maps.append(values[valid].astype(np.float64))
        truths.append(truth[valid].astype(np.float64))
        within.append(subgrid_correlations(values, truth))
    return _skill(np.concatenate(maps), np.concatenate(truths), np.concatenate(within))


def subgrid_correlations(values: FloatArray, truth: FloatArray) -> FloatArray:
    """Return Pearson's R between map and truth within every coarse cell.

    Parameters
    ----------
    values, truth
        ``(9 h, 9 w)``, NaN where missing.

    Returns
    -------
    ndarray (cells,), float64
        Coarse cells with too few valid pixels, or a constant truth, are left out; a constant
        map has correlation 0.
    """
    x, y = _by_cell(values), _by_cell(truth)
    valid = np.isfinite(x) & np.isfinite(y)
    count = valid.sum(axis=1)
    x, y = (_centred(array, valid, count) for array in (x, y))
    product = (x * y).sum(axis=1)
    sizes = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    usable = (count >= MIN_CELLS) & ((y**2).sum(axis=1) > 0)
    correlation = np.divide(product, sizes, out=np.zeros_like(product), where=sizes > 1e-15)
    return np.asarray(correlation[usable])


def conservation_error(values: FloatArray, coarse: FloatArray, min_valid: float = 0.6) -> float:
    """Return the largest difference between a map's block means and the coarse field.

    Parameters
    ----------
    values
        ``(9 h, 9 w)``, NaN where missing.
    coarse
        ``(h, w)`` in the same unit, NaN where missing.
    min_valid
        Least share of valid fine cells for a coarse cell to be compared.
    """
    return float(np.nanmax(np.abs(block_mean(values, min_valid) - coarse)))


def _skill(x: FloatArray, y: FloatArray, within: FloatArray) -> Skill:
    difference = x - y
    bias = float(difference.mean())
    unbiased = float(np.sqrt(np.mean((difference - bias) ** 2)))
    return Skill(
        rmse=float(np.hypot(bias, unbiased)),
        bias=bias,
        ubrmse=unbiased,
        correlation=float(np.corrcoef(x, y)[0, 1]),
        subgrid_correlation=float(np.median(within)),
        pixels=x.size,
    )


def _by_cell(fine: FloatArray) -> FloatArray:
    """View ``(9 h, 9 w)`` as ``(h w, 81)``."""
    blocks = as_blocks(fine).astype(np.float64)
    return np.moveaxis(blocks, -3, -2).reshape(-1, BLOCK * BLOCK)


def _centred(cells: FloatArray, valid: NDArray[np.bool_], count: NDArray[np.int_]) -> FloatArray:
    mean = np.where(valid, cells, 0).sum(axis=1) / np.maximum(count, 1)
    return np.where(valid, cells - mean[:, None], 0)


def _same_shape(values: FloatArray, truth: FloatArray) -> None:
    if values.shape != truth.shape:
        raise GridMismatchError("map and truth", truth.shape, values.shape)
