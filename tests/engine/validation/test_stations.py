"""From hours to months: what counts, and what each rule costs."""

from __future__ import annotations

import numpy as np
import pytest

from engine.months import Month, month_range
from engine.stations import Labels, Station, StationSeries
from engine.validation.rules import Rules
from engine.validation.stations import Calendar, daily_means, heat_of, monthly_means

CALENDAR = Calendar(months=month_range(Month(2020, 1), Month(2020, 3)))
STATION = Station(network="TOY", name="S1", lat=34.0, lon=113.0)


def series(
    hours: np.ndarray,
    values: np.ndarray,
    flags: list[str] | None = None,
    variable: str = "soil_moisture",
    depth: tuple[float, float] = (0.0, 0.05),
) -> StationSeries:
    start = np.datetime64("2020-01-01T00:00:00", "s")
    labels = Labels.of(flags or ["G"] * len(hours))
    return StationSeries(
        station=STATION,
        sensor="probe",
        variable=variable,
        units="m3 m-3",
        depth_from=depth[0],
        depth_to=depth[1],
        times=start + hours.astype("timedelta64[h]").astype("timedelta64[s]"),
        values=values.astype(np.float32),
        flags=labels,
        original_flags=labels,
    )


def losses(found: object) -> dict[str, tuple[int, int]]:
    return {one.rule: (one.before, one.lost) for one in found}  # type: ignore[attr-defined]


def test_days_and_months_are_plain_means() -> None:
    """Hourly values become the mean of a day, and those the mean of a month."""
    hours = np.arange(24 * 91)
    values = 0.2 + 0.001 * (hours // 24)
    days = daily_means(series(hours, values), CALENDAR, Rules())
    np.testing.assert_allclose(days.values, 0.2 + 0.001 * np.arange(91), rtol=1e-6)
    months, loss = monthly_means(days.values, CALENDAR, Rules())
    np.testing.assert_allclose(months, 0.2 + 0.001 * np.array([15, 45, 75]), rtol=1e-6)
    assert (loss.before, loss.lost) == (3, 0)


def test_a_day_needs_twelve_hours_and_a_month_twenty_days() -> None:
    """Eleven hours make no day, and nineteen days no month."""
    hours = np.concatenate([24 * day + np.arange(12) for day in range(31 + 19)])
    hours = hours[hours != 5]
    days = daily_means(series(hours, np.full(hours.size, 0.3)), CALENDAR, Rules())
    assert np.isfinite(days.values).sum() == 49
    assert np.isnan(days.values[0])
    assert losses(days.losses)["enough values in the day"] == (50, 1)
    months, loss = monthly_means(days.values, CALENDAR, Rules())
    np.testing.assert_array_equal(np.isfinite(months), [True, False, False])
    assert (loss.before, loss.lost) == (2, 1)


def test_only_plain_good_flags_count() -> None:
    """A value flagged D06 or G,D01 is lost, and counted."""
    hours = np.arange(24)
    flags = ["G"] * 20 + ["D06", "G,D01", "U", "C02"]
    values = np.where(np.arange(24) < 20, 0.2, 0.5)
    days = daily_means(series(hours, values, flags), CALENDAR, Rules())
    assert days.values[0] == pytest.approx(0.2)
    assert losses(days.losses)["flagged exactly G"] == (24, 4)


def test_missing_values_are_counted_before_flags() -> None:
    """A gap is no value, whatever its flag."""
    values = np.where(np.arange(24) < 4, np.nan, 0.2)
    found = losses(daily_means(series(np.arange(24), values), CALENDAR, Rules()).losses)
    assert found["a value is there"] == (24, 4)
    assert found["flagged exactly G"] == (20, 0)


def test_frozen_soil_is_left_out_hour_by_hour() -> None:
    """Where the soil's temperature is at or below 0 °C the hour does not count."""
    hours = np.arange(24)
    cold = np.where(hours < 6, 0.0, 4.0)
    values = np.where(hours < 6, 0.1, 0.3)
    heat = series(hours, cold, variable="soil_temperature")
    days = daily_means(series(hours, values), CALENDAR, Rules(), heat)
    assert days.values[0] == pytest.approx(0.3)
    assert losses(days.losses)["soil not frozen"] == (24, 6)


def test_the_nearest_thermometer_of_the_station_is_taken() -> None:
    """A sensor is paired with the temperature of its own depth, and never with one far below."""
    moisture = series(np.arange(3), np.full(3, 0.2))
    near = series(np.arange(3), np.ones(3), variable="soil_temperature")
    deep = series(np.arange(3), np.ones(3), variable="soil_temperature", depth=(0.5, 0.5))
    assert heat_of(moisture, [deep, near, moisture]) is near
    assert heat_of(moisture, [deep, moisture]) is None


def test_sensors_that_report_seldom_need_half_their_values() -> None:
    """Six-hourly values need two a day, and a daily value is its day."""
    hours = np.array([0, 6, 24, 48, 54, 60, 72, 78])
    days = daily_means(series(hours, np.full(8, 0.2)), CALENDAR, Rules())
    np.testing.assert_array_equal(np.isfinite(days.values[:4]), [True, False, True, True])
    daily = daily_means(series(24 * np.arange(40), np.full(40, 0.2)), CALENDAR, Rules())
    assert np.isfinite(daily.values).sum() == 40


def test_what_lies_outside_the_period_is_not_lost() -> None:
    """Years before and after the maps are no loss."""
    hours = np.arange(-48, 24 * 91 + 48)
    found = daily_means(series(hours, np.full(hours.size, 0.2)), CALENDAR, Rules())
    assert losses(found.losses)["a value is there"] == (24 * 91, 0)


def test_months_between_may_be_missing() -> None:
    """A calendar with a gap gives its months, and nothing for the days between."""
    calendar = Calendar(months=(Month(2020, 1), Month(2020, 3)))
    assert calendar.days == 91
    months, _ = monthly_means(np.arange(91.0), calendar, Rules())
    np.testing.assert_allclose(months, [15, 75])
