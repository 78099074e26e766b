"""Which sensors are wanted, and the joining of what was delivered in pieces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import GranuleError
from engine.stations.rows import time_order
from engine.stations.series import Labels, StationSeries, layer_within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.grids import BBox
    from engine.months import Period
    from engine.stations.series import Station


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which sensors to read; None wants all."""

    variables: tuple[str, ...] | None = ("soil_moisture",)
    """Our names."""
    networks: tuple[str, ...] | None = None
    """Names of networks."""
    layer: tuple[float, float] | None = None
    """Depths in m between which a sensor's layer must lie, to the nearest centimetre."""
    bbox: BBox | None = None
    """Where stations must lie."""
    period: Period | None = None
    """When values must have been measured."""

    def takes_station(self, station: Station) -> bool:
        """Tell whether a station is wanted."""
        if self.networks is not None and station.network not in self.networks:
            return False
        return self.bbox is None or _inside(self.bbox, station.lon, station.lat)

    def takes_layer(self, depth_from: float, depth_to: float) -> bool:
        """Tell whether a sensor's layer is wanted."""
        return self.layer is None or layer_within((depth_from, depth_to), self.layer)

    def cut(self, series: StationSeries) -> StationSeries | None:
        """Return the wanted rows of a series, None where there is none."""
        if self.variables is not None and series.variable not in self.variables:
            return None
        if not self.takes_layer(series.depth_from, series.depth_to):
            return None
        if not self.takes_station(series.station):
            return None
        during = series if self.period is None else series.during(self.period)
        return during if len(during) else None


def looks_swapped(station: Station, bbox: BBox) -> bool:
    """Tell whether a station lies in a box only after its coordinates are swapped."""
    inside = _inside(bbox, station.lon, station.lat)
    return not inside and _inside(bbox, station.lat, station.lon)


def check_not_swapped(path: Path, stations: Iterable[Station], bbox: BBox | None) -> None:
    """Refuse a station whose coordinates are swapped, as far as an area can tell."""
    if bbox is None:
        return
    for station in stations:
        if looks_swapped(station, bbox):
            raise GranuleError(
                path,
                f"lat {station.lat:g} and lon {station.lon:g} of {station} look swapped",
                "lat before lon; swapped they would lie in the area",
            )


def joined(series: Iterable[StationSeries]) -> tuple[StationSeries, ...]:
    """Join series of one sensor that came in several files, and sort by station.

    Raises
    ------
    GranuleError
        Where two files give one time two values.
    """
    ordered = sorted(series, key=lambda one: one.key)
    return tuple(_join([*parts]) for _, parts in groupby(ordered, key=lambda one: one.key))


def _join(parts: Sequence[StationSeries]) -> StationSeries:
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    times = np.concatenate([part.times for part in parts])
    values = np.concatenate([part.values for part in parts])
    flags = _end_to_end([part.flags for part in parts])
    originals = _end_to_end([part.original_flags for part in parts])

    def complain(_: int, wrong: str, allowed: str) -> GranuleError:
        name = f"{first.station.name}, {first.sensor} at {first.depth_from:g}-{first.depth_to:g} m"
        return GranuleError(Path(name), f"several files: {wrong}", allowed)

    order = time_order(times, values, flags, complain)
    return replace(
        first,
        times=times[order],
        values=values[order],
        flags=flags[order],
        original_flags=originals[order],
        repeats=times.size - order.size + sum(part.repeats for part in parts),
    )


def _end_to_end(columns: Sequence[Labels]) -> Labels:
    """Put columns one after another, each text once."""
    texts = Labels.of(text for column in columns for text in column.texts)
    starts = np.cumsum([0, *(len(column.texts) for column in columns)])
    codes = [
        texts.codes[start + column.codes]
        for start, column in zip(starts[:-1], columns, strict=True)
    ]
    return Labels(np.concatenate(codes), texts.texts)


def _inside(bbox: BBox, lon: float, lat: float) -> bool:
    return bbox.west <= lon <= bbox.east and bbox.south <= lat <= bbox.north
