"""MOD16A2GF: sums of evapotranspiration by a model that sees leaves but not irrigation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.world.operators.observation import Observation
from engine.world.operators.periods import EightDays
from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from engine.grids import FloatArray
    from engine.months import Period
    from engine.world.domain import Domain
    from engine.world.operators.land_cover import LandCover
    from engine.world.operators.sampling import SinusoidalSampler
    from engine.world.presets import Preset
    from engine.world.simulation import Day

TRUE_SHARE = 0.45
"""Of the product; the rest is what weather and leaves alone would make one expect."""
NOISE = 0.08
"""Relative, correlated over 2 km."""
LATENT_HEAT = 2.45e6
"""J kg-1."""
_FILLED = 0b000_00_001
"""ET_QC: the leaf area that went in was filled, since the period had no clear day."""
_FILL = 255


class Evapotranspiration:
    """Makes MOD16A2GF granules, free of gaps but for towns and water."""

    def __init__(
        self,
        preset: Preset,
        domain: Domain,
        cover: LandCover,
        samplers: Sequence[SinusoidalSampler],
        seed: int,
    ) -> None:
        self._samplers, self._cover = samplers, cover
        self._field = RandomField(domain.shape, 2, 1.8)
        self._generator = stream(seed, "et noise")
        self._periods = EightDays(preset.months)
        self._actual = np.zeros(domain.shape, np.float32)
        self._potential = np.zeros(domain.shape, np.float32)
        self._clear = np.zeros(domain.shape, np.uint8)

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a granule on the last day of each period, the short last one of a year too."""
        period = self._periods.of(day.day)
        if period is None:
            return
        if day.day == period.start:
            for total in (self._actual, self._potential, self._clear):
                total[:] = 0
        self._actual += seen_evapotranspiration(day)
        self._potential += day.demand
        self._clear += day.clear_day
        if day.day + timedelta(days=1) != period.end:
            return
        noise = 1 + np.float32(NOISE) * self._field.draw(self._generator)
        for sampler in self._samplers:
            missing = self._cover.absences(sampler.tile, "ET_500m")
            yield Observation(
                product="MOD16A2GF",
                time=datetime.combine(period.start, datetime.min.time(), UTC),
                geobox=sampler.geobox,
                tile=sampler.tile,
                fields=self._fields(sampler, period, noise),
                absent=dict.fromkeys(("ET_500m", "LE_500m", "PET_500m", "PLE_500m"), missing),
            )

    def _fields(
        self, sampler: SinusoidalSampler, period: Period, noise: FloatArray
    ) -> dict[str, NDArray[Any]]:
        actual = sampler.to_tile(np.maximum(self._actual * noise, 0))
        potential = sampler.to_tile(self._potential)
        to_energy = np.float32(LATENT_HEAT / period.days)
        quality = np.where(sampler.nearest(self._clear) == 0, _FILLED, 0)
        return {
            "ET_500m": actual,
            "LE_500m": actual * to_energy,
            "PET_500m": potential,
            "PLE_500m": potential * to_energy,
            "ET_QC_500m": np.where(sampler.seen, quality, _FILL).astype(np.uint8),
        }


def seen_evapotranspiration(day: Day) -> FloatArray:
    """Return a day's evapotranspiration as the product's model has it, mm day-1."""
    expected = day.demand * (np.float32(0.2) + np.float32(0.6) * day.cover)
    return np.float32(TRUE_SHARE) * day.evapotranspiration + np.float32(1 - TRUE_SHARE) * expected
