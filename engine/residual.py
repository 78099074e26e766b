"""What SMAP says and the model does not, given back to the 1 km map.

With ``P`` the model's map, ``A`` the mean over the valid fine cells of a coarse cell and ``S`` the
coarse soil moisture, the residual is ``R = S - A(P)``. Adding it block by block would print the
coarse cells' edges into the map; here it is interpolated.

References
----------
Tobler, W. R. (1979). Smooth pycnophylactic interpolation for geographical regions.
doi:10.1080/01621459.1979.10481647
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter

from engine.errors import GridMismatchError
from engine.grids import BLOCK, block_mean, spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type FloatArray = NDArray[np.floating]

DRIEST, WETTEST = 0.02, 0.6
"""Physical range of surface soil moisture, m3 m-3."""

_TOLERANCE = 1e-5
_ITERATIONS = 40
_BISECTIONS = 40
_OVERSHOOT, _MOST_OVERSHOOT = 0.25, 0.03
"""How far a correction may leave the range of the residuals around it: share of that range, and
m3 m-3."""
_ROOM = 2 / 3
"""Share of a pixel's way to its physical limits that others' residuals may use up."""
_REACH = 2.0
"""Coarse cells over which the residual fades where SMAP is missing."""


def conserve(
    prediction: FloatArray,
    soil_moisture: FloatArray,
    *,
    lower: float = DRIEST,
    upper: float = WETTEST,
) -> NDArray[np.float32]:
    """Correct a map so that its block means equal SMAP, without edges between blocks.

    Parameters
    ----------
    prediction
        ``(9 h, 9 w)``, m3 m-3; NaN where the model says nothing.
    soil_moisture
        ``(h, w)``, m3 m-3; NaN where missing.
    lower, upper
        Physical range, m3 m-3. A coarse value beyond it widens the range of its own cell, since
        otherwise no map could repeat it.

    Returns
    -------
    ndarray (9 h, 9 w), float32, m3 m-3
        NaN where ``prediction`` or the coarse cell is. Missing fine cells take no part in the
        mean.

    Notes
    -----
    The residual is interpolated, what its block means still lack is interpolated again, and so
    on. Left to itself that overshoots around a coarse cell that stands out: its middle would rise
    far above it, and a moat would lie around it. So no correction leaves the range of the
    residuals of the 3 × 3 coarse cells around by more than a quarter of that range and 0.03, nor
    uses up more than two thirds of the way to a physical limit unless the cell's own residual
    does. What then remains is settled by one constant per block.
    """
    _check_nesting(prediction, soil_moisture)
    target = np.where(np.isfinite(_means(prediction)), soil_moisture, np.nan)
    known = np.isfinite(prediction) & np.isfinite(spread(target))
    low = spread(np.fmin(target, lower))
    high = spread(np.fmax(target, upper))
    fine = np.where(known, prediction, np.nan).astype(np.float64)
    residual = target - _means(fine)
    limits = _limits(residual, low - fine, high - fine)
    fine = fine + _smooth_correction(residual, known, *limits)
    return _settle(fine, target, low, high).astype(np.float32)


def half_residual(
    prediction: FloatArray,
    soil_moisture: FloatArray,
    *,
    weight: float = 0.5,
    lower: float = DRIEST,
    upper: float = WETTEST,
) -> NDArray[np.float32]:
    """Add a share of the interpolated residual to a map.

    SMAP carries a bias of its own for every cell, which a full correction would import.

    Parameters
    ----------
    prediction
        ``(9 h, 9 w)``, m3 m-3; NaN where the model says nothing.
    soil_moisture
        ``(h, w)``, m3 m-3; where it is missing the nearest residual fades out with distance.
    weight
        Share of the residual, 0 to 1.
    lower, upper
        Physical range that the result is clipped to, m3 m-3.

    Returns
    -------
    ndarray (9 h, 9 w), float32, m3 m-3
    """
    _check_nesting(prediction, soil_moisture)
    residual = fade_out(soil_moisture - _means(prediction))
    return np.clip(prediction + weight * bilinear(residual), lower, upper).astype(np.float32)


def bilinear(coarse: FloatArray) -> FloatArray:
    """Interpolate coarse cell centres to the fine cell centres: ``(h, w)`` to ``(9 h, 9 w)``.

    Missing coarse cells take no part; beyond the outermost centres the value stays constant.
    """
    valid = np.isfinite(coarse)
    total = _interpolate(np.where(valid, coarse, 0.0))
    if valid.all():
        return total
    share = _interpolate(valid.astype(np.float64))
    return np.divide(total, share, out=np.full_like(total, np.nan), where=share > 0)


def edge_ratio(fine: FloatArray) -> float:
    """Compare the steps across coarse edges with those inside coarse cells.

    Parameters
    ----------
    fine
        ``(9 h, 9 w)``; NaN where missing.

    Returns
    -------
    float
        Mean absolute difference of neighbours across the edges of coarse cells ÷ the same of
        neighbours within one. 1 is a map without edges; NaN where one of the two is empty or flat.
    """
    steps = [np.abs(np.diff(fine, axis=0)), np.abs(np.diff(fine, axis=1)).T]
    across = np.concatenate([step[BLOCK - 1 :: BLOCK].ravel() for step in steps])
    inside = np.concatenate(
        [np.delete(step, np.s_[BLOCK - 1 :: BLOCK], axis=0).ravel() for step in steps]
    )
    means = [values[np.isfinite(values)] for values in (across, inside)]
    if not all(values.size for values in means) or not means[1].any():
        return float("nan")
    return float(means[0].mean() / means[1].mean())


def fade_out(residual: FloatArray) -> FloatArray:
    """Continue a coarse residual into cells without one, weaker with distance.

    Parameters
    ----------
    residual
        ``(h, w)``, NaN where missing.

    Returns
    -------
    ndarray (h, w)
        The nearest value × exp(-distance ÷ 2 cells) where it was missing; 0 where all is.
    """
    missing = ~np.isfinite(residual)
    if not missing.any() or missing.all():
        return np.where(missing, 0.0, residual)
    distance, nearest = distance_transform_edt(missing, return_indices=True)
    filled: FloatArray = residual[tuple(nearest)] * np.exp(-distance / _REACH)
    return filled


def _check_nesting(prediction: FloatArray, soil_moisture: FloatArray) -> None:
    height, width = soil_moisture.shape
    if prediction.shape != (BLOCK * height, BLOCK * width):
        raise GridMismatchError(
            "prediction", f"{BLOCK * height} × {BLOCK * width} fine cells", prediction.shape
        )


def _means(fine: FloatArray) -> FloatArray:
    """Block means over however many fine cells are valid."""
    return block_mean(fine, min_valid=0.0)


def _limits(
    residual: FloatArray, driest: FloatArray, wettest: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the least and the greatest correction of every pixel.

    Parameters
    ----------
    residual
        ``(h, w)``, NaN where missing.
    driest, wettest
        ``(9 h, 9 w)`` corrections that lead to the physical limits.
    """
    missing = ~np.isfinite(residual)
    least = minimum_filter(np.where(missing, np.inf, residual), 3, mode="nearest")
    most = maximum_filter(np.where(missing, -np.inf, residual), 3, mode="nearest")
    beyond = np.minimum(_OVERSHOOT * (most - least), _MOST_OVERSHOOT)
    own = spread(residual)
    down = np.maximum(spread(least - beyond), np.minimum(own, _ROOM * driest))
    up = np.minimum(spread(most + beyond), np.maximum(own, _ROOM * wettest))
    return np.maximum(down, driest), np.minimum(up, wettest)


