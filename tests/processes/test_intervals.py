"""Months as requests write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.months import Month, month_range
from processes.intervals import MonthInterval

AVAILABLE = month_range(Month(2019, 1), Month(2021, 2))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2020-02", Month(2020, 2), Month(2020, 2)),
        ("2019-11/2020-02", Month(2019, 11), Month(2020, 2)),
        ("2020-02-29", Month(2020, 2), Month(2020, 2)),
        ("2020-01-31/2020-02-01", Month(2020, 1), Month(2020, 2)),
        ("2020-05-01T00:00:00Z/2020-08-01T00:00:00Z", Month(2020, 5), Month(2020, 7)),
        ("2020-05-01T00:00:00Z/2020-07-31T23:59:59Z", Month(2020, 5), Month(2020, 7)),
        ("2020-06-30T23:30:00-02:00", Month(2020, 7), Month(2020, 7)),
        ("2020-05-01T00:00:00Z/2020-05-01T00:00:00Z", Month(2020, 5), Month(2020, 5)),
        ("../2020-03", None, Month(2020, 3)),
        ("2020-03/..", Month(2020, 3), None),
        ("/2020-03", None, Month(2020, 3)),
        ("../..", None, None),
    ],
)
def test_every_written_form_is_read(text: str, first: Month | None, last: Month | None) -> None:
    """Months, dates, times with zones and open ends all become months in UTC."""
    interval = MonthInterval.parse(text)
    assert (interval.first, interval.last) == (first, last)


@pytest.mark.parametrize("text", ["", "..", "2020", "2020-13", "May 2020", "2020-05/x", "a/b/c"])
def test_other_texts_are_refused_by_name(text: str) -> None:
    """What is no month is refused with the input's name and what is allowed."""
    with pytest.raises(InputError, match=r"datetime: .*allowed: a month YYYY-MM"):
        MonthInterval.parse(text)


def test_an_interval_that_ends_before_it_starts_is_refused() -> None:
    """The error says which interval, and what would be right."""
    with pytest.raises(InputError, match=r"'2020-07/2020-05' ends before it starts"):
        MonthInterval.parse("2020-07/2020-05")


def test_open_ends_reach_as_far_as_the_archive() -> None:
    """An open end is the first or the last month that there is."""
    assert MonthInterval.parse("../2019-02").within(AVAILABLE, "datetime") == AVAILABLE[:2]
    assert MonthInterval.parse("2021-01/..").within(AVAILABLE, "datetime") == AVAILABLE[-2:]
    assert MonthInterval.parse("../..").within(AVAILABLE, "datetime") == AVAILABLE


def test_an_open_interval_beyond_the_archive_is_refused() -> None:
    """An interval from after the last month names the months that there are."""
    with pytest.raises(InputError, match=r"allowed: 2019-01 to 2021-02"):
        MonthInterval.parse("2022-01/..").within(AVAILABLE, "datetime")
    with pytest.raises(InputError, match="needs months in the archive"):
        MonthInterval.parse("../..").within((), "datetime")


@given(st.dates(), st.integers(0, 60))
def test_writing_and_reading_agree(day: object, count: int) -> None:
    """An interval's text reads as the same interval."""
    first = Month(day.year % 9000 + 1, day.month)
    interval = MonthInterval(first, first.shift(count))
    assert MonthInterval.parse(str(interval)) == interval
