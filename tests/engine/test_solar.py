"""The sun's place and light, against published numbers."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from engine.months import Period, eight_day_period
from engine.solar import clear_sky_par, daily_insolation, declination


def test_insolation_agrees_with_fao_56() -> None:
    """Example 8 of FAO 56: 32.2 MJ m-2 at 20 degrees south on 3 September.

    FAO's declination is 0.7 degrees off on that day, and its solar constant 0.4 % higher.
    """
    watts = daily_insolation(np.array(-20.0), date(2019, 9, 3))
    assert watts * 86400 / 1e6 == pytest.approx(32.2, rel=0.02)


@pytest.mark.parametrize(
    ("latitude", "expected"),
    [
        (31.4, {15: 0.875, 105: 1.493, 172: 1.640, 355: 0.821}),
        (36.3, {15: 0.756, 105: 1.443, 172: 1.624, 355: 0.699}),
    ],
)
def test_declination_gives_the_known_solar_correction(
    latitude: float, expected: dict[int, float]
) -> None:
    """Price's harmonic of the insolation, which is very sensitive to declination, agrees."""
    phi = math.radians(latitude)
    for day_of_year, value in expected.items():
        delta = declination(date(2019, 1, 1) + timedelta(day_of_year - 1))
        tangents = math.tan(phi) * math.tan(delta)
        harmonic = math.sin(phi) * math.sin(delta) * math.sqrt(1 - tangents**2)
        harmonic += math.cos(phi) * math.cos(delta) * math.acos(-tangents)
        assert harmonic == pytest.approx(value, abs=1e-3)


def test_the_sun_stands_over_the_tropics_at_the_solstices() -> None:
    """Declination is 23.44 degrees in June, its opposite in December, zero in between."""
    assert math.degrees(declination(date(2019, 6, 21))) == pytest.approx(23.44, abs=0.05)
    assert math.degrees(declination(date(2019, 12, 21))) == pytest.approx(-23.44, abs=0.05)
    assert math.degrees(declination(date(2019, 3, 21))) == pytest.approx(0, abs=0.5)


def test_polar_night_is_dark_and_never_negative() -> None:
    """At 80 degrees north there is no light at Christmas and much in June."""
    latitude = np.array([80.0, -80.0])
    winter = daily_insolation(latitude, date(2019, 12, 24))
    assert winter[0] == pytest.approx(0, abs=1e-6)
    assert winter[1] > 450


def test_light_of_a_period_is_the_mean_of_its_days() -> None:
    """Eight days are neither the first nor the last of them."""
    period = eight_day_period(date(2019, 3, 6))
    latitude = np.array([[34.0]])
    days = [Period(period.start + timedelta(k), period.start + timedelta(k + 1)) for k in range(8)]
    each = [clear_sky_par(latitude, day).item() for day in days]
    assert clear_sky_par(latitude, period).item() == pytest.approx(np.mean(each))
    assert 90 < np.mean(each) < 160
