"""Short gaps in time are bridged, long ones stay."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from engine.gaps import PeriodSeries
from engine.months import Month, Period, eight_day_periods
from engine.stages import periods_around

SPRING = list(eight_day_periods(Period(date(2019, 3, 1), date(2019, 5, 1))))
NAN = np.nan


def series_of(values: list[float], periods: list[Period] = SPRING) -> PeriodSeries:
    """Return a series of one pixel; periods without a number are not seen."""
    series = PeriodSeries(periods)
    for period, value in zip(periods, values, strict=False):
        if np.isfinite(value):
            series.add(np.array([[value]]), np.array([[1.0]]), period)
    return series


def bridged(values: list[float], periods: list[Period] = SPRING) -> list[float]:
    """Return what each period is filled with."""
    series = series_of(values, periods)
    lines = [series.bridged(index) for index in range(len(values))]
    return [NAN if line is None else float(line.item()) for line in lines]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, NAN, 3, 4], [NAN, 2, NAN, NAN]),
        ([1, NAN, NAN, 4], [NAN, 2, 3, NAN]),
        ([1, NAN, NAN, NAN, 5], [NAN] * 5),
        ([NAN, 2, NAN], [NAN] * 3),
        ([1, NAN, 3, NAN, NAN, 6], [NAN, 2, NAN, 4, 5, NAN]),
    ],
)
def test_gaps_of_two_periods_are_bridged(values: list[float], expected: list[float]) -> None:
    """On the line between their banks; longer gaps and those with one bank stay."""
    np.testing.assert_allclose(bridged(values), expected)


def test_pixels_are_bridged_one_by_one() -> None:
    """What is observed in one pixel and hidden in another is filled in the other alone."""
    series = PeriodSeries(SPRING)
    for period, row in zip(SPRING, [[1, 1], [5, NAN], [3, 3]], strict=False):
        values = np.array([row], dtype=float)
        series.add(values, np.isfinite(values).astype(float), period)
    line = series.bridged(1)
    assert line is not None
    np.testing.assert_allclose(line, [[NAN, 2]])


def test_a_short_last_period_counts_from_its_middle() -> None:
    """Around New Year the line knows that the last period of a year has five days."""
    winter = list(eight_day_periods(Period(date(2019, 12, 19), date(2020, 1, 9))))
    days = [(one.start.toordinal() + one.end.toordinal()) / 2 for one in winter]
    values = [float(day - days[0]) for day in days]
    gone = [values[0], NAN, *values[2:]]
    assert bridged(gone, winter)[1] == pytest.approx(values[1])


def test_dates_of_one_period_are_averaged_by_quality() -> None:
    """A date of half quality counts half."""
    series = PeriodSeries(SPRING)
    for value, weight in [(1.0, 1.0), (4.0, 0.5), (NAN, 1.0)]:
        series.add(np.array([[value]]), np.array([[weight]]), SPRING[0])
    mean = series.values(0)
    assert mean is not None
    assert mean.item() == pytest.approx(2)


@pytest.mark.parametrize(
    ("values", "early", "late"),
    [
        ([NAN, NAN, 1, 2, NAN, 3, 4, NAN], True, True),
        ([NAN, NAN, NAN, 2, 3, 4, 5, 6], False, False),
        ([1, NAN, NAN, NAN, NAN, NAN, NAN, 1], False, False),
        ([NAN, 2, 3, 4, 5, 6, 7, 8], True, False),
    ],
)
def test_neighbours_are_read_only_where_a_gap_leads_there(
    values: list[float],
    early: bool,
    late: bool,
) -> None:
    """A month whose gaps all end within it, or are too long, needs no others."""
    series = series_of(values)
    inside = range(len(values))
    assert series.open_end(inside, late=False) is early
    assert series.open_end(inside, late=True) is late


def test_neighbours_adjoin_the_month() -> None:
    """Two periods before and after those of the month, without a hole, also over New Year."""
    for month in (Month(2019, 1), Month(2019, 12), Month(2020, 2)):
        before, after = periods_around(month.period, 2)
        whole = [*before, *eight_day_periods(month.period), *after]
        assert (len(before), len(after)) == (2, 2)
        assert all(one.end == other.start for one, other in pairwise(whole))
