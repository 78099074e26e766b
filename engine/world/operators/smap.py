"""SMAP L4: the mean of 81 cells, a static bias, a monthly error and a small daily swing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from engine.grids import COARSE, block_mean
from engine.months import Month
from engine.world.domain import MARGIN
from engine.world.operators.observation import Observation
from engine.world.operators.rain_error import WrongRain
from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odc.geo.geobox import GeoBox

    from engine.grids import FloatArray
    from engine.world.domain import Domain
    from engine.world.land import Land
    from engine.world.operators.rain_error import RainError
    from engine.world.presets import Preset
    from engine.world.simulation import Day


STAMPS = tuple(timedelta(hours=1.5 + 3 * k) for k in range(8))
"""Middles of the eight 3 h averages."""
DIURNAL = 0.003
"""Amplitude of the daily swing of surface soil moisture, m3 m-3; its daily mean is 0."""
_RIM = 1
"""Coarse cells beyond the area that the cropped granules hold."""


@dataclass(frozen=True, slots=True)
class ErrorSize:
    """How SMAP errs."""

    static: float
    """Standard deviation of what never changes, m3 m-3."""
    monthly: float
    """Standard deviation of what changes from month to month, m3 m-3."""
    resolution: int = 1
    """Cells along a side of what it truly resolves."""


ERRORS = {
    "realistic": ErrorSize(0.018, 0.010),
    "good": ErrorSize(0.006, 0.005),
    "coarse": ErrorSize(0.018, 0.010, resolution=3),
}


class Smap:
    """Makes the 3-hourly granules of a domain's area and one cell around it."""

    def __init__(
        self, preset: Preset, domain: Domain, land: Land, rain_error: RainError, seed: int
    ) -> None:
        self.geobox = domain.coarse.pad(_RIM)
        self._size = ERRORS[preset.smap_errors]
        self._rain_error, self._wrong_rain = rain_error, WrongRain(land, rain_error)
        self._months = frozenset(preset.months)
        self._error = _CoarseError(self.geobox, seed)
        self._monthly: tuple[Month, FloatArray] | None = None

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a day's eight granules, where its month is wanted."""
        month = Month.of(day.day)
        drift = _cut(self._wrong_rain.see(day))
        if month not in self._months:
            return
        offset = self.error(month) + drift
        daily = {name: _cut(block_mean(field)) for name, field in _daily_fields(day).items()}
        wetness = {"surface": day.soil_moisture, "root": day.root_moisture}
        seen = {name: _cut(self._resolved(block_mean(field))) for name, field in wetness.items()}
        rain = _cut(block_mean(day.rain * self._rain_error.factor(month)))
        surface = seen["surface"] + offset
        root = 0.05 * surface + 0.95 * (seen["root"] + 0.5 * offset)
        for stamp in STAMPS:
            hour = stamp.total_seconds() / 3600
            swing = np.float32(np.cos(2 * np.pi * (hour + 7.5 - 5) / 24))
            ground = daily["temperature"] - 2 * swing
            fields = {
                "sm_surface": np.clip(surface + DIURNAL * swing, 0.01, 0.6),
                "sm_rootzone": np.clip(root, 0.01, 0.6),
                "surface_temp": daily["temperature"] - 5 * swing,
                "soil_temp_layer1": ground,
                "land_fraction_snow_covered": daily["snow"],
                "precipitation_total_surface_flux": rain / 86400,
            }
            time = datetime.combine(day.day, datetime.min.time(), UTC) + stamp
            yield Observation(
                product="SPL4SMGP",
                time=time,
                geobox=self.geobox,
                fields={name: field.astype(np.float32) for name, field in fields.items()},
            )

    def error(self, month: Month) -> FloatArray:
        """Return a month's error of surface soil moisture on the granules' cells, m3 m-3.

        What comes of wrong rain is not in it.
        """
        if self._monthly is None or self._monthly[0] != month:
            self._monthly = (month, self._error.of(month, self._size))
        return self._monthly[1]

    def _resolved(self, coarse: FloatArray) -> FloatArray:
        """Blur to what SMAP truly resolves."""
        if self._size.resolution == 1:
            return coarse
        return np.asarray(ndimage.uniform_filter(coarse, self._size.resolution, mode="nearest"))


def _cut(coarse: FloatArray) -> FloatArray:
    """Cut from the domain's coarse cells those that the granules hold."""
    rim = MARGIN - _RIM
    return coarse[rim:-rim, rim:-rim].astype(np.float32)


class _CoarseError:
    """Correlated errors on Henan and a rim around it, cut to a window.

    They are standardised over it all, so a window may as a whole be biased; that is what
    SMAP's users meet too. A window elsewhere lies in the middle of as large an area.
    """

    _PROVINCE = (slice(320, 399), slice(3099, 3188))
    _SHAPE = (79, 89)

    def __init__(self, geobox: GeoBox, seed: int) -> None:
        self._seed = seed
        province = COARSE[self._PROVINCE]
        left, top = ~province.affine * (geobox.affine.c, geobox.affine.f)
        row, column = round(top), round(left)
        height, width = geobox.shape.y, geobox.shape.x
        shape = self._SHAPE
        if not (0 <= row <= shape[0] - height and 0 <= column <= shape[1] - width):
            shape = (max(shape[0], height), max(shape[1], width))
            row, column = (shape[0] - height) // 2, (shape[1] - width) // 2
        self._window = (slice(row, row + height), slice(column, column + width))
        self._field = RandomField(shape, 8, 1.8)

    def of(self, month: Month, size: ErrorSize) -> FloatArray:
        static = self._draw("smap bias") * np.float32(size.static)
        return static + self._draw(f"smap error {month}") * np.float32(size.monthly)

    def _draw(self, purpose: str) -> FloatArray:
        field = self._field.draw(stream(self._seed, purpose))
        return ((field - field.mean()) / field.std())[self._window]


def _daily_fields(day: Day) -> dict[str, FloatArray]:
    frozen = np.clip(-day.air_temperature, 0, 1) * (day.rain > 0.5)
    return {
        "temperature": day.air_temperature + np.float32(273.15),
        "snow": 0.6 * frozen,
    }
