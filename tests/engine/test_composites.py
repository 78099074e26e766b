"""Means over a month count by shared days and quality."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.composites import Cadence, MeanOverTime
from engine.months import Month, Period, eight_day_period, eight_day_periods

EIGHT_DAYS = Cadence(length=8, spacing=8)
DAILY = Cadence(length=1, spacing=1)


def one(value: float) -> np.ndarray:
    """Return a map of one pixel."""
    return np.array([[value]])


def day(when: date) -> Period:
    """Return a period of one day."""
    return Period(when, when + timedelta(1))


def mean_of(
    month: Month, cadence: Cadence, maps: list[tuple[Period, float, float]], least: float = 0.25
) -> tuple[float, float]:
    """Return mean and support of one pixel's periods, values and weights."""
    mean = MeanOverTime(month.period, cadence)
    for period, value, weight in maps:
        mean.add(one(value), one(weight), period.shared_days(month.period))
    composite = mean.result(least)
    return float(composite.values.item()), float(composite.support.item())


def test_a_composite_counts_by_the_days_it_shares() -> None:
    """The period of 25 January gives seven days to January and one to February."""
    first = eight_day_period(date(2019, 1, 25))
    second = eight_day_period(date(2019, 2, 2))
    maps = [(first, 10.0, 1.0), (second, 20.0, 1.0)]
    assert mean_of(Month(2019, 1), EIGHT_DAYS, maps, 0.1)[0] == pytest.approx(10)
    assert mean_of(Month(2019, 2), EIGHT_DAYS, maps)[0] == pytest.approx((10 + 8 * 20) / 9)


def test_the_last_period_of_a_leap_year_counts_six_days() -> None:
    """December 2020 takes six days from the period of day 361 and two from that of day 329."""
    periods = list(eight_day_periods(Month(2020, 12).period))
    maps = [(period, float(k), 1.0) for k, period in enumerate(periods)]
    days = [period.shared_days(Month(2020, 12).period) for period in periods]
    assert (days[0], days[-1]) == (1, 6)
    mean, support = mean_of(Month(2020, 12), EIGHT_DAYS, maps)
    assert mean == pytest.approx(np.average(range(len(days)), weights=days))
    assert support == pytest.approx(1)


def test_quality_counts() -> None:
    """A map of half quality pulls half as hard."""
    month = Month(2020, 2)
    maps = [(day(date(2020, 2, k)), 1.0, 1.0) for k in range(1, 15)]
    maps += [(day(date(2020, 2, k)), 4.0, 0.5) for k in range(15, 29)]
    mean, support = mean_of(month, DAILY, maps)
    assert mean == pytest.approx(2)
    assert support == pytest.approx(21 / 29)


def test_too_few_days_are_a_gap() -> None:
    """Seven of 28 days are a quarter and enough; six are not."""
    month = Month(2019, 2)
    maps = [(day(date(2019, 2, k)), 5.0, 1.0) for k in range(1, 8)]
    assert mean_of(month, DAILY, maps)[0] == pytest.approx(5)
    assert np.isnan(mean_of(month, DAILY, maps[:-1])[0])


@pytest.mark.parametrize("first", range(1, 9))
def test_every_eighth_day_of_a_daily_product_is_complete(first: int) -> None:
    """Four dates in a month support it fully when the archive has no more, wherever they fall."""
    dates = [date(2019, 1, first) + timedelta(8 * k) for k in range(40)]
    cadence = Cadence.of(map(day, dates))
    assert cadence == Cadence(length=1, spacing=8)
    inside = [d for d in dates if Month.of(d) == Month(2019, 3)]
    mean, support = mean_of(Month(2019, 3), cadence, [(day(d), 0.4, 1.0) for d in inside])
    assert mean == pytest.approx(0.4)
    assert support == pytest.approx(1, abs=0.3)
    assert np.isfinite(mean_of(Month(2019, 3), cadence, [(day(inside[0]), 0.4, 1.0)])[0])


def test_a_gap_in_an_archive_does_not_change_its_cadence() -> None:
    """A missing month leaves a daily product daily, so one day is not enough for a month."""
    dates = [date(2019, 1, 1) + timedelta(k) for k in range(200) if not 40 < k < 80]
    assert Cadence.of(map(day, dates)) == DAILY


def test_year_ends_do_not_change_the_cadence() -> None:
    """The short period at the end of a year leaves an 8-day product an 8-day product."""
    periods = eight_day_periods(Period(date(2019, 1, 1), date(2021, 1, 1)))
    assert Cadence.of(periods) == EIGHT_DAYS


def test_one_granule_declares_its_own_length() -> None:
    """An archive with a single composite takes it as its cadence."""
    assert Cadence.of([eight_day_period(date(2019, 1, 1))]) == EIGHT_DAYS


def test_all_days_may_be_asked_for() -> None:
    """With a least support of one, a single missing day makes a gap."""
    month = Month(2019, 2)
    maps = [(day(date(2019, 2, k)), float(k), 1.0) for k in range(1, 29)]
    assert mean_of(month, DAILY, maps, 1.0)[0] == pytest.approx(14.5)
    maps[3] = (maps[3][0], np.nan, 1.0)
    assert np.isnan(mean_of(month, DAILY, maps, 1.0)[0])


@given(
    value=st.floats(-1e3, 1e3),
    weights=st.lists(st.floats(0.01, 1), min_size=4, max_size=5),
    month=st.builds(Month, st.integers(2018, 2021), st.integers(1, 12)),
)
def test_a_constant_stays_that_constant(value: float, weights: list[float], month: Month) -> None:
    """Whatever the weights and the calendar, the mean of equal values is that value."""
    periods = list(eight_day_periods(month.period))
    maps = [(p, value, w) for p, w in zip(periods, weights, strict=False)]
    mean, support = mean_of(month, EIGHT_DAYS, maps, 0)
    assert mean == pytest.approx(np.float32(value), rel=1e-6)
    assert 0 < support <= 1 + 1e-6


def test_a_missing_value_counts_nothing_whatever_its_weight() -> None:
    """A NaN with full weight is no value."""
    period = eight_day_period(date(2019, 1, 1))
    maps = [(period, np.nan, 1.0), (eight_day_period(date(2019, 1, 9)), 3.0, 1.0)]
    assert mean_of(Month(2019, 1), EIGHT_DAYS, maps)[0] == pytest.approx(3)


def test_no_map_is_an_error() -> None:
    """A mean of nothing does not exist, nor does a cadence of nothing."""
    with pytest.raises(ValueError, match="no map"):
        MeanOverTime(Month(2019, 1).period, DAILY).result()
    with pytest.raises(ValueError, match="at least one"):
        Cadence.of([])
