"""Probes in the ground: the truth of one cell, seen by an instrument with faults of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

from engine.grids import apply_affine, transformer
from engine.world.operators.smap import DIURNAL
from engine.world.random_fields import stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from engine.grids import FloatArray
    from engine.world.domain import Domain
    from engine.world.land import Land
    from engine.world.presets import Preset
    from engine.world.simulation import Day

    type Hours = NDArray[np.datetime64]
    type Texts = NDArray[np.str_]

OFFSET = 0.03
"""Standard deviation of what a point has more than its 1 km cell, m3 m-3."""
SLOPES = (0.8, 1.2)
"""Range of how much more a point swings than its cell."""
NOISE = 0.004
"""Standard deviation of an hour's noise, m3 m-3, with a memory of about a day."""
_MEMORY = 0.95
_SPIKES = 1 / 800
"""Share of hours with a spike."""
_SOAKING = 25.0
"""mm of rain in a day after which a probe may stand in water."""
_GAPS_A_YEAR = 3
_FILL_SHARE = 1 / 1000
"""Share of hours whose number is the fill value, flagged M."""
FILL = -9999.0
_LAYERS = ((0.0, 0.05), (0.0, 0.05), (0.0, 0.05), (0.0, 0.10))
_TOWNS, _WATERS = 0.3, 0.1
"""Most of a cell that town and water may cover where a station is set up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A station and its faults, which no file of the archive tells."""

    number: int
    row: int
    """Of the area's 1 km cells, likewise ``column``."""
    column: int
    latitude: float
    """Degrees, likewise ``longitude``."""
    longitude: float
    elevation: float
    """m."""
    depth: tuple[float, float]
    """Upper and lower end of the layer that it feels, m."""
    offset: float
    """m3 m-3."""
    slope: float

    @property
    def name(self) -> str:
        """Its name."""
        return f"S{self.number:03d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRecord:
    """What a station sent: hours that it was silent are left out."""

    site: Site
    times: Hours
    """``(rows,)`` UTC, whole hours."""
    values: FloatArray
    """``(rows,)`` m3 m-3, or the fill value."""
    flags: Texts
    """``(rows,)`` flags of the ISMN."""


class Stations:
    """Listens to the stations of a domain for all the months of a preset."""

    def __init__(self, preset: Preset, domain: Domain, land: Land, seed: int) -> None:
        self._seed, self._domain = seed, domain
        self._first = preset.months[0].first_day
        self._last = preset.months[-1].next().first_day - timedelta(days=1)
        self.sites = place_stations(preset.stations, domain, land, seed)
        self._index = tuple(np.array([[s.row, s.column] for s in self.sites], int).reshape(-1, 2).T)
        self._days: list[FloatArray] = []

    def see(self, day: Day) -> Iterator[StationRecord]:
        """Yield every station's record on the last day."""
        if not self._first <= day.day <= self._last:
            return
        fields = (day.soil_moisture, day.root_moisture, day.air_temperature, day.rain)
        self._days.append(np.stack([self._domain.crop(f)[self._index] for f in fields]))
        if day.day < self._last:
            return
        days = np.stack(self._days, axis=1)
        for k, site in enumerate(self.sites):
            generator = stream(self._seed, f"station {site.number}")
            yield _listen(site, days[:, :, k], np.datetime64(self._first, "h"), generator)
        self._days.clear()


def place_stations(count: int, domain: Domain, land: Land, seed: int) -> tuple[Site, ...]:
    """Choose places outside towns and waters, at most one in a cell."""
    generator = stream(seed, "stations")
    fit = domain.crop((land.urban <= _TOWNS) & (land.water <= _WATERS))
    cells = generator.permutation(np.flatnonzero(fit))[:count]
    elevation = domain.crop(land.elevation)
    sites = []
    for number, cell in enumerate(cells, start=1):
        row, column = divmod(int(cell), domain.area.shape.x)
        longitude, latitude = _place(domain, row, column, generator)
        sites.append(
            Site(
                number=number,
                row=row,
                column=column,
                latitude=latitude,
                longitude=longitude,
                elevation=round(float(elevation[row, column]), 1),
                depth=_LAYERS[number % len(_LAYERS)],
                offset=float(generator.normal(0, OFFSET)),
                slope=float(generator.uniform(*SLOPES)),
            )
        )
    return tuple(sites)


