"""MOD15A2H: leaf area that saturates, and a back-up where the sky was hardly ever clear."""

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
    from engine.world.domain import Domain
    from engine.world.operators.land_cover import LandCover
    from engine.world.operators.sampling import SinusoidalSampler
    from engine.world.presets import Preset
    from engine.world.simulation import Day

    type Flags = NDArray[np.uint8]

CEILING = 6.0
"""Leaf area index that the product approaches, however dense the leaves."""
_SATURATED = 3.0
"""Of the product's own values, from where the main algorithm says that it saturates."""
MAIN_DAYS = 2
"""Clear days that the main algorithm needs; one is enough for the back-up."""
NOISE = {"main": 0.08, "backup": 0.25}
"""Relative, correlated over 2 km."""
BACKUP_BIAS = 0.85
_MAIN, _MAIN_SATURATED, _BACKUP, _BACKUP_CLOUDY = (
    0b000_00_000,
    0b001_00_000,
    0b010_00_001,
    0b011_01_001,
)
"""FparLai_QC: bit 0 other than the main algorithm, bits 3-4 cloud, bits 5-7 the algorithm."""
_FILL = 255


class Leaves:
    """Makes MOD15A2H granules."""

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
        self._generator = stream(seed, "lai noise")
        self._noise = np.float32(preset.predictor_noise)
        self._periods = EightDays(preset.months)
        self._lai = np.zeros(domain.shape, np.float32)
        self._clear = np.zeros(domain.shape, np.uint8)

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a granule on the last day of each period."""
        period = self._periods.of(day.day)
        if period is None:
            return
        if day.day == period.start:
            self._lai[:] = 0
            self._clear[:] = 0
        self._lai += day.lai
        self._clear += day.clear_day
        if day.day + timedelta(days=1) != period.end:
            return
        observed = observed_lai(self._lai / np.float32(period.days))
        noise = self._noise * self._field.draw(self._generator)
        for sampler in self._samplers:
            yield Observation(
                product="MOD15A2H",
                time=datetime.combine(period.start, datetime.min.time(), UTC),
                geobox=sampler.geobox,
                tile=sampler.tile,
                fields=self._fields(sampler, observed, noise),
                absent={"Lai_500m": self._cover.absences(sampler.tile, "Lai_500m")},
            )

    def _fields(
        self, sampler: SinusoidalSampler, observed: FloatArray, noise: FloatArray
    ) -> dict[str, NDArray[Any]]:
        lai = sampler.to_tile(observed)
        quality = leaf_quality(sampler.nearest(self._clear), lai)
        good = quality & 1 == 0
        spread = np.where(good, np.float32(NOISE["main"]), np.float32(NOISE["backup"]))
        noisy = lai * np.where(good, np.float32(1), np.float32(BACKUP_BIAS))
        noisy = np.clip(noisy * (1 + spread * sampler.to_tile(noise)), 0, 10)
        cloudy = quality == _BACKUP_CLOUDY
        return {
            "Lai_500m": noisy,
            "LaiStdDev_500m": spread * noisy,
            "FparLai_QC": np.where(sampler.seen, quality, _FILL).astype(np.uint8),
            "FparExtra_QC": np.where(sampler.seen, cloudy << 5, _FILL).astype(np.uint8),
        }


def observed_lai(lai: FloatArray) -> FloatArray:
    """Return the leaf area index as the product sees it, approaching its ceiling."""
    return np.asarray(CEILING * (1 - np.exp(-lai / CEILING)), np.float32)


def leaf_quality(clear: NDArray[np.integer], lai: FloatArray) -> Flags:
    """Return FparLai_QC by the clear days of the period and the leaf area that is seen."""
    quality = np.where(lai > _SATURATED, _MAIN_SATURATED, _MAIN)
    quality = np.where(clear < MAIN_DAYS, _BACKUP, quality)
    return np.where(clear == 0, _BACKUP_CLOUDY, quality).astype(np.uint8)
