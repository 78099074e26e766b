"""Where the sun stands, and how much light that gives under a clear sky.

References
----------
Spencer, J. W. (1971). Fourier series representation of the position of the sun. Search 2(5).
Price, J. C. (1977). Thermal inertia mapping. doi:10.1029/JC082i018p02582
Allen, R. G. et al. (1998). Crop evapotranspiration. FAO Irrigation and Drainage Paper 56.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from engine.months import Period

    type Floats = NDArray[np.floating]

SOLAR_CONSTANT = 1361.0
"""Irradiance at the top of the atmosphere at one astronomical unit, W m-2."""

_CLEAR_SKY = 0.75
"""Share of the extraterrestrial irradiance that reaches the ground under a clear sky."""

_PHOTOSYNTHETIC = 0.45
"""Share of the irradiance at the ground between 400 and 700 nm."""


def declination(day: date) -> float:
    """Return the sun's declination on a day, in radians (Spencer)."""
    g = _year_angle(day)
    return (
        0.006918
        - 0.399912 * math.cos(g)
        + 0.070257 * math.sin(g)
        - 0.006758 * math.cos(2 * g)
        + 0.000907 * math.sin(2 * g)
        - 0.002697 * math.cos(3 * g)
        + 0.00148 * math.sin(3 * g)
    )


def daily_insolation(latitude: Floats, day: date) -> Floats:
    """Return the mean irradiance of a day at the top of the atmosphere, W m-2.

    Parameters
    ----------
    latitude
        Degrees north, any shape.
    day
        The day.

    Notes
    -----
    With latitude φ, declination δ, hour angle of sunset ω = arccos(-tan φ tan δ), solar constant
    S and inverse squared distance e: H = S e (ω sin φ sin δ + cos φ cos δ sin ω) / π.
    """
    phi, delta = np.radians(latitude), declination(day)
    sunset = np.arccos(np.clip(-np.tan(phi) * math.tan(delta), -1, 1))
    nearness = 1 + 0.033 * math.cos(_year_angle(day))
    geometry = sunset * np.sin(phi) * math.sin(delta)
    geometry = geometry + np.cos(phi) * math.cos(delta) * np.sin(sunset)
    return SOLAR_CONSTANT * nearness * geometry / math.pi


def diurnal_amplitude(latitude: Floats, day: date) -> Floats:
    """Return the amplitude of the first daily harmonic of insolation, times π, without unit.

    Parameters
    ----------
    latitude
        Degrees north, any shape.
    day
        The day.

    Notes
    -----
    Price's correction of thermal inertia: with latitude φ and declination δ,
    C = sin φ sin δ sqrt(1 - tan² φ tan² δ) + cos φ cos δ arccos(-tan φ tan δ). The square root
    belongs to the first term; in the daily mean it stands with the other. Beyond the polar
    circles the sun is taken at its limit.
    """
    phi, delta = np.radians(latitude), declination(day)
    tangents = np.clip(np.tan(phi) * math.tan(delta), -1, 1)
    risen = np.sin(phi) * math.sin(delta) * np.sqrt(1 - tangents**2)
    return np.asarray(risen + np.cos(phi) * math.cos(delta) * np.arccos(-tangents))


def clear_sky_par(latitude: Floats, period: Period) -> Floats:
    """Return the mean photosynthetically active radiation of some days, W m-2.

    It knows latitude and season alone: clouds are left to the other predictors.

    Parameters
    ----------
    latitude
        Degrees north, any shape.
    period
        The days to average over.
    """
    days = [period.start + timedelta(days=k) for k in range(period.days)]
    total = np.sum([daily_insolation(latitude, day) for day in days], axis=0)
    return np.asarray(_PHOTOSYNTHETIC * _CLEAR_SKY * total / len(days))


def _year_angle(day: date) -> float:
    return 2 * math.pi * (day.timetuple().tm_yday - 1) / 365.25
