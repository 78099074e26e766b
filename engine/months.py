"""Months and the periods that products are delivered in; all half-open, all UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import total_ordering
from typing import TYPE_CHECKING, Self

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Days ``[start, end)`` that one granule's values stand for."""

    start: date
    """First day."""
    end: date
    """The day after the last."""

    @property
    def days(self) -> int:
        """Length in days."""
        return (self.end - self.start).days

    def shared_days(self, other: Period) -> int:
        """Count the days that two periods have in common.

        >>> Period(date(2019, 1, 25), date(2019, 2, 2)).shared_days(Month(2019, 2).period)
        1
        """
        return max(0, (min(self.end, other.end) - max(self.start, other.start)).days)


@total_ordering
@dataclass(frozen=True, slots=True)
class Month:
    """One calendar month in UTC."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (1 <= self.year <= 9998 and 1 <= self.month <= 12):
            raise InputError("month", f"{self.year}-{self.month}", "a month written YYYY-MM")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``YYYY-MM``.

        >>> Month.parse("2020-02").days
        29
        """
        match = _MONTH.fullmatch(text.strip())
        if match is None:
            raise InputError("month", repr(text), "a month written YYYY-MM")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> Self:
        """Return the month that a day or a time lies in."""
        return cls(day.year, day.month)

    @property
    def period(self) -> Period:
        """The month's days."""
        return Period(date(self.year, self.month, 1), self.next().first_day)

    @property
    def first_day(self) -> date:
        """First day of the month."""
        return date(self.year, self.month, 1)

    @property
    def days(self) -> int:
        """Number of days."""
        return self.period.days

    @property
    def start(self) -> datetime:
        """First instant, with zone."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """First instant of the next month, with zone."""
        return self.next().start

    @property
    def middle(self) -> datetime:
        """The instant half-way through, with zone."""
        return self.start + (self.end - self.start) / 2

    def next(self) -> Month:
        """Return the month that follows."""
        return self.shift(1)

    def shift(self, months: int) -> Month:
        """Return the month so many later (or earlier).

        >>> str(Month(2019, 11).shift(3)), str(Month(2019, 1).shift(-1))
        ('2020-02', '2018-12')
        """
        years, month = divmod(self.month - 1 + months, 12)
        return Month(self.year + years, month + 1)

    def __lt__(self, other: Month) -> bool:
        return (self.year, self.month) < (other.year, other.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def month_range(first: Month, last: Month) -> tuple[Month, ...]:
    """Return every month from ``first`` to ``last``, both included.

    Raises
    ------
    InputError
        Where the interval ends before it starts.
    """
    if last < first:
        raise InputError(
            "datetime", f"the interval ends ({last}) before it starts ({first})", "start ≤ end"
        )
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return tuple(first.shift(k) for k in range(count))


def eight_day_period(start: date) -> Period:
    """Return the MODIS 8-day period that begins on a day.

    Periods begin on day of year 1, 9, … 361; the last one is cut at the end of the year, so it
    has 5 days, or 6 in a leap year.

    >>> eight_day_period(date(2020, 12, 26)).days
    6
    """
    day_of_year = start.timetuple().tm_yday
    if day_of_year % 8 != 1:
        raise InputError("period", f"{start} is day {day_of_year} of its year", "day 1, 9, … 361")
    return Period(start, min(start + timedelta(days=8), date(start.year + 1, 1, 1)))


def eight_day_periods(span: Period) -> Iterator[Period]:
    """Yield the MODIS 8-day periods that share a day with ``span``, in order."""
    for year in range(span.start.year, (span.end - timedelta(days=1)).year + 1):
        for day_of_year in range(1, 362, 8):
            period = eight_day_period(date(year, 1, 1) + timedelta(days=day_of_year - 1))
            if period.shared_days(span):
                yield period
