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
        self._sums: _Sums | None = None

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
        from engine.pixel_sums import add_map  # noqa: PLC0415 - numba takes a second to load

        if self._sums is None:
            self._sums = _Sums.none(values.shape)
        least, part = (0, self._sums.between) if interpolated else (1, self._sums.good)
        sums = (self._sums.total, self._sums.weight, part)
        add_map(_as_pixels(values), _as_pixels(weight), days, least, *map(np.ravel, sums))

    def result(self, min_support: float = MIN_SUPPORT) -> Composite:
        """Return the mean of the maps taken so far.

        Parameters
        ----------
        min_support
            Least support; below it the mean is missing. One asks for every day at full quality.
        """
        if self._sums is None:
            raise ValueError("no map was added")
        sums = self._sums
        support = sums.weight / np.float32(self.cadence.expected(self.span))
        enough = (sums.weight > 0) & (support >= min_support - 1e-6)
        mean = np.full(support.shape, np.nan, np.float32)
        np.divide(sums.total, sums.weight, out=mean, where=enough)
        return Composite(
            values=mean, support=support, level=np.where(enough, sums.level(), np.uint8(GOOD))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """What a mean has taken so far, each ``(y, x)``, float32."""

    total: NDArray[np.float32]
    """Sum of weight × days × value."""
    weight: NDArray[np.float32]
    """Sum of weight × days."""
    good: NDArray[np.float32]
    """The part of it that was observed at full quality."""
    between: NDArray[np.float32]
    """The part of it that was interpolated."""

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Self:
        # Memory that nobody writes to, as where nothing is interpolated, is never really taken.
        total, weight, good, between = (np.zeros(shape, np.float32) for _ in range(4))
        return cls(total=total, weight=weight, good=good, between=between)

    def level(self) -> NDArray[np.uint8]:
        """Return the least level at or below which at least half of the weight lies."""
        half = self.weight / 2
        observed = np.where(self.good >= half, np.uint8(GOOD), np.uint8(SECOND_TIER))
        return np.where(self.between > half, np.uint8(INTERPOLATED), observed)


def _as_pixels(values: Floats) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, np.float32).reshape(-1)
