"""CHIRPS: pentad totals that are right within their noise, split over the days by another hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from engine.months import Month
from engine.world.operators.observation import Observation
from engine.world.operators.sampling import LonLatSampler, crop_lattice, lonlat_lattice
from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.grids import FloatArray
    from engine.world.domain import Domain
    from engine.world.operators.rain_error import RainError
    from engine.world.presets import Preset
    from engine.world.simulation import Day


PENTAD_NOISE = 0.25
"""Standard deviation of the logarithm of a pentad's total, correlated over 10 km."""
SPLIT_NOISE = 0.4
"""Standard deviation of the logarithm of a day's share of its pentad."""


class Precipitation:
    """Makes daily CHIRPS granules, a pentad at a time."""

    def __init__(self, preset: Preset, domain: Domain, rain_error: RainError, seed: int) -> None:
        lattice = lonlat_lattice(-180, 50, 0.05, 2000, 7200)
        self.sampler = LonLatSampler.of(crop_lattice(lattice, domain.area, 2), domain)
        self._first = preset.months[0].first_day
        self._end = preset.months[-1].next().first_day
        shape = self.sampler.geobox.shape
        self._field = RandomField((shape.y, shape.x), 2, 1.8)
        self._generator = stream(seed, "chirps noise")
        self._pentad_noise = np.float32(PENTAD_NOISE * preset.predictor_noise)
        self._split_noise = np.float32(SPLIT_NOISE * preset.predictor_noise)
        self._rain_error = rain_error
        self._rain: list[FloatArray] = []

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a pentad's granules on its last day."""
        if not self._first <= day.day < self._end:
            return
        factor = self._rain_error.factor(Month.of(day.day))
        self._rain.append(self.sampler.to_lattice(day.rain * factor))
        if not _ends_pentad(day.day):
            return
        start = day.day - timedelta(days=len(self._rain) - 1)
        for k, rain in enumerate(self._observed()):
            yield Observation(
                product="CHIRPS",
                time=datetime.combine(start + timedelta(days=k), datetime.min.time(), UTC),
                geobox=self.sampler.geobox,
                fields={"precipitation": rain},
            )
        self._rain.clear()

    def _observed(self) -> FloatArray:
        """Return the pentad's observed days ``(time, y, x)``, mm day-1."""
        true = np.stack(self._rain)
        grain = self._generator.standard_normal((len(true), 1, 1), np.float32)
        split = true * np.exp(self._split_noise * grain)
        share = split / np.maximum(split.sum(axis=0), np.float32(1e-6))
        noise = self._pentad_noise * self._field.draw(self._generator)
        return share * true.sum(axis=0) * np.exp(noise - self._pentad_noise**2 / 2)


def _ends_pentad(day: date) -> bool:
    """Tell whether a day is the 5th, 10th, … 25th or the last of its month."""
    tomorrow = day + timedelta(days=1)
    return tomorrow.day == 1 or (day.day % 5 == 0 and day.day < 30)
