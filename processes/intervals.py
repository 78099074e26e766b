"""Months as requests write them: ``2020-05``, ``2020-05/2020-07``, RFC 3339 times, ``..``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from engine.errors import InputError
from engine.months import Month, month_range

if TYPE_CHECKING:
    from collections.abc import Sequence

ALLOWED = (
    "a month YYYY-MM, an RFC 3339 date or time, or an interval start/end of them, "
    "where .. leaves an end open"
)
_MONTH = re.compile(r"\d{4}-\d{2}")
_OPEN = ("..", "")


@dataclass(frozen=True, slots=True)
class MonthInterval:
    """The months from ``first`` to ``last``, both included; None leaves an end open."""

    first: Month | None
    last: Month | None

    @classmethod
    def parse(cls, text: str, field: str = "datetime") -> Self:
        """Read an OGC ``datetime``.

        An end at the very first instant of a month does not touch that month, since months are
        half-open.

        >>> MonthInterval.parse("2020-05-01T00:00:00Z/2020-08-01T00:00:00Z").last
        Month(year=2020, month=7)

        Raises
        ------
        InputError
            Where the text is none of the allowed, or the interval ends before it starts.
        """
        parts = [part.strip() for part in text.split("/")]
        if len(parts) > 2 or parts in ([""], [".."]):
            raise InputError(field, f"{text!r} is no month or interval", ALLOWED)
        if len(parts) == 1:
            month = _first_month(parts[0], field)
            return cls(month, month)
        first = None if parts[0] in _OPEN else _first_month(parts[0], field)
        last = None if parts[1] in _OPEN else _last_month(parts[1], field, first)
        if first is not None and last is not None and last < first:
            raise InputError(
                field,
                f"the interval {text!r} ends before it starts",
                "an interval whose start is not after its end",
            )
        return cls(first, last)

    @property
    def count(self) -> int | None:
        """Number of months; None where an end is open.

        >>> MonthInterval.parse("2019-11/2020-01").count
        3
        """
        if self.first is None or self.last is None:
            return None
        return 12 * (self.last.year - self.first.year) + self.last.month - self.first.month + 1

    def within(self, available: Sequence[Month], field: str) -> tuple[Month, ...]:
        """Return the interval's months; open ends reach as far as ``available`` does.

        Parameters
        ----------
        available
            Sorted months of the archive; only asked where an end is open.
        field
            The input that is read, for messages.

        Raises
        ------
        InputError
            Where an end is open and the archive has no month on that side.
        """
        if (self.first is None or self.last is None) and not available:
            raise InputError(field, "an open end needs months in the archive", "both ends named")
        first = available[0] if self.first is None else self.first
        last = available[-1] if self.last is None else self.last
        if last < first:
            raise InputError(
                field,
                f"{self} lies outside the months of the archive",
                f"{available[0]} to {available[-1]}",
            )
        return month_range(first, last)

    def __str__(self) -> str:
        if self.first == self.last and self.first is not None:
            return str(self.first)
        return f"{self.first or '..'}/{self.last or '..'}"


def _first_month(text: str, field: str) -> Month:
    if _MONTH.fullmatch(text):
        return _checked(text, field)
    return Month.of(_instant(text, field))


def _last_month(text: str, field: str, first: Month | None) -> Month:
    if _MONTH.fullmatch(text):
        return _checked(text, field)
    instant = _instant(text, field)
    before = Month.of(instant - timedelta(microseconds=1))
    excluded = "T" in text.upper() and (first is None or before >= first)
    return before if excluded else Month.of(instant)


def _checked(text: str, field: str) -> Month:
    try:
        return Month.parse(text)
    except InputError as error:
        raise InputError(field, f"{text!r} is no month", ALLOWED) from error


def _instant(text: str, field: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(field, f"{text!r} is no date", ALLOWED) from None
