"""MOD16: sums of evapotranspiration by a model that sees leaves but not irrigation."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.world.operators.leaves import MAIN_DAYS, leaf_quality, observed_lai
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
NOISE = {"main": 0.08, "backup": 0.2}
"""Relative, correlated over 2 km; larger where the forward product had the back-up's leaves."""
FORWARD_BEGINS = date(2021, 1, 1)
"""First day of MOD16A2 in collection 6.1; before it there is the gap-filled product alone."""
LATENT_HEAT = 2.45e6
"""J kg-1."""
_FILLED = 0b000_00_001
"""ET_QC: the leaf area that went in was filled, since the period had no clear day."""
_FILL = 255
_AMOUNTS = ("ET_500m", "LE_500m", "PET_500m", "PLE_500m")


class Evapotranspiration:
    """Makes granules of MOD16A2GF, or of MOD16A2 where the preset wants it and there is one.

    The gap-filled product has a value everywhere but over towns and water. The forward one has
    none either where no day of the period was clear, and tells the quality of its leaves.
    """

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
        self._noise = np.float32(preset.predictor_noise)
        self._periods = EightDays(preset.months)
        self._product = preset.evapotranspiration
        self._lai = np.zeros(domain.shape, np.float32)
        self._actual = np.zeros(domain.shape, np.float32)
        self._potential = np.zeros(domain.shape, np.float32)
        self._clear = np.zeros(domain.shape, np.uint8)

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a granule on the last day of each period, the short last one of a year too."""
        period = self._periods.of(day.day)
        if period is None:
            return
        if day.day == period.start:
            for total in (self._lai, self._actual, self._potential, self._clear):
                total[:] = 0
        self._lai += day.lai
        self._actual += seen_evapotranspiration(day)
        self._potential += day.demand
        self._clear += day.clear_day
        if day.day + timedelta(days=1) != period.end:
            return
        product = self._product_of(period)
        make = self._forward if product == "MOD16A2" else self._gap_filled
        noise = self._noise * self._field.draw(self._generator)
        for sampler in self._samplers:
            missing = self._cover.absences(sampler.tile, "ET_500m")
            yield Observation(
                product=product,
                time=datetime.combine(period.start, datetime.min.time(), UTC),
                geobox=sampler.geobox,
                tile=sampler.tile,
                fields=make(sampler, period, noise),
                absent=dict.fromkeys(_AMOUNTS, missing),
            )

    def _product_of(self, period: Period) -> str:
        return "MOD16A2GF" if period.start < FORWARD_BEGINS else self._product

    def _gap_filled(
        self, sampler: SinusoidalSampler, period: Period, noise: FloatArray
    ) -> dict[str, NDArray[Any]]:
        quality = np.where(sampler.nearest(self._clear) == 0, _FILLED, 0)
        factor = 1 + np.float32(NOISE["main"]) * noise
        return self._amounts(sampler, period, factor) | _quality_layer(sampler, quality)

    def _forward(
        self, sampler: SinusoidalSampler, period: Period, noise: FloatArray
    ) -> dict[str, NDArray[Any]]:
        clear = sampler.nearest(self._clear)
        lai = sampler.to_tile(observed_lai(self._lai / np.float32(period.days)))
        backup = self._clear < MAIN_DAYS
        spread = np.where(backup, np.float32(NOISE["backup"]), np.float32(NOISE["main"]))
        amounts = self._amounts(sampler, period, 1 + spread * noise)
        with_gaps = {
            name: np.where(clear == 0, np.float32(np.nan), values)
            for name, values in amounts.items()
        }
        return with_gaps | _quality_layer(sampler, leaf_quality(clear, lai))

    def _amounts(
        self, sampler: SinusoidalSampler, period: Period, factor: FloatArray
    ) -> dict[str, NDArray[Any]]:
        actual = sampler.to_tile(np.maximum(self._actual * factor, 0))
        potential = sampler.to_tile(self._potential)
        to_energy = np.float32(LATENT_HEAT / period.days)
        return {
            "ET_500m": actual,
            "LE_500m": actual * to_energy,
            "PET_500m": potential,
            "PLE_500m": potential * to_energy,
        }


def seen_evapotranspiration(day: Day) -> FloatArray:
    """Return a day's evapotranspiration as the product's model has it, mm day-1."""
    expected = day.demand * (np.float32(0.2) + np.float32(0.6) * day.cover)
    return np.float32(TRUE_SHARE) * day.evapotranspiration + np.float32(1 - TRUE_SHARE) * expected


def _quality_layer(
    sampler: SinusoidalSampler, quality: NDArray[np.integer]
) -> dict[str, NDArray[Any]]:
    return {"ET_QC_500m": np.where(sampler.seen, quality, _FILL).astype(np.uint8)}
