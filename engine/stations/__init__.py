"""Stations in the ground: the ISMN's archives, our own table, and text sent with a request."""

from __future__ import annotations

from engine.stations.ismn import read_ismn
from engine.stations.moisture import SoilConstants
from engine.stations.read import parse_stations, read_stations, read_stations_in_parts
from engine.stations.selection import Wanted
from engine.stations.series import GOOD, UNCHECKED, Labels, Station, StationSeries
from engine.stations.sources import Limits

__all__ = [
    "GOOD",
    "UNCHECKED",
    "Labels",
    "Limits",
    "SoilConstants",
    "Station",
    "StationSeries",
    "Wanted",
    "parse_stations",
    "read_ismn",
    "read_stations",
    "read_stations_in_parts",
]
