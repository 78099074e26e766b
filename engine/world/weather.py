"""Daily weather: rain, temperature, light, evaporative demand and the clouds that hide the land."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.special import ndtri

from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from numpy.typing import NDArray

    from engine.grids import FloatArray
    from engine.world.domain import Domain


_RAIN_SEASON = 80.0
"""Half-width of the rainy season, days."""
_PAR_SHARE = 0.45
_TRANSMISSION = 0.54
_WET_LIGHT = 0.55


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Storm(_Table):
    """Days of extraordinary rain."""

    year: int
    first_day_of_year: int
    last_day_of_year: int
    factor: float


class Cloud(_Table):
    """Chances of cloud over a pixel at the overpass."""

    dry_day: tuple[float, ...]
    wet_day: float


class Climate(_Table):
    """Numbers of the climate that are a table rather than a formula."""

    year_factor: dict[int, float]
    storm: Storm
    cloud: Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Forcing:
    """One day's weather, each field ``(y, x)``."""

    day: date
    rain: FloatArray
    """mm day-1."""
    air_temperature: FloatArray
    """Daily mean, degrees Celsius."""
    par: FloatArray
    """Photosynthetically active radiation, MJ m-2 day-1."""
    demand: FloatArray
    """Potential evapotranspiration, mm day-1."""
    clear_day: NDArray[np.bool_]
    """Seen by the morning overpass."""
    clear_night: NDArray[np.bool_]


def load_climate() -> Climate:
    """Read the climate that ships with the package."""
    text = resources.files("engine.world").joinpath("climate.toml").read_text("utf-8")
    return Climate.model_validate(tomllib.loads(text))


def daily_weather(
    domain: Domain, elevation: FloatArray, days: Iterator[date], seed: int
) -> Iterator[Forcing]:
    """Yield the weather of consecutive days.

    Parameters
    ----------
    domain
        What is simulated.
    elevation
        ``(y, x)``, m; lifts rain and cools air.
    days
        Consecutive days.
    seed
        Of the world.
    """
    climate = load_climate()
    rain = _Rain(domain, elevation, climate, seed)
    sky = _Sky(domain.shape, climate.cloud, seed)
    for day in days:
        season_day = domain.season(day)
        amount, wet = rain.next(day, season(season_day))
        temperature = air_temperature(season_day, elevation)
        par = clear_sky_par(day, domain.latitude) * np.float32(_WET_LIGHT if wet else 1)
        clear_day, clear_night = sky.next(season_day, wet=wet)
        yield Forcing(
            day=day,
            rain=amount,
            air_temperature=temperature,
            par=par,
            demand=np.clip(0.26 * par * (temperature + 12) / 18, 0, 12),
            clear_day=clear_day,
            clear_night=clear_night,
        )


def season(day: date, width: float = _RAIN_SEASON) -> float:
    """Return 1 at the height of the monsoon (24 July), falling to 0 in winter."""
    return float(np.exp(-(((_day_of_year(day) - 205) / width) ** 2)))


def air_temperature(day: date, elevation: FloatArray) -> FloatArray:
    """Return the daily mean in degrees Celsius, ``(y, x)``."""
    yearly = 14.5 + 13.5 * np.cos(2 * np.pi * (_day_of_year(day) - 203) / 365)
    return np.float32(yearly) - np.float32(0.0058) * (elevation - np.float32(80))


def clear_sky_par(day: date, latitude: FloatArray) -> FloatArray:
    """Return clear-sky PAR in MJ m-2 day-1 from extraterrestrial radiation.

    References
    ----------
    Allen, R. G. et al. (1998). FAO Irrigation and Drainage Paper 56, equations 21-25.
    """
    angle = 2 * np.pi * _day_of_year(day) / 365
    distance = 1 + 0.033 * np.cos(angle)
    declination = 0.409 * np.sin(angle - 1.39)
    phi = np.deg2rad(latitude[:, :1])
    sunset = np.arccos(-np.tan(phi) * np.tan(declination))
    lit = sunset * np.sin(phi) * np.sin(declination)
    lit += np.cos(phi) * np.cos(declination) * np.sin(sunset)
    extraterrestrial = 24 * 60 / np.pi * 0.0820 * distance * lit
    row = _PAR_SHARE * _TRANSMISSION * extraterrestrial
    return np.broadcast_to(row, latitude.shape).astype(np.float32)


class _Rain:
    """Wet and dry days by a Markov chain; fields of stratiform or convective rain."""

    def __init__(self, domain: Domain, elevation: FloatArray, climate: Climate, seed: int) -> None:
        self._climate = climate
        self._generator = stream(seed, "rain")
        self._stratiform = RandomField(domain.shape, 150)
        self._convective = RandomField(domain.shape, 12)
        self._lift = (1 + 0.25 * np.clip((elevation - 80) / 1000, 0, 1)).astype(np.float32)
        self._wet = False

    def next(self, day: date, height: float) -> tuple[FloatArray, bool]:
        factor = self._climate.year_factor.get(day.year, 1.0)
        chance = (0.16 + 0.26 * height + 0.12 * self._wet) * factor**0.5
        self._wet = bool(self._generator.random() < chance)
        convective = bool(self._generator.random() < 0.6 * height)
        if not self._wet:
            return np.zeros_like(self._lift), False
        field = (self._convective if convective else self._stratiform).draw(self._generator)
        amount = (4.5 + 16.5 * height) * factor**0.5 * self._storm_factor(day)
        shape = np.maximum(field + np.float32(0.1), 0) ** np.float32(1.6)
        return shape * self._lift * np.float32(amount), True

    def _storm_factor(self, day: date) -> float:
        storm = self._climate.storm
        inside = storm.first_day_of_year <= _day_of_year(day) <= storm.last_day_of_year
        return storm.factor if day.year == storm.year and inside else 1.0


class _Sky:
    """Clouds at the two overpasses, correlated over some 40 km."""

    def __init__(self, shape: tuple[int, int], cloud: Cloud, seed: int) -> None:
        self._cloud = cloud
        self._generator = stream(seed, "cloud")
        self._field = RandomField(shape, 40, 1.8)

    def next(self, day: date, *, wet: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        chance = self._cloud.wet_day if wet else self._cloud.dry_day[day.month - 1]
        limit = ndtri(chance)
        return (
            self._field.draw(self._generator) > limit,
            self._field.draw(self._generator) > limit,
        )


def _day_of_year(day: date) -> int:
    return day.timetuple().tm_yday
