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
from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odc.geo.geobox import GeoBox

    from engine.grids import FloatArray
    from engine.world.domain import Domain
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
    """Standard deviations in m3 m-3."""

    static: float
    monthly: float


ERRORS = {"realistic": ErrorSize(0.018, 0.010), "good": ErrorSize(0.006, 0.005)}


class Smap:
    """Makes the 3-hourly granules of a domain's area and one cell around it."""

    def __init__(self, preset: Preset, domain: Domain, seed: int) -> None:
        self.geobox = domain.coarse.pad(_RIM)
        self._size = ERRORS[preset.smap_errors]
        self._smoothing = preset.smap_smoothing
        self._months = frozenset(preset.months)
        self._error = _CoarseError(self.geobox, seed)
        self._monthly: tuple[Month, FloatArray] | None = None

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a day's eight granules, where its month is wanted."""
        month = Month.of(day.day)
        if month not in self._months:
            return
        offset = self.error(month)
        daily = {name: self._coarse(field) for name, field in _daily_fields(day).items()}
        surface = self._smooth(daily["sm_surface"]) + offset
        root = 0.05 * surface + 0.95 * (self._smooth(daily["root"]) + 0.5 * offset)
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
                "precipitation_total_surface_flux": daily["rain"] / 86400,
            }
            time = datetime.combine(day.day, datetime.min.time(), UTC) + stamp
            yield Observation(
                product="SPL4SMGP",
                time=time,
                geobox=self.geobox,
                fields={name: field.astype(np.float32) for name, field in fields.items()},
            )

    def error(self, month: Month) -> FloatArray:
        """Return a month's error of surface soil moisture on the granules' cells, m3 m-3."""
        if self._monthly is None or self._monthly[0] != month:
            self._monthly = (month, self._error.of(month, self._size))
        return self._monthly[1]

    def _coarse(self, fine: FloatArray) -> FloatArray:
        rim = MARGIN - _RIM
        return block_mean(fine)[rim:-rim, rim:-rim].astype(np.float32)

    def _smooth(self, coarse: FloatArray) -> FloatArray:
        if not self._smoothing:
            return coarse
        return np.asarray(ndimage.uniform_filter(coarse, 3, mode="nearest"), np.float32)


class _CoarseError:
    """Correlated errors on Henan and a rim around it, cut to a window.

    They are standardised over it all, so a window may as a whole be biased; that is what
    SMAP's users meet too.
    """

    _PROVINCE = (slice(320, 399), slice(3099, 3188))

    def __init__(self, geobox: GeoBox, seed: int) -> None:
        self._seed = seed
        province = COARSE[self._PROVINCE]
        left, top = ~province.affine * (geobox.affine.c, geobox.affine.f)
        row, column = max(round(top), 0), max(round(left), 0)
        self._window = (
            slice(row, row + geobox.shape.y),
            slice(column, column + geobox.shape.x),
        )
        self._field = RandomField((province.shape.y, province.shape.x), 8, 1.8)

    def of(self, month: Month, size: ErrorSize) -> FloatArray:
        static = self._draw("smap bias") * np.float32(size.static)
        return static + self._draw(f"smap error {month}") * np.float32(size.monthly)

    def _draw(self, purpose: str) -> FloatArray:
        field = self._field.draw(stream(self._seed, purpose))
        return ((field - field.mean()) / field.std())[self._window]


def _daily_fields(day: Day) -> dict[str, FloatArray]:
    frozen = np.clip(-day.air_temperature, 0, 1) * (day.rain > 0.5)
    return {
        "sm_surface": day.soil_moisture,
        "root": day.root_moisture,
        "temperature": day.air_temperature + np.float32(273.15),
        "snow": 0.6 * frozen,
        "rain": day.rain,
    }
