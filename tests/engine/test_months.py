"""Months and 8-day periods."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.months import Month, Period, eight_day_period, eight_day_periods, month_range

MONTHS = st.builds(Month, st.integers(1900, 2100), st.integers(1, 12))
DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
PERIODS = st.builds(lambda day, days: Period(day, day + timedelta(days)), DAYS, st.integers(1, 60))


@given(MONTHS)
def test_a_month_survives_its_own_text(month: Month) -> None:
    """Writing a month and reading it back changes nothing."""
    assert Month.parse(str(month)) == month


@given(MONTHS, st.integers(-500, 500))
def test_shifting_there_and_back_is_no_shift(month: Month, count: int) -> None:
    """Moving by some months and back again ends at the start."""
    assert month.shift(count).shift(-count) == month


@given(MONTHS)
def test_months_adjoin(month: Month) -> None:
    """A month ends where the next one starts, in days and in instants."""
    assert month.period.end == month.next().first_day
    assert month.end == month.next().start
    assert month.start < month.middle < month.end
    assert month < month.next()


@pytest.mark.parametrize(("text", "days"), [("2019-02", 28), ("2020-02", 29), ("2021-12", 31)])
def test_months_have_their_calendar_length(text: str, days: int) -> None:
    """February of a leap year has 29 days."""
    assert Month.parse(text).days == days


def test_instants_are_utc() -> None:
    """A month begins at midnight UTC."""
    assert Month(2020, 1).start == datetime(2020, 1, 1, tzinfo=UTC)
    assert Month.of(date(2020, 1, 31)) == Month(2020, 1)


@pytest.mark.parametrize("text", ["2020", "2020-13", "2020-00", "20-01", "May 2020", "2020-1", ""])
def test_a_text_that_is_no_month_is_refused(text: str) -> None:
    """The error says how a month is written."""
    with pytest.raises(InputError, match="YYYY-MM"):
        Month.parse(text)


def test_an_interval_that_ends_before_it_starts_is_refused() -> None:
    """The error names both ends."""
    with pytest.raises(InputError, match=r"2020-01.*2020-02"):
        month_range(Month(2020, 2), Month(2020, 1))


@given(MONTHS, st.integers(0, 60))
def test_a_range_holds_every_month_once(first: Month, count: int) -> None:
    """A range is as long as its distance says, in order, both ends included."""
    months = month_range(first, first.shift(count))
    assert len(months) == count + 1
    assert months == tuple(sorted(set(months)))


@given(PERIODS, PERIODS)
def test_sharing_days_is_mutual_and_bounded(one: Period, other: Period) -> None:
    """Two periods share the same days with each other, at most all of the shorter one."""
    shared = one.shared_days(other)
    assert shared == other.shared_days(one)
    assert 0 <= shared <= min(one.days, other.days)
    assert one.shared_days(one) == one.days


@given(PERIODS)
def test_the_months_of_a_period_share_all_its_days(period: Period) -> None:
    """Cut by months, a period loses no day."""
    months = month_range(Month.of(period.start), Month.of(period.end))
    assert sum(period.shared_days(month.period) for month in months) == period.days


@pytest.mark.parametrize(("year", "days"), [(2019, 5), (2020, 6)])
def test_the_last_eight_day_period_ends_with_its_year(year: int, days: int) -> None:
    """The period of day 361 has 5 days, 6 in a leap year."""
    last = eight_day_period(date(year, 1, 1) + timedelta(360))
    assert last.days == days
    assert last.end == date(year + 1, 1, 1)


def test_a_period_starts_on_its_own_days_only() -> None:
    """Day 2 of a year starts no 8-day period."""
    with pytest.raises(InputError, match="day 1, 9"):
        eight_day_period(date(2020, 1, 2))


@given(MONTHS)
def test_eight_day_periods_cover_a_month_without_overlap(month: Month) -> None:
    """The periods of a month adjoin, and together share each of its days once."""
    periods = list(eight_day_periods(month.period))
    assert sum(period.shared_days(month.period) for period in periods) == month.days
    assert all(one.end == two.start for one, two in pairwise(periods))
