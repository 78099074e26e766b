"""Errors of three independent witnesses of one truth, without the truth.

Three series that see the same truth with errors of their own tell by their covariances how large
each one's errors are. The art is to find three whose errors have nothing in common; see
:mod:`engine.witnesses` for those that soil moisture has.

References
----------
Stoffelen, A. (1998). Toward the true near-surface wind speed: error modeling and calibration using
triple collocation. doi:10.1029/97JC03180

Gruber, A. et al. (2016). Recent advances in (soil moisture) triple collocation analysis.
doi:10.1016/j.jag.2015.09.002
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.months import Month

    type FloatArray = NDArray[np.floating]

MIN_TRIPLETS = 100
"""Fewest values of each of the three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collocation:
    """What three witnesses say of the first one."""

    error: float
    """Variance of its errors, in its unit squared."""
    signal: float
    """Variance of the truth in its unit."""

    @property
    def noise_share(self) -> float:
        """Share of its variance that is error, 0 to 1."""
        return self.error / (self.error + self.signal)


def triple_collocation(x: FloatArray, y: FloatArray, z: FloatArray) -> Collocation | None:
    """Return the error variance of the first of three witnesses.

    Parameters
    ----------
    x, y, z
        Arrays of one shape, each in a unit of its own, NaN where missing.

    Returns
    -------
    Collocation or None
        None where there are too few triplets, or where two of the witnesses do not agree at all,
        so that nothing can be told. An error variance is at least 0 and at most the variance.

    Notes
    -----
    With ``x = T + e``, ``y = a T + f``, ``z = b T + g`` and errors that know nothing of each other
    or of ``T``: ``var(T) = cov(x, y) cov(x, z) / cov(y, z)``, ``var(e) = var(x) - var(T)``.
    """
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(z)
    if known.sum() < MIN_TRIPLETS:
        return None
    moments = np.cov(np.stack([member[known].astype(np.float64) for member in (x, y, z)]))
    agreements = moments[0, 1], moments[0, 2], moments[1, 2]
    if min(agreements) <= 0:
        return None
    total = float(moments[0, 0])
    signal = min(float(agreements[0] * agreements[1] / agreements[2]), total)
    return Collocation(error=total - signal, signal=signal)


def deseasonalised(values: FloatArray, months: Sequence[Month]) -> NDArray[np.float64]:
    """Return anomalies from each place's mean over the same month of the year.

    Parameters
    ----------
    values
        ``(t, ...)``; NaN where missing.
    months
        ``(t,)`` their months.

    Returns
    -------
    ndarray (t, ...), float64
        A month of the year that occurs n times keeps only ``(n - 1) / n`` of its variance, so
        anomalies are widened by the square root of the inverse; one that occurs once is NaN.
    """
    anomalies = np.full(values.shape, np.nan)
    calendar = np.array([month.month for month in months])
    for number in np.unique(calendar):
        same = calendar == number
        count = int(same.sum())
        if count > 1:
            mine = values[same].astype(np.float64)
            anomalies[same] = (mine - mine.mean(axis=0)) * np.sqrt(count / (count - 1))
    return anomalies


def persistence(anomalies: FloatArray, months: Sequence[Month]) -> float:
    """Return the correlation of all places' anomalies with those of the month before.

    Parameters
    ----------
    anomalies
        ``(t, ...)``; NaN where missing.
    months
        ``(t,)`` their months, in order; gaps are stepped over.
    """
    follows = [k for k in range(1, len(months)) if months[k - 1].next() == months[k]]
    before, after = anomalies[[k - 1 for k in follows]], anomalies[follows]
    known = np.isfinite(before) & np.isfinite(after)
    if not known.any():
        return float("nan")
    x, y = before[known], after[known]
    size = float(np.sqrt(np.mean(x**2) * np.mean(y**2)))
    return float(np.mean(x * y)) / size if size > 0 else float("nan")
