"""Which 8-day period a day belongs to, where an archive wants it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from engine.months import Period, eight_day_periods

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.months import Month


class EightDays:
    """The MODIS 8-day periods that share a day with an archive's months."""

    def __init__(self, months: Sequence[Month]) -> None:
        span = Period(months[0].first_day, months[-1].next().first_day)
        self.periods = tuple(eight_day_periods(span))
        self._by_day: dict[date, Period] = {
            period.start + timedelta(days=k): period
            for period in self.periods
            for k in range(period.days)
        }

    def of(self, day: date) -> Period | None:
        """Return the period that a day lies in, or None outside the archive's span."""
        return self._by_day.get(day)
