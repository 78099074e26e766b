"""Long gaps: what a pixel is used to in that month of the year, moved by how this year differs.

A pixel that stayed missing for a month, after bridging, is given its mean over the same calendar
month of the archive's other years, plus the anomaly of its 9 km block: how far the block's valid
pixels are from what they were in the very years of that mean, so that a pixel which clouds hid in
a warm year, too, is not taken for a cold one. Only what was observed or bridged counts, and the
years are those of the archive, whatever was asked for. Without another year a pixel stays missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.feature_data import LEVEL
from engine.grids import BLOCK, block_mean, spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    type Floats = NDArray[np.floating]

CLIMATOLOGICAL = 3
"""Level of filling of what this module fills."""

MIN_ANOMALY = 0.25
"""Least share of a block whose anomaly is known; below it the anomaly of the whole area serves."""

MIN_MISSING = 0.001
"""Least share of missing pixels that is filled; a model takes the few below it as missing."""


class Climatology:
    """Fills a month from the same month of other years, which are taken one by one.

    Parameters
    ----------
    values
        ``(9 h, 9 w)`` the month, NaN where missing.
    """

    def __init__(self, values: Floats) -> None:
        self.values = values
        self._sum = np.zeros(values.shape, np.float64)
        self._count = np.zeros(values.shape, np.uint16)
        self._low, self._high = np.inf, -np.inf
        self._see(values)

    def add(self, other: Floats) -> None:
        """Take the same month of another year, ``(9 h, 9 w)``, NaN where missing."""
        guess = other + coarse_anomaly(self.values - other)
        known = np.isfinite(guess)
        self._sum += np.where(known, guess, 0)
        self._count += known
        self._see(other)

    def filled(self) -> NDArray[np.float32]:
        """Return the month, filled as far as other years reach, NaN elsewhere.

        What was filled lies within the range of all that was seen in this and the other years, so
        that no leaf area becomes negative.
        """
        mean = np.where(self._count > 0, self._sum / np.maximum(self._count, 1), np.nan)
        guess = np.clip(mean, self._low, self._high)
        return np.where(np.isfinite(self.values), self.values, guess).astype(np.float32)

    def _see(self, values: Floats) -> None:
        seen = values[np.isfinite(values)]
        self._low = min(self._low, float(seen.min(initial=np.inf)))
        self._high = max(self._high, float(seen.max(initial=-np.inf)))


def coarse_anomaly(anomaly: Floats) -> Floats:
    """Spread the mean anomaly of every 9 km block over its pixels.

    Parameters
    ----------
    anomaly
        ``(9 h, 9 w)`` this month less that of another year, NaN where either is missing.

    Returns
    -------
    ndarray (9 h, 9 w)
        Where less than a quarter of a block is known, the mean over the whole area; NaN
        throughout, where less than a quarter of a block's number of pixels is known in all.
    """
    known = np.isfinite(anomaly)
    if known.sum() < MIN_ANOMALY * BLOCK**2:
        return np.full(anomaly.shape, np.nan)
    blocks = block_mean(anomaly, MIN_ANOMALY)
    whole = anomaly[known].mean(dtype=np.float64)
    return spread(np.where(np.isfinite(blocks), blocks, whole))


def has_gaps(data: xr.Dataset, names: Iterable[str]) -> bool:
    """Tell whether any of some features misses enough to be worth the reading of other years."""
    return any(np.isnan(data[name].to_numpy()).mean() > MIN_MISSING for name in names)


def filled_features(
    data: xr.Dataset, others: Iterable[xr.Dataset], names: Sequence[str]
) -> xr.Dataset:
    """Fill what is missing in some features of a month, and set its level of filling.

    Parameters
    ----------
    data
        The features (y, x) of the month and, where something was filled, their levels.
    others
        The same month of other years, not filled from yet other ones; read one by one.
    names
        The features.
    """
    usual = {name: Climatology(data[name].to_numpy()) for name in names}
    for other in others:
        for name in names:
            usual[name].add(other[name].to_numpy())
    result = data.copy()
    for name in names:
        before, after = data[name].to_numpy(), usual[name].filled()
        added = np.isfinite(after) & ~np.isfinite(before)
        if added.any():
            result[name] = data[name].copy(data=after)
            result[f"{LEVEL}{name}"] = (("y", "x"), _levels(data, name, added), {"units": "1"})
    return result


def _levels(data: xr.Dataset, name: str, added: NDArray[np.bool_]) -> NDArray[np.uint8]:
    known = data.get(f"{LEVEL}{name}")
    before = np.zeros(added.shape, np.uint8) if known is None else known.to_numpy()
    return np.where(added, np.uint8(CLIMATOLOGICAL), before)
