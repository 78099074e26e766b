"""eSIF: 8-day means of fluorescence over 0.05° cells, with the noise of the real product."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from engine.world.operators.observation import Observation
from engine.world.operators.periods import EightDays
from engine.world.operators.sampling import LonLatSampler, crop_lattice, lonlat_lattice
from engine.world.random_fields import stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.world.domain import Domain
    from engine.world.presets import Preset
    from engine.world.simulation import Day

NOISE = 0.04
"""mW m-2 nm-1 sr-1, independent from cell to cell."""


class Fluorescence:
    """Makes eSIF granules."""

    def __init__(self, preset: Preset, domain: Domain, seed: int) -> None:
        lattice = lonlat_lattice(-180, 90, 0.05, 3600, 7200)
        self.sampler = LonLatSampler.of(crop_lattice(lattice, domain.area, 2), domain)
        self._generator = stream(seed, "esif noise")
        self._noise = np.float32(NOISE * preset.predictor_noise)
        self._periods = EightDays(preset.months)
        self._total = np.zeros(domain.shape, np.float32)

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a granule on the last day of each period."""
        period = self._periods.of(day.day)
        if period is None:
            return
        if day.day == period.start:
            self._total[:] = 0
        self._total += day.sif
        if day.day + timedelta(days=1) != period.end:
            return
        truth = self.sampler.to_lattice(self._total / np.float32(period.days))
        noise = self._generator.standard_normal(truth.shape, np.float32)
        yield Observation(
            product="eSIF",
            time=datetime.combine(period.start, datetime.min.time(), UTC),
            geobox=self.sampler.geobox,
            fields={"eSIF": truth + self._noise * noise},
        )
