"""MOD11A2: clear-sky means of morning and evening surface temperature over 8 days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.world.operators.observation import Observation
from engine.world.operators.periods import EightDays
from engine.world.operators.sampling import SinusoidalSampler
from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from engine.grids import FloatArray
    from engine.world.domain import Domain
    from engine.world.land import Land
    from engine.world.presets import Preset
    from engine.world.simulation import Day

    type Flags = NDArray[np.uint8]

NOISE = {"Day": 0.8, "Night": 0.5}
"""K, correlated over 2 km, of a composite of four clear days or more."""
_CLASSES = ((4, 1.0, 0b00_00_00_00), (2, 1.5, 0b01_01_01_01), (1, 2.5, 0b10_01_01_01))
"""Least number of clear days, noise against ``NOISE``, quality byte."""
_CLOUDY = 0b00_00_00_10


class Temperature:
    """Makes MOD11A2 granules."""

    def __init__(self, preset: Preset, domain: Domain, land: Land, seed: int) -> None:
        self.samplers = SinusoidalSampler.all_of(1200, domain)
        self._urban = land.urban
        self._field = RandomField(domain.shape, 2, 1.8)
        self._generator = stream(seed, "lst noise")
        self._noise = np.float32(preset.predictor_noise)
        self._periods = EightDays(preset.months)
        self._sums = {"Day": _ClearSum.empty(domain.shape), "Night": _ClearSum.empty(domain.shape)}

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a granule on the last day of each period."""
        period = self._periods.of(day.day)
        if period is None:
            return
        if day.day == period.start:
            for total in self._sums.values():
                total.clear()
        bit = (day.day - period.start).days
        self._sums["Day"].add(day_temperature(day), day.clear_day, bit)
        self._sums["Night"].add(night_temperature(day, self._urban), day.clear_night, bit)
        if day.day + timedelta(days=1) == period.end:
            noise = {
                half: size * self._noise * self._field.draw(self._generator)
                for half, size in NOISE.items()
            }
            for sampler in self.samplers:
                yield Observation(
                    product="MOD11A2",
                    time=datetime.combine(period.start, datetime.min.time(), UTC),
                    geobox=sampler.geobox,
                    tile=sampler.tile,
                    fields=self._fields(sampler, noise),
                )

    def _fields(
        self, sampler: SinusoidalSampler, noise: Mapping[str, FloatArray]
    ) -> dict[str, NDArray[Any]]:
        fields: dict[str, NDArray[Any]] = {}
        for half, total in self._sums.items():
            count = sampler.nearest(total.count)
            spread, quality = _classify(count)
            lst = _pixel_mean(sampler, total) + sampler.to_tile(noise[half]) * spread
            fields[f"LST_{half}_1km"] = np.where(count > 0, lst, np.nan).astype(np.float32)
            fields[f"QC_{half}"] = quality
            fields[f"{half}_view_time"] = _constant(count, 10.6 if half == "Day" else 22.4)
            fields[f"{half}_view_angl"] = _constant(count, 0.0)
            name = "Clear_sky_days" if half == "Day" else "Clear_sky_nights"
            fields[name] = sampler.nearest(total.bits)
        either = np.maximum(fields["Clear_sky_days"], fields["Clear_sky_nights"])
        fields["Emis_31"] = _constant(either, 0.978)
        fields["Emis_32"] = _constant(either, 0.982)
        return fields


def day_temperature(day: Day) -> FloatArray:
    """Return the surface temperature at the morning overpass, K."""
    light = day.par / 9
    shade = (1 - 0.25 * day.cover) * (1 - 0.25 * day.saturation)
    excess = (16 - 9.5 * day.evaporative_fraction) * light * shade + 3
    return (day.air_temperature + excess + 273.15).astype(np.float32)


def night_temperature(day: Day, urban: FloatArray) -> FloatArray:
    """Return the surface temperature at the evening overpass, K."""
    kept = 1.5 * day.saturation + 2 * urban
    return (day.air_temperature - 4 + kept + 273.15).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _ClearSum:
    """Sum over the clear days of a period."""

    values: FloatArray
    count: Flags
    bits: Flags

    @staticmethod
    def empty(shape: tuple[int, int]) -> _ClearSum:
        return _ClearSum(
            np.zeros(shape, np.float32), np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        )

    def clear(self) -> None:
        for array in (self.values, self.count, self.bits):
            array[:] = 0

    def add(self, temperature: FloatArray, clear: NDArray[np.bool_], bit: int) -> None:
        self.values[clear] += temperature[clear]
        self.count[clear] += 1
        self.bits[clear] |= np.uint8(1 << bit)


def _pixel_mean(sampler: SinusoidalSampler, total: _ClearSum) -> FloatArray:
    """Average over the 1 km cells of each pixel that were seen at least once, K."""
    seen = (total.count > 0).astype(np.float32)
    mean = total.values / np.maximum(total.count, 1)
    return sampler.to_tile(mean) / np.maximum(sampler.to_tile(seen), 1e-3)


def _classify(count: NDArray[np.integer]) -> tuple[FloatArray, Flags]:
    """Return the noise factor and the quality byte that a number of clear days brings."""
    spread = np.ones(count.shape, np.float32)
    quality = np.full(count.shape, _CLOUDY, np.uint8)
    for least, factor, byte in reversed(_CLASSES):
        enough = count >= least
        spread[enough] = factor
        quality[enough] = byte
    return spread, quality


def _constant(count: NDArray[np.integer], value: float) -> FloatArray:
    return np.where(count > 0, value, np.nan).astype(np.float32)
