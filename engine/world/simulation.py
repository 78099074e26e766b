"""The truth, a day at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from engine.world import bucket, vegetation
from engine.world.land import hydraulics
from engine.world.random_fields import stream
from engine.world.weather import daily_weather

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from numpy.typing import NDArray

    from engine.grids import FloatArray
    from engine.world.domain import Domain
    from engine.world.land import Land
    from engine.world.presets import Preset
    from engine.world.weather import Forcing


IRRIGATION = 45.0
"""mm that one irrigation brings."""
LEAD_DAYS = 16
"""Days simulated after the last month: composites that begin in it must be whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The true state of one day on the simulated 1 km cells, each field ``(y, x)``."""

    day: date
    rain: FloatArray
    """mm day-1."""
    soil_moisture: FloatArray
    """0-5 cm, m3 m-3."""
    root_moisture: FloatArray
    """5-100 cm, m3 m-3."""
    saturation: FloatArray
    """S1 of the surface layer, 0 to 1."""
    lai: FloatArray
    cover: FloatArray
    """Fraction of ground under green canopy."""
    sif: FloatArray
    """mW m-2 nm-1 sr-1."""
    par: FloatArray
    """MJ m-2 day-1."""
    air_temperature: FloatArray
    """Degrees Celsius."""
    demand: FloatArray
    """Potential evapotranspiration, mm day-1."""
    evapotranspiration: FloatArray
    """Actual evapotranspiration, mm day-1."""
    evaporative_fraction: FloatArray
    """Actual over potential evapotranspiration, 0 to 1."""
    clear_day: NDArray[np.bool_]
    clear_night: NDArray[np.bool_]


def simulate(preset: Preset, domain: Domain, land: Land, seed: int) -> Iterator[Day]:
    """Yield every day from the first month's start to some days after the last month.

    The spin-up before it is simulated and kept to itself.
    """
    first = preset.months[0].first_day
    start = first - timedelta(days=preset.spin_up_days)
    end = preset.months[-1].next().first_day + timedelta(days=LEAD_DAYS)
    days = (start + timedelta(days=k) for k in range((end - start).days))
    state = _State(domain, land, preset.sif_stress, seed)
    margin = timedelta(days=LEAD_DAYS)
    for forcing in daily_weather(domain, land.elevation, days, seed):
        day = state.advance(forcing)
        if day.day >= first - margin:
            yield day


class _State:
    """Soil and plants, and how they answer a day's weather."""

    def __init__(self, domain: Domain, land: Land, sif_response: float, seed: int) -> None:
        self._domain, self._land = domain, land
        self._soil = bucket.Soil(
            hydraulics=hydraulics(land.clay, land.sand),
            clay=land.clay,
            sand=land.sand,
            slope=land.slope,
        )
        self._sif_response = sif_response
        self._farmers = stream(seed, "irrigation")
        self._water = bucket.initial_water(self._soil)
        self._slow_stress = vegetation.stress(bucket.root_saturation(self._water, self._soil))

    def advance(self, forcing: Forcing) -> Day:
        season = self._domain.season(forcing.day)
        lai = vegetation.leaf_area(vegetation.potential_lai(season, self._land), self._slow_stress)
        cover = vegetation.ground_cover(lai)
        supply = forcing.rain + self._irrigate(forcing)
        self._water, fluxes = bucket.step(self._water, supply, forcing.demand, cover, self._soil)
        today = vegetation.stress(bucket.root_saturation(self._water, self._soil))
        self._slow_stress = vegetation.remember_stress(self._slow_stress, today)
        evaporated = fluxes.soil_evaporation + fluxes.transpiration
        return Day(
            day=forcing.day,
            rain=forcing.rain,
            soil_moisture=self._water.surface,
            root_moisture=self._water.root,
            saturation=bucket.surface_saturation(self._water, self._soil),
            lai=lai,
            cover=cover,
            sif=vegetation.fluorescence(
                forcing.par, lai, today, forcing.air_temperature, self._sif_response
            ),
            par=forcing.par,
            air_temperature=forcing.air_temperature,
            demand=forcing.demand,
            evapotranspiration=evaporated,
            evaporative_fraction=np.clip(evaporated / np.maximum(forcing.demand, 0.1), 0, 1),
            clear_day=forcing.clear_day,
            clear_night=forcing.clear_night,
        )

    def _irrigate(self, forcing: Forcing) -> FloatArray:
        """Return the day's irrigation as a cell mean, mm day-1."""
        called = self._farmers.random(forcing.rain.shape, dtype=np.float32) < 0.10
        if vegetation.crop_greenness(self._domain.season(forcing.day)) <= 0.25:
            return np.zeros_like(forcing.rain)
        thirsty = bucket.root_saturation(self._water, self._soil) < 0.45
        fields = self._land.irrigated * self._land.crop
        return np.float32(IRRIGATION) * fields * (called & thirsty)
