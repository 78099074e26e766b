"""Gaps in 8-day series: what lies between two observations of the same pixel.

A pixel that clouds hid for one or two 8-day periods is taken to lie on the line between the
periods before and after. Longer gaps are left to the climatology. Neighbours in time are those of
the archive, whatever was asked for, so that a month has the same values in any request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.months import Period

    type Floats = NDArray[np.floating]

LONGEST_GAP = 2
"""Longest gap that is bridged, in 8-day periods."""

FILLED_WEIGHT = 0.5
"""Weight of a bridged period beside an observed one, that of a second-tier observation."""

_BRIDGES = sorted(
    (
        (before, after)
        for before in range(1, LONGEST_GAP + 1)
        for after in range(1, LONGEST_GAP + 1)
        if before + after - 1 <= LONGEST_GAP
    ),
    key=sum,
)
"""How far the banks of a bridge may be from a missing period, the nearest first."""


class PeriodSeries:
    """Means of 8-day periods on one grid, fed one map at a time.

    Parameters
    ----------
    periods
        Adjoining periods, in order.
    """

    def __init__(self, periods: Sequence[Period]) -> None:
        self.periods = tuple(periods)
        self._mean: list[Floats | None] = [None] * len(self.periods)
        self._weight: list[Floats | None] = [None] * len(self.periods)

    def add(self, values: Floats, weight: Floats, period: Period) -> None:
        """Take a map for the period that shares most of its days; maps of none are left out.

        Parameters
        ----------
        values
            ``(y, x)``, NaN where missing.
        weight
            ``(y, x)`` quality weight, 0 to 1.
        period
            The days that the map stands for.
        """
        shared = [one.shared_days(period) for one in self.periods]
        if not any(shared):
            return
        index = int(np.argmax(shared))
        counted = np.where(np.isfinite(values), weight, 0)
        mean, seen = self._mean[index], self._weight[index]
        if mean is None or seen is None:
            self._mean[index] = np.where(counted > 0, values, np.nan).astype(np.float32)
            self._weight[index] = counted.astype(np.float16)
            return
        both = seen + counted
        added = np.where(counted > 0, values, 0) * counted
        np.divide(np.where(seen > 0, mean * seen, 0) + added, both, out=mean, where=both > 0)
        self._weight[index] = both.astype(np.float16)

    def values(self, index: int) -> Floats | None:
        """Return the mean of a period ``(y, x)``, NaN where missing; None without any map."""
        return self._mean[index] if 0 <= index < len(self.periods) else None

    def bridged(self, index: int) -> Floats | None:
        """Return what a period's missing pixels are between their neighbours in time.

        Returns
        -------
        ndarray (y, x) or None
            NaN where the period was observed, or lies in a gap of more than two periods, or in
            one without an end; None where that is so everywhere.
        """
        observed = self.values(index)
        result: Floats | None = None
        for before, after in _BRIDGES:
            left, right = self.values(index - before), self.values(index + after)
            if left is None or right is None:
                continue
            share = self._share(index, before, after)
            line = left + np.float32(share) * (right - left)
            if observed is not None:
                line = np.where(np.isfinite(observed), np.nan, line)
            result = line if result is None else np.where(np.isfinite(result), result, line)
        return result

    def open_end(self, inside: range, *, late: bool) -> bool:
        """Tell whether a pixel's gap leads out of some periods, and may still be bridged.

        Parameters
        ----------
        inside
            The periods that have been read.
        late
            Whether the end or the beginning is asked after.
        """
        order = list(reversed(inside)) if late else list(inside)
        if not order:
            return False
        edge = self.values(order[0])
        banks = [self.values(index) for index in order[1 : LONGEST_GAP + 1]]
        seen = [np.isfinite(bank) for bank in banks if bank is not None]
        if not seen:
            return False
        reached = np.logical_or.reduce(seen)
        return bool(reached.any() if edge is None else (reached & ~np.isfinite(edge)).any())

    def _share(self, index: int, before: int, after: int) -> float:
        """Return how far along a bridge a period lies, from middle to middle."""
        left, here, right = (
            _middle(self.periods[place]) for place in (index - before, index, index + after)
        )
        return (here - left) / (right - left)


def _middle(period: Period) -> float:
    return (period.start.toordinal() + period.end.toordinal()) / 2
