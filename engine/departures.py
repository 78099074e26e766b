"""How a month departs from what is usual at that time of the year.

What is usual is the mean of the same calendar month in all years of a series, this one included.
Few years make a poor climatology: how many there are is to be told beside every value.

References
----------
Hazen, A. (1914). Storage to be provided in impounding reservoirs for municipal water supply.
Transactions of the ASCE 77, 1539-1640 (the plotting position of the percentile).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_YEARS = 2
"""Years that a cell must have; below it there is nothing to depart from."""

type Years = NDArray[np.float32]


def anomalies(years: Years) -> Years:
    r"""Return how far each year is from the mean of all.

    Parameters
    ----------
    years
        ``(year, y, x)`` the same calendar month of several years, NaN where missing.

    Returns
    -------
    ndarray (year, y, x)
        In the unit of the values; NaN where a value is missing, or all but one year are.

    Notes
    -----
    :math:`a_k = x_k - \frac{1}{n}\sum_i x_i` over the :math:`n` years that the cell has.
    """
    known = np.isfinite(years)
    count = known.sum(axis=0)
    total = np.where(known, years, 0).sum(axis=0, dtype=np.float64)
    mean = np.where(count >= LEAST_YEARS, total / np.maximum(count, 1), np.nan)
    return (years - mean).astype(np.float32)


def percentiles(years: Years) -> Years:
    r"""Return where each year stands among all.

    Parameters
    ----------
    years
        As for :func:`anomalies`.

    Returns
    -------
    ndarray (year, y, x)
        Percent: 0 would be drier than all, 100 wetter than all; NaN as for :func:`anomalies`.

    Notes
    -----
    Hazen's position :math:`100\,(r_k - 1/2)/n`, where equal years share the mean of their ranks
    :math:`r`. It never reaches 0 or 100: of two years, one is at 25 and the other at 75.
    """
    known = np.isfinite(years)
    count = known.sum(axis=0)
    positions = np.full(years.shape, np.nan, np.float32)
    for year, position in zip(years, positions, strict=True):
        below = (years < year).sum(axis=0)
        equal = (years == year).sum(axis=0)
        told = np.isfinite(year) & (count >= LEAST_YEARS)
        position[told] = (100 * (below + equal / 2) / np.maximum(count, 1))[told]
    return positions
