"""Means over a month, or another span of days, of maps that were made on other days.

The order is fixed: quality, then scale (both in the readers), then time on the native grid,
here, then space. A composite counts by the days that it shares with the month and is never
assigned whole to the month of its file's date.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from engine.months import Period

    type Floats = NDArray[np.floating]

GOOD, SECOND_TIER, INTERPOLATED, CLIMATOLOGICAL = range(4)
"""Levels of filling, from the best: observed at full quality, observed at less, between two
observations of the same pixel, and what the pixel is used to."""

MIN_SUPPORT = 0.25
"""Least share of the weight of a gap-free series below which a mean counts as missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How often an archive has a product."""

    length: float
    """Days that one granule stands for."""
    spacing: float
    """Days from one granule to the next."""

    @classmethod
    def of(cls, periods: Iterable[Period]) -> Self:
        """Infer the cadence from the periods of all granules of a product.

        A daily product of which the archive holds every eighth day is complete as it is: its
        spacing is eight days and its length one.

        >>> from datetime import date
        >>> from engine.months import Period
        >>> Cadence.of(Period(date(2019, 1, d), date(2019, 1, d + 1)) for d in (1, 9, 17))
        Cadence(length=1.0, spacing=8.0)
        """
        distinct = sorted(set(periods))
        if not distinct:
            raise ValueError("a cadence needs at least one period")
        length = float(median(period.days for period in distinct))
        starts = sorted({period.start for period in distinct})
        gaps = [(later - earlier).days for earlier, later in pairwise(starts)]
        return cls(length=length, spacing=float(median(gaps)) if gaps else length)

    def expected(self, span: Period) -> float:
        """Return the days of weight that a gap-free series brings to a span."""
        return span.days * self.length / self.spacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """A mean over time on the native grid."""

    values: NDArray[np.float32]
    """``(y, x)``, in the unit of what was averaged; NaN where too little was seen."""
    support: NDArray[np.float32]
    """``(y, x)`` weight that was seen, as a share of a gap-free series at full quality."""
    level: NDArray[np.uint8]
    """``(y, x)`` what most of the weight is: :data:`GOOD`, :data:`SECOND_TIER` or
    :data:`INTERPOLATED`; 0 where missing."""


class MeanOverTime:
    """A weighted mean over a span of days, fed one map at a time.

    Parameters
    ----------
    span
        The days to average over.
    cadence
        How often the archive has the product.

    Notes
    -----
    With w the days that a map shares with the span and q its quality weight, the mean is
    sum(w q x) / sum(w q), and the support is sum(w q) over that of a gap-free series.
    """

    def __init__(self, span: Period, cadence: Cadence) -> None:
        self.span, self.cadence = span, cadence
        self._total: Floats | None = None
        self._weight: Floats | None = None
        self._good: Floats = np.zeros((), np.float32)
        self._between: Floats = np.zeros((), np.float32)

    def add(
        self, values: Floats, weight: Floats, days: float, *, interpolated: bool = False
    ) -> None:
        """Take one map.

        Parameters
        ----------
        values
            ``(y, x)``, NaN where missing.
        weight
            ``(y, x)`` quality weight, 0 to 1.
        days
            Days that the map shares with the span.
        interpolated
            Whether it was interpolated between observations.
        """
        counted = np.where(np.isfinite(values), weight, 0.0) * float(days)
        filled = np.where(counted > 0, values, 0.0)
        if self._total is None or self._weight is None:
            self._total, self._weight = filled * counted, counted
        else:
            self._total += filled * counted
            self._weight += counted
        if interpolated:
            self._between = self._between + counted
        else:
            self._good = self._good + counted * (weight >= 1)

    def result(self, min_support: float = MIN_SUPPORT) -> Composite:
        """Return the mean of the maps taken so far.

        Parameters
        ----------
        min_support
            Least support; below it the mean is missing. One asks for every day at full quality.
        """
        if self._total is None or self._weight is None:
            raise ValueError("no map was added")
        support = self._weight / self.cadence.expected(self.span)
        enough = (self._weight > 0) & (support >= min_support - 1e-6)
        mean = np.full(self._total.shape, np.nan)
        np.divide(self._total, self._weight, out=mean, where=enough)
        return Composite(
            values=mean.astype(np.float32),
            support=support.astype(np.float32),
            level=np.where(enough, self._level(self._weight), GOOD).astype(np.uint8),
        )

    def _level(self, weight: Floats) -> Floats:
        """Return the least level at or below which at least half of the weight lies."""
        observed = np.where(self._good >= weight / 2, GOOD, SECOND_TIER)
        return np.where(self._between > weight / 2, INTERPOLATED, observed)