def _smooth_correction(
    residual: FloatArray, known: NDArray[np.bool_], least: FloatArray, most: FloatArray
) -> FloatArray:
    """Pycnophylactic iteration: a smooth field within limits whose block means are the residual."""
    correction = np.where(known, bilinear(residual), np.nan)
    for _ in range(_ITERATIONS):
        lacking = residual - _means(correction)
        if not np.nanmax(np.abs(lacking), initial=0.0) > _TOLERANCE:
            break
        correction = np.clip(correction + bilinear(lacking), least, most)
    return correction


def _settle(fine: FloatArray, target: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Shift every block by the constant that makes its clipped mean right, by bisection."""
    widest = float(np.nanmax(np.abs(high - low), initial=0.0))
    below, above = np.full(target.shape, -widest), np.full(target.shape, widest)

    def shifted(shift: FloatArray) -> FloatArray:
        return np.clip(fine + spread(shift), low, high)

    for _ in range(_BISECTIONS):
        middle = (below + above) / 2
        too_dry = _means(shifted(middle)) < target
        below, above = np.where(too_dry, middle, below), np.where(too_dry, above, middle)
    return shifted((below + above) / 2)


def _interpolate(coarse: FloatArray) -> FloatArray:
    """Separable linear interpolation, constant beyond the outermost centres."""
    rows = _along_rows(coarse.shape[0])(coarse.astype(np.float64))
    return _along_rows(coarse.shape[1])(rows.T).T


def _along_rows(count: int) -> Callable[[FloatArray], FloatArray]:
    """Return linear interpolation of ``count`` rows to ``9 × count``."""
    position = np.clip((np.arange(count * BLOCK) + 0.5) / BLOCK - 0.5, 0, count - 1)
    first = np.minimum(position.astype(int), max(count - 2, 0))
    second = np.minimum(first + 1, count - 1)
    share = (position - first)[:, np.newaxis]

    def interpolate(values: FloatArray) -> FloatArray:
        mixed: FloatArray = values[first] * (1 - share) + values[second] * share
        return mixed

    return interpolate
