"""What eSIF says beyond the model of SIF, given back to the 1 km map as far as it is no noise.

With ``f`` the model's 8-day map, ``A`` the mean over an eSIF cell and ``E`` eSIF, the residual is
``R = E - A(f)``. It holds what the model misses and eSIF's noise. What the model misses reaches
over neighbouring cells; noise does not. So the nugget of the residual's variogram tells the share
that is noise, and the rest is the weight that the residual is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.residual import fade_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.regrid import WeightCache

    type FloatArray = NDArray[np.floating]

MIN_PAIRS = 200
"""Fewest pairs of neighbouring eSIF cells for their noise to be estimated."""
UNKNOWN_NOISE = 0.5
"""Weight of the residual where there are fewer."""

_ITERATIONS = 20
_TOLERANCE = 1e-3
"""mW m-2 nm-1 sr-1; a fortieth of eSIF's noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseResidual:
    """eSIF less the mean of the model's map, in one 8-day period."""

    values: FloatArray
    """``(ys, xs)`` on eSIF's cells, NaN where either is missing."""
    fine: FloatArray
    """``(y, x)`` the same as a smooth field on the fine grid."""
    conservation_error: float
    """Root mean square of what ``fine`` misses of ``values`` in the mean over a cell."""


def smooth_residual(
    values: FloatArray, coarse: GeoBox, fine: GeoBox, weights: WeightCache
) -> CoarseResidual:
    """Spread a residual smoothly, so that its means over the cells are what they were.

    Parameters
    ----------
    values
        ``(ys, xs)`` residual on eSIF's cells, NaN where missing; there it fades out.
    coarse, fine
        Grids of eSIF and of the map.
    weights
        Regridding weights.

    Notes
    -----
    Pycnophylactic iteration: what the interpolated field lacks in the mean over each cell is
    interpolated and added, until nothing above 0.001 mW m-2 nm-1 sr-1 lacks. Cells that the map
    covers only in part take the mean over what it covers.
    """
    to_fine = weights.bilinear(coarse, fine)
    to_coarse = weights.area(fine, coarse)
    whole = fade_out(values.astype(np.float64))
    smooth, _ = to_fine.apply(whole.astype(np.float32), min_valid=0.0)
    known = np.isfinite(values)
    lacking = np.zeros(1)
    for _ in range(_ITERATIONS):
        means, covered = to_coarse.apply(smooth, min_valid=0.0)
        lacking = np.where(known & (covered > 0), whole - np.nan_to_num(means), 0.0)
        if np.abs(lacking).max() <= _TOLERANCE:
            break
        smooth = smooth + to_fine.apply(lacking.astype(np.float32), min_valid=0.0)[0]
    missed = lacking[known] if known.any() else np.zeros(1)
    return CoarseResidual(
        values=values, fine=smooth, conservation_error=float(np.sqrt(np.mean(missed**2)))
    )


def residual_weight(residuals: Sequence[FloatArray]) -> float:
    """Estimate which share of some residuals' variance is no noise.

    Parameters
    ----------
    residuals
        ``(ys, xs)`` each, NaN where missing; of one month, or of more.

    Returns
    -------
    float
        0 to 1; 0.5 where there are too few neighbours to tell.

    Notes
    -----
    Semivariances of neighbours, ``g1``, and of next neighbours, ``g2``, are continued straight to
    distance 0: the nugget is ``2 g1 - g2``. The weight is 1 less the nugget's share in the
    variance, the shrinkage of a noisy observation towards the model.
    """
    near = [_squares(residual, 1) for residual in residuals]
    next_ = [_squares(residual, 2) for residual in residuals]
    if sum(part.size for part in near) < MIN_PAIRS or not sum(part.size for part in next_):
        return UNKNOWN_NOISE
    gamma_1, gamma_2 = (float(np.concatenate(part).mean()) / 2 for part in (near, next_))
    values = np.concatenate([residual[np.isfinite(residual)] for residual in residuals])
    variance = float(np.mean(values.astype(np.float64) ** 2))
    if variance <= 0:
        return UNKNOWN_NOISE
    nugget = min(max(2 * gamma_1 - gamma_2, 0.0), variance)
    return 1 - nugget / variance


def _squares(residual: FloatArray, lag: int) -> FloatArray:
    """Return squared differences of cells at a distance, along rows and columns."""
    along = (residual[lag:] - residual[:-lag], residual[:, lag:] - residual[:, :-lag])
    squares = np.concatenate([part.ravel().astype(np.float64) ** 2 for part in along])
    return squares[np.isfinite(squares)]
