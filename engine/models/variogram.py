"""How far a model's errors are alike: the variogram of its residuals.

References
----------
Webster, R. and Oliver, M. A. (2007). Geostatistics for environmental scientists.
doi:10.1002/9780470517277
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls
from scipy.spatial.distance import pdist

from engine.grids import COARSE_PIXEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TIMES = 24
_PLACES = 600
"""Times, and places of each, that pairs are drawn from."""
_LEAST_PAIRS = 30
_LEAST_LAGS = 4
_RANGES = 80
_STRUCTURE = 0.05
"""Least share of the sill that is structure; below it residuals are taken for pure noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variogram:
    """Half the mean squared difference of residuals by distance, and a spherical model of it."""

    lags: tuple[float, ...]
    """Mean distance of the pairs of each class, metres."""
    semivariance: tuple[float, ...]
    """Of each class, in the squared unit of the residuals."""
    pairs: tuple[int, ...]
    """Pairs of each class."""
    nugget: float
    """Of the model: semivariance at distance 0."""
    sill: float
    """Of the model: semivariance beyond the range."""
    range: float
    """Distance in metres beyond which residuals know nothing of each other; 0 for noise."""

    def model(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the model's semivariance at some distances in metres."""
        shape = spherical(distance, self.range) if self.range > 0 else np.ones_like(distance)
        modelled: NDArray[np.float64] = self.nugget + (self.sill - self.nugget) * shape
        return modelled


def spherical(distance: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """Return the spherical variogram of sill 1.

    >>> spherical(np.array([0.0, 50.0, 100.0, 200.0]), 100.0)
    array([0.    , 0.6875, 1.    , 1.    ])
    """
    ratio = np.minimum(distance / reach, 1.0)
    return 1.5 * ratio - 0.5 * ratio**3


def residual_variogram(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    time: NDArray[np.str_],
    residual: NDArray[np.float64],
    *,
    lag: float = COARSE_PIXEL,
    seed: int = 0,
) -> Variogram | None:
    """Measure and model the variogram of residuals within times.

    Parameters
    ----------
    x, y
        ``(n,)`` places in metres.
    time
        ``(n,)``; only rows of the same time are paired.
    residual
        ``(n,)``; not finite where there is none.
    lag
        Width of the classes of distance in metres.
    seed
        Draws times and places where there are too many for all pairs.

    Returns
    -------
    Variogram or None
        None where there are too few pairs for four classes.

    Notes
    -----
    Pairs reach half as far as the area does. The range is the one of a fine grid that fits best,
    with nugget and sill by non-negative least squares, weighed by the number of pairs.
    """
    distance, difference = _pairs(x, y, time, residual, seed)
    if not distance.size:
        return None
    near = distance <= distance.max() / 2
    bins = (distance[near] / lag).astype(np.int64)
    pairs = np.bincount(bins)
    enough = pairs >= _LEAST_PAIRS
    if enough.sum() < _LEAST_LAGS:
        return None
    lags = np.bincount(bins, distance[near])[enough] / pairs[enough]
    semivariance = np.bincount(bins, difference[near])[enough] / pairs[enough] / 2
    nugget, sill, reach = _fitted(lags, semivariance, pairs[enough])
    return Variogram(
        lags=tuple(lags.tolist()),
        semivariance=tuple(semivariance.tolist()),
        pairs=tuple(pairs[enough].tolist()),
        nugget=nugget,
        sill=sill,
        range=reach,
    )


def _pairs(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    time: NDArray[np.str_],
    residual: NDArray[np.float64],
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return distances and squared differences of pairs of the same time."""
    random = np.random.default_rng(seed)
    known = np.isfinite(residual)
    times = np.unique(time[known])
    distances, differences = [np.empty(0)], [np.empty(0)]
    for one in random.permutation(times)[:_TIMES]:
        rows = random.permutation(np.flatnonzero(known & (time == one)))[:_PLACES]
        distances.append(pdist(np.column_stack([x[rows], y[rows]])))
        differences.append(pdist(residual[rows, np.newaxis], "sqeuclidean"))
    return np.concatenate(distances), np.concatenate(differences)


def _fitted(
    lags: NDArray[np.float64], semivariance: NDArray[np.float64], pairs: NDArray[np.int64]
) -> tuple[float, float, float]:
    """Return nugget, sill and range of the spherical model that fits best."""
    weight = np.sqrt(pairs)
    best = (np.inf, 0.0, 0.0, 0.0)
    for reach in np.linspace(lags[0], lags[-1], _RANGES):
        shape = spherical(lags, reach)
        design = np.column_stack([np.ones_like(lags), shape]) * weight[:, np.newaxis]
        (nugget, structure), misfit = nnls(design, semivariance * weight)
        best = min(best, (misfit, float(nugget), float(structure), float(reach)))
    _, nugget, structure, reach = best
    sill = nugget + structure
    return nugget, sill, reach if structure > _STRUCTURE * sill else 0.0
