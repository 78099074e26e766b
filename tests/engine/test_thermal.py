"""Apparent thermal inertia: known answers."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from scipy.integrate import quad

from engine.solar import declination, diurnal_amplitude
from engine.thermal import blue_sky, thermal_inertia


def day_of_year(number: int) -> date:
    """Return a day of 2019."""
    return date(2019, 1, 1) + timedelta(number - 1)


@pytest.mark.parametrize(
    ("latitude", "day", "expected"),
    [
        (31.4, 15, 0.875),
        (31.4, 105, 1.493),
        (31.4, 172, 1.640),
        (31.4, 355, 0.821),
        (36.3, 15, 0.756),
        (36.3, 105, 1.443),
        (36.3, 172, 1.624),
        (36.3, 355, 0.699),
    ],
)
def test_the_suns_correction_has_its_known_values(
    latitude: float, day: int, expected: float
) -> None:
    """At both ends of Henan, through the year."""
    assert float(diurnal_amplitude(np.array(latitude), day_of_year(day))) == pytest.approx(
        expected, abs=6e-4
    )


@pytest.mark.parametrize("latitude", [-55.0, -34.0, 0.0, 20.0, 60.0])
@pytest.mark.parametrize("day", [1, 80, 172, 300])
def test_the_suns_correction_is_the_first_harmonic(latitude: float, day: int) -> None:
    """On both hemispheres it is 2 ∫ cos(zenith) cos(hour angle) from noon to sunset."""
    phi, delta = np.radians(latitude), declination(day_of_year(day))
    sunset = np.arccos(-np.tan(phi) * np.tan(delta))

    def light(hour: float) -> float:
        zenith = np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.cos(hour)
        return float(2 * zenith * np.cos(hour))

    whole, _ = quad(light, 0, sunset)
    assert float(diurnal_amplitude(np.array(latitude), day_of_year(day))) == pytest.approx(whole)


def test_polar_days_and_nights_are_finite() -> None:
    """Where the sun does not set, or not rise, its course is taken at its limit."""
    course = diurnal_amplitude(np.array([-80.0, 80.0]), day_of_year(172))
    assert np.isfinite(course).all()
    assert course[0] == pytest.approx(0, abs=1e-6)


def test_the_sky_mixes_two_albedos() -> None:
    """A fifth of the light is diffuse, unless told otherwise."""
    black, white = np.array([0.1]), np.array([0.2])
    assert blue_sky(black, white) == pytest.approx(0.12)
    assert blue_sky(black, white, 0) == pytest.approx(0.1)
    assert blue_sky(black, white, 1) == pytest.approx(0.2)


def test_a_small_swing_gives_no_inertia() -> None:
    """Below 2 K between day and night, or without one of them, it is missing."""
    night = np.array([280.0, 280.0, 280.0, np.nan])
    day = np.array([281.9, 282.0, 290.0, 290.0])
    made = thermal_inertia(np.full(4, 0.2), day, night, np.full(4, 31.4), day_of_year(172))
    assert np.isnan(made[[0, 3]]).all()
    assert made[1:3] == pytest.approx([1.640 * 0.8 / 2, 1.640 * 0.8 / 10], rel=1e-3)
