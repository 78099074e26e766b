"""Every instrument before the passing truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.world.operators.comparison import ComparisonMap, known_errors
from engine.world.operators.evaporation import Evapotranspiration
from engine.world.operators.fluorescence import Fluorescence
from engine.world.operators.land_cover import LandCover
from engine.world.operators.leaves import Leaves
from engine.world.operators.precipitation import Precipitation
from engine.world.operators.rain_error import RainError
from engine.world.operators.reflectance import Reflectance
from engine.world.operators.sampling import SinusoidalSampler
from engine.world.operators.smap import Smap
from engine.world.operators.stations import Stations
from engine.world.operators.temperature import Temperature
from engine.world.operators.truth import MonthlyTruth
from engine.world.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.world.domain import Domain
    from engine.world.land import Land
    from engine.world.operators.observation import Instrument, Observation
    from engine.world.operators.stations import StationRecord
    from engine.world.operators.truth import TrueMonth
    from engine.world.presets import Preset


def observe(
    preset: Preset,
    domain: Domain,
    land: Land,
    seed: int,
    *,
    beside: Sequence[Instrument] = (),
    judges: bool = True,
) -> Iterator[Observation | TrueMonth | StationRecord]:
    """Simulate a world and yield what there is to see of it, in the order it becomes known.

    Parameters
    ----------
    preset
        Months and difficulty.
    domain, land
        The land.
    seed
        Of the world.
    beside
        Instruments that no archive has, to look at the same truth.
    judges
        Whether to see what maps are only compared with: other maps, and stations.

    Yields
    ------
    Observation, TrueMonth or StationRecord
        Every granule's content, the truth of every month, and at the end what each station sent.
    """
    samplers = SinusoidalSampler.all_of(2400, domain)
    rain_error = RainError(domain, preset.shared_rain_error, seed)
    cover = LandCover(preset, land, samplers, seed)
    instruments: Sequence[Instrument] = (
        cover,
        Smap(preset, domain, land, rain_error, seed),
        Temperature(preset, domain, land, seed),
        Reflectance(preset, domain, samplers, seed),
        Leaves(preset, domain, cover, samplers, seed),
        Evapotranspiration(preset, domain, cover, samplers, seed),
        Fluorescence(preset, domain, seed),
        Precipitation(preset, domain, rain_error, seed),
    )
    names = known_errors() if judges else ()
    others = [ComparisonMap(name, preset, domain, seed) for name in names]
    truth = MonthlyTruth(preset, domain)
    stations = Stations(preset, domain, land, seed) if judges else None
    for day in simulate(preset, domain, land, seed):
        for instrument in (*instruments, *others, *beside):
            yield from instrument.see(day)
        yield from truth.see(day)
        if stations is not None:
            yield from stations.see(day)
