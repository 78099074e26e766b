"""What does not change: terrain, soil, land cover, and the irrigation that no file shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.special import expit

from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from engine.grids import FloatArray
    from engine.world.domain import Domain


_EARTH_RADIUS = 6371007.181


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """Fields ``(y, x)`` of the simulated 1 km cells."""

    elevation: FloatArray
    """m."""
    slope: FloatArray
    """Degrees, Horn's method on the 1 km cells."""
    clay: FloatArray
    """%."""
    sand: FloatArray
    """%."""
    forest: FloatArray
    """Fraction of the cell; likewise the other covers. They sum to 1."""
    crop: FloatArray
    grass: FloatArray
    urban: FloatArray
    water: FloatArray
    irrigated: FloatArray
    """Fraction of the cropland that is irrigated. In no predictor file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hydraulics:
    """Soil constants after Cosby et al. (1984), doi:10.1029/WR020i006p00682."""

    saturation: FloatArray
    """Porosity, m3 m-3."""
    wilting_point: FloatArray
    """At 150 m suction, m3 m-3."""
    field_capacity: FloatArray
    """At 3.3 m suction, m3 m-3."""
    conductivity: FloatArray
    """Saturated, mm day-1."""


def make_land(domain: Domain, seed: int) -> Land:
    """Draw terrain, soil and land cover of a domain."""
    draw = _FieldSource(domain.shape, seed)
    ramp = _mountains(domain)
    elevation = _elevation(ramp, draw)
    slope = horn_slope(elevation, domain)
    river = _river(domain)
    clay, sand = _texture(ramp, river, draw)
    cover = _land_cover(slope, ramp, river, draw)
    irrigated = expit(3 * draw("irrigated", 8) - 0.5) * (1 - ramp)
    return Land(
        elevation=elevation, slope=slope, clay=clay, sand=sand, irrigated=irrigated, **cover
    )


def hydraulics(clay: FloatArray, sand: FloatArray) -> Hydraulics:
    """Derive soil constants from texture in %."""
    saturation = 0.489 - 0.00126 * sand
    exponent = 2.91 + 0.159 * clay
    suction = 10 ** (1.88 - 0.0131 * sand) * 0.01
    return Hydraulics(
        saturation=saturation,
        wilting_point=saturation * (suction / 150) ** (1 / exponent),
        field_capacity=saturation * (suction / 3.3) ** (1 / exponent),
        conductivity=10 ** (-0.884 + 0.0153 * sand) * 25.4 * 24,
    )


def horn_slope(elevation: FloatArray, domain: Domain) -> FloatArray:
    """Return the slope in degrees, with each row's true cell width and height."""
    latitude = np.deg2rad(domain.latitude[:, :1])
    step_x = np.deg2rad(np.diff(domain.longitude[0, :2])[0])
    width = _EARTH_RADIUS * np.cos(latitude) * step_x
    height = -_EARTH_RADIUS * np.gradient(latitude, axis=0)
    p = ndimage.sobel(elevation, axis=1, mode="nearest") / (8 * width)
    q = ndimage.sobel(elevation, axis=0, mode="nearest") / (8 * height)
    return np.asarray(np.rad2deg(np.arctan(np.hypot(p, q))), np.float32)


class _FieldSource:
    """Draws named random fields, each from its own stream."""

    def __init__(self, shape: tuple[int, int], seed: int) -> None:
        self._shape, self._seed = shape, seed

    def __call__(self, name: str, length: float, slope: float = 2.4) -> FloatArray:
        return RandomField(self._shape, length, slope).draw(stream(self._seed, name))


def _mountains(domain: Domain) -> FloatArray:
    """Return 0 in the plain to 1 in the western mountains and on the Dabie ridge."""
    lon, lat = domain.longitude, domain.northern_latitude
    west = expit(-(lon - 112.8 + 0.3 * (lat - 34)) / 0.35)
    dabie = np.exp(-(((lat - 31.6) / 0.3) ** 2)) * expit((lon - 113.5) / 0.2)
    return np.asarray(np.maximum(west, dabie), np.float32)


def _elevation(ramp: FloatArray, draw: _FieldSource) -> FloatArray:
    hills = 900 * ramp * (1 + 0.35 * draw("hills", 20)) + 250 * ramp * abs(draw("crests", 6))
    return np.clip(70 + hills + 8 * draw("plain", 10), 30, 2300).astype(np.float32)


def _river(domain: Domain) -> FloatArray:
    """Return 1 on the meandering Yellow River, falling to 0 some 20 km away."""
    bed = 34.9 + 0.06 * np.sin(2 * np.pi * (domain.longitude - 112) / 0.9)
    return np.exp(-(((domain.northern_latitude - bed) / 0.1) ** 2))


def _texture(
    ramp: FloatArray, river: FloatArray, draw: _FieldSource
) -> tuple[FloatArray, FloatArray]:
    clay = 24 + 6 * draw("clay", 30) + 4 * draw("clay detail", 4) - 8 * river + 3 * ramp
    clay = np.clip(clay, 5, 55)
    sand = 33 + 9 * draw("sand", 30) + 6 * draw("sand detail", 4) + 14 * river - 0.5 * (clay - 24)
    sand = np.clip(sand, 8, 80)
    excess = np.maximum(clay + sand - 95, 0)
    return clay, sand - excess


def _land_cover(
    slope: FloatArray, ramp: FloatArray, river: FloatArray, draw: _FieldSource
) -> dict[str, FloatArray]:
    urban = np.clip(0.6 * (draw("urban", 8) - 1.3), 0, 0.9) * (1 - ramp)
    water = np.clip(0.5 * (draw("water", 5) - 2), 0, 0.8) + np.clip(2 * (river - 0.97), 0, 0.05)
    water = np.minimum(water, 1 - urban)
    forest = expit(0.9 * slope - 2.2 + 0.8 * draw("forest", 5)) * (1 - urban - water)
    rest = 1 - urban - water - forest
    return {
        "forest": forest,
        "crop": 0.88 * rest,
        "grass": 0.12 * rest,
        "urban": urban,
        "water": water,
    }
