"""Area-to-point kriging on a regular grid: a coarse residual as a field of fine cells.

A baseline that others use after a regression. The variogram of points is found from that of the
coarse cells (deconvolution); then every fine cell is the best linear guess from the 5 × 5 coarse
cells around, and the mean over each coarse cell is what it was.

References
----------
Kyriakidis, P. C. (2004). A geostatistical framework for area-to-point spatial interpolation.
doi:10.1111/j.1538-4632.2004.tb01135.x
Goovaerts, P. (2008). Kriging and semivariogram deconvolution in the presence of irregular
geographical units. doi:10.1007/s11004-007-9129-1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.residual import fade_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type FloatArray = NDArray[np.floating]

_REACH = 2
"""Coarse cells to each side that a guess is made from."""
_RANGES = np.geomspace(0.3, 30, 40)
"""Ranges of the points' exponential covariance that are tried, in coarse cells."""
_LAGS = 6


def area_to_point(coarse: FloatArray, factor: int) -> NDArray[np.float64]:
    """Spread a coarse field over fine cells.

    Parameters
    ----------
    coarse
        ``(h, w)``, NaN where missing; there it fades out.
    factor
        Fine cells along a side of a coarse one.

    Returns
    -------
    ndarray (factor h, factor w)
        Its mean over every coarse cell is the cell's value.
    """
    known = fade_out(coarse.astype(np.float64))
    weights = kriging_weights(point_range(coarse, factor), factor)
    padded = np.pad(known, _REACH, mode="edge")
    side = 2 * _REACH + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    fine = np.einsum("hwij,abij->hawb", windows, weights)
    return np.asarray(fine.reshape(known.shape[0] * factor, known.shape[1] * factor))


def point_range(coarse: FloatArray, factor: int) -> float:
    """Return the range of the points' covariance whose means over cells fit a field best.

    Parameters
    ----------
    coarse
        ``(h, w)``, NaN where missing.
    factor
        Points along a side of a cell.

    Returns
    -------
    float
        In coarse cells. The sill is of no matter for kriging weights.
    """
    lags = np.arange(1, min(_LAGS, min(coarse.shape) - 1) + 1)
    found = np.array([_semivariance(coarse, lag) for lag in lags])
    usable = np.isfinite(found)
    if not usable.any() or not np.nanmax(found) > 0:
        return float(_RANGES[0])
    misfit = [
        _misfit(found[usable], _regularised(lags[usable], reach, factor)) for reach in _RANGES
    ]
    return float(_RANGES[int(np.argmin(misfit))])


def kriging_weights(reach: float, factor: int) -> NDArray[np.float64]:
    """Return the weights ``(factor, factor, 5, 5)`` of the cells around for each fine cell.

    Ordinary kriging: they sum to 1, and their mean over the fine cells is 1 for the own cell and 0
    for the others.
    """
    side = 2 * _REACH + 1
    points = (np.arange(factor) + 0.5) / factor - 0.5
    inside = np.stack(np.meshgrid(points, points, indexing="ij"), axis=-1).reshape(-1, 2)
    offsets = np.arange(side) - _REACH
    cells = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1).reshape(-1, 2)
    every = cells[:, None, :] + inside[None, :, :]
    flat = every.reshape(-1, 2)
    covariance = _covariance(flat[:, None, :] - flat[None, :, :], reach)
    count = len(cells)
    between = covariance.reshape(count, len(inside), count, len(inside)).mean(axis=(1, 3))
    to_point = _covariance(every[:, :, None, :] - inside[None, None, :, :], reach).mean(axis=1)
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = between
    system[count, count] = 0
    solved = np.linalg.solve(system, np.vstack([to_point, np.ones(len(inside))]))[:count]
    return solved.T.reshape(factor, factor, side, side)


def _covariance(distance: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    return np.exp(-np.hypot(distance[..., 0], distance[..., 1]) / reach)


def _semivariance(coarse: FloatArray, lag: int) -> float:
    steps = (coarse[lag:] - coarse[:-lag], coarse[:, lag:] - coarse[:, :-lag])
    squares = np.concatenate([step.ravel().astype(np.float64) ** 2 for step in steps])
    known = squares[np.isfinite(squares)]
    return float(known.mean()) / 2 if known.size else float("nan")


def _regularised(lags: NDArray[np.int_], reach: float, factor: int) -> NDArray[np.float64]:
    """Return the variogram of means over cells, of points with sill 1, along a row."""
    points = (np.arange(factor) + 0.5) / factor
    inside = np.stack(np.meshgrid(points, points, indexing="ij"), axis=-1).reshape(-1, 2)

    def mean(lag: int) -> float:
        shifted = inside + np.array([0.0, lag])
        return float(_covariance(inside[:, None, :] - shifted[None, :, :], reach).mean())

    own = mean(0)
    return np.array([own - mean(int(lag)) for lag in lags])


def _misfit(found: NDArray[np.float64], model: NDArray[np.float64]) -> float:
    """Return what remains after the best sill, nearer lags counting more."""
    weight = 1 / np.arange(1, len(found) + 1)
    sill = float((weight * found * model).sum() / max((weight * model**2).sum(), 1e-300))
    return float((weight * (found - sill * model) ** 2).sum())