def _place(
    domain: Domain, row: int, column: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Return longitude and latitude of a point well inside a cell, to five decimals."""
    inside = generator.uniform(0.1, 0.9, 2)
    at = np.array([column + inside[0]]), np.array([row + inside[1]])
    x, y = apply_affine(domain.area.affine, *at)
    longitude, latitude = transformer(str(domain.area.crs), "EPSG:4326").transform(x, y)
    return round(float(longitude[0]), 5), round(float(latitude[0]), 5)


def _listen(
    site: Site, days: FloatArray, start: np.datetime64, generator: np.random.Generator
) -> StationRecord:
    """Make a station's record of the daily truth ``(4, days)`` of its cell."""
    surface, root, air, rain = days
    times = start + np.arange(24 * surface.size)
    swing = np.cos(2 * np.pi * (np.arange(times.size) + 7.5 - 5) / 24)
    layer = _layer_mean(site.depth, surface, root)
    point = layer.mean() + site.slope * (layer - layer.mean()) + site.offset
    values = np.repeat(point, 24) + DIURNAL * swing + _hourly_noise(times.size, generator)
    values = np.clip(values, 0.01, 0.58)
    flags = np.full(times.size, "G", "<U7")
    _soak(values, flags, rain, generator)
    _freeze(values, flags, 2 + 0.7 * np.repeat(air, 24) - swing)
    _spike(values, flags, generator)
    lost = generator.random(times.size) < _FILL_SHARE
    values[lost], flags[lost] = FILL, "M"
    heard = _heard(times.size, generator)
    return StationRecord(site=site, times=times[heard], values=values[heard], flags=flags[heard])


def _layer_mean(depth: tuple[float, float], surface: FloatArray, root: FloatArray) -> FloatArray:
    """Return the daily mean over a layer; below 5 cm it is part-way to the root zone."""
    if depth[1] <= 0.05:
        return surface.astype(np.float64)
    return 0.85 * surface.astype(np.float64) + 0.15 * root


def _hourly_noise(size: int, generator: np.random.Generator) -> FloatArray:
    shocks = generator.normal(0, NOISE * np.sqrt(1 - _MEMORY**2), size)
    return np.asarray(lfilter([1], [1, -_MEMORY], shocks))


def _soak(
    values: FloatArray, flags: Texts, rain: FloatArray, generator: np.random.Generator
) -> None:
    """Let water stand around the probe for some hours after heavy rain: D10."""
    for day in np.flatnonzero(rain > _SOAKING):
        if generator.random() < 0.5:
            begin = 24 * int(day) + int(generator.integers(0, 12))
            hours = slice(begin, begin + int(generator.integers(12, 30)))
            values[hours] = 0.55
            flags[hours] = "D10"


def _freeze(values: FloatArray, flags: Texts, temperature: FloatArray) -> None:
    """Let the probe miss the water that is ice: D01, and D03 too where it is cold.

    ``temperature`` is the soil's, degrees Celsius, hour by hour.
    """
    frozen = temperature < 0
    values[frozen] *= 0.7
    flags[frozen] = "D01"
    flags[temperature < -4] = "D01,D03"


def _spike(values: FloatArray, flags: Texts, generator: np.random.Generator) -> None:
    """Let single hours jump: D06, and C02 too beyond 0.6 m3 m-3."""
    hours = np.flatnonzero((generator.random(values.size) < _SPIKES) & (flags == "G"))
    values[hours] += generator.uniform(0.12, 0.3, hours.size)
    flags[hours] = np.where(values[hours] > 0.6, "C02,D06", "D06")


def _heard(size: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Leave out hours to weeks in which the station was silent."""
    heard = np.ones(size, np.bool_)
    for _ in range(generator.poisson(_GAPS_A_YEAR * size / 8766)):
        begin = int(generator.integers(0, size))
        heard[begin : begin + int(np.exp(generator.uniform(np.log(6), np.log(480))))] = False
    return heard


def faults(sites: Sequence[Site]) -> Iterator[dict[str, object]]:
    """Yield what the truth tells of each station."""
    for site in sites:
        yield {
            "station_id": site.name,
            "row": site.row,
            "column": site.column,
            "offset_m3_m3": round(site.offset, 6),
            "slope": round(site.slope, 6),
        }
