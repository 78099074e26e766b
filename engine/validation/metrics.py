"""Agreement of a product with a reference, many places at once.

All moments are population moments over the pairs in which both are there. ``x`` is the product,
``y`` the reference.

References
----------
Gruber, A. et al. (2020). doi:10.1016/j.rse.2020.111806

Gupta, H. V. et al. (2009). Decomposition of the mean squared error and NSE performance criteria.
doi:10.1016/j.jhydrol.2009.08.003
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from engine.errors import GridMismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]

_FLAT = 1e-12
"""Standard deviation, relative to the size of the values, below which a series is constant."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """How well products agree with references; every array is ``(...)``, one entry a place."""

    n: NDArray[np.int64]
    """Pairs."""
    bias: Floats
    """``mean(x) - mean(y)``."""
    rmse: Floats
    """``sqrt(mean((x - y)²))``."""
    ubrmse: Floats
    """``sqrt(mean(((x - mean(x)) - (y - mean(y)))²))``."""
    mae: Floats
    """``mean(|x - y|)``."""
    r: Floats
    """Pearson's correlation; NaN where one of the two is constant."""
    spearman: Floats
    """Spearman's rank correlation, ties at their mean rank."""
    slope: Floats
    """Of the regression of product on reference, ``cov(x, y) / var(y)``."""
    sd_ratio: Floats
    """``sd(x) / sd(y)``."""
    mse_correlation: Floats
    """``2 sd(x) sd(y) (1 - r)``; with the two that follow it adds up to ``rmse²``."""
    mse_variance: Floats
    """``(sd(x) - sd(y))²``."""
    mse_bias: Floats
    """``bias²``."""

    def as_mapping(self) -> Mapping[str, Floats]:
        """Return every metric but the count by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)[1:]}


def agreement(x: Floats, y: Floats, least: int = 10) -> Agreement:
    """Compare along the last axis.

    Parameters
    ----------
    x, y
        ``(..., t)`` product and reference in one unit, NaN where missing.
    least
        Pairs that a number needs; with fewer all metrics are NaN, and only the count is told.
    """
    if x.shape != y.shape:
        raise GridMismatchError("product and reference", y.shape, x.shape)
    valid = np.isfinite(x) & np.isfinite(y)
    n = valid.sum(axis=-1)
    enough = n >= max(1, least)
    x, y = _only(x, valid), _only(y, valid)
    mean_x, mean_y = _mean(x, valid, n), _mean(y, valid, n)
    dx, dy = _only(x - mean_x[..., None], valid), _only(y - mean_y[..., None], valid)
    difference = x - y
    sd_x, sd_y = _root_mean(dx**2, n), _root_mean(dy**2, n)
    bias = mean_x - mean_y
    covariance = (dx * dy).sum(axis=-1) / np.maximum(n, 1)
    r = correlation_of(covariance, sd_x, sd_y, scale=np.abs(mean_x) + np.abs(mean_y))
    known_r = np.nan_to_num(r)
    numbers = {
        "bias": bias,
        "rmse": _root_mean(difference**2, n),
        "ubrmse": _root_mean((dx - dy) ** 2, n),
        "mae": np.abs(difference).sum(axis=-1) / np.maximum(n, 1),
        "r": r,
        "spearman": spearman(x, y, valid),
        "slope": _ratio(covariance, sd_y**2),
        "sd_ratio": _ratio(sd_x, sd_y),
        "mse_correlation": 2 * sd_x * sd_y * (1 - known_r),
        "mse_variance": (sd_x - sd_y) ** 2,
        "mse_bias": bias**2,
    }
    return Agreement(n=n, **{name: np.where(enough, one, np.nan) for name, one in numbers.items()})


def spearman(x: Floats, y: Floats, valid: NDArray[np.bool_]) -> Floats:
    """Return Spearman's rank correlation along the last axis."""
    ranks = [
        np.nan_to_num(rankdata(np.where(valid, one, np.nan), axis=-1, nan_policy="omit"))
        for one in (x, y)
    ]
    n = valid.sum(axis=-1)
    dx, dy = (_only(one - _mean(one, valid, n)[..., None], valid) for one in ranks)
    covariance = (dx * dy).sum(axis=-1) / np.maximum(n, 1)
    return correlation_of(covariance, _root_mean(dx**2, n), _root_mean(dy**2, n), scale=1.0)


def correlation_of(
    covariance: Floats, sd_x: Floats, sd_y: Floats, *, scale: Floats | float = 0.0
) -> Floats:
    """Return correlations from moments; NaN where one of the two does not vary."""
    flat = _FLAT * np.maximum(scale, 1e-3)
    varies = (sd_x > flat) & (sd_y > flat)
    size = np.where(varies, sd_x * sd_y, 1.0)
    return np.where(varies, np.clip(covariance / size, -1.0, 1.0), np.nan)


def climatology_anomalies(values: Floats, calendar: NDArray[np.integer]) -> Floats:
    """Return anomalies from the mean over the same calendar month of all *other* years.

    Parameters
    ----------
    values
        ``(..., t)``, NaN where missing.
    calendar
        ``(t,)`` month of the year, 1 to 12.

    Returns
    -------
    ndarray (..., t), float64
        NaN where no other year has the month.

    Notes
    -----
    Leaving the year itself out keeps three or four values from explaining each other: a month of
    the year with n values keeps ``n / (n - 1)`` times its deviation from their mean.
    """
    anomalies = np.full(values.shape, np.nan)
    for month in np.unique(calendar):
        same = np.flatnonzero(calendar == month)
        mine = values[..., same]
        known = np.isfinite(mine)
        total = np.where(known, mine, 0.0).sum(axis=-1, keepdims=True)
        others = known.sum(axis=-1, keepdims=True) - known
        mean = (total - np.where(known, mine, 0.0)) / np.maximum(others, 1)
        anomalies[..., same] = np.where(known & (others > 0), mine - mean, np.nan)
    return anomalies


def _only(values: Floats, valid: NDArray[np.bool_]) -> Floats:
    return np.where(valid, values, 0.0)


def _mean(values: Floats, valid: NDArray[np.bool_], n: NDArray[np.int64]) -> Floats:
    return np.asarray(_only(values, valid).sum(axis=-1) / np.maximum(n, 1))


def _root_mean(squares: Floats, n: NDArray[np.int64]) -> Floats:
    return np.asarray(np.sqrt(squares.sum(axis=-1) / np.maximum(n, 1)))


def _ratio(one: Floats, other: Floats) -> Floats:
    return np.where(other > 0, one / np.where(other > 0, other, 1.0), np.nan)
