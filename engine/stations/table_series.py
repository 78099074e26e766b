"""From the rows of our own station table to one series of each sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from engine.errors import InputError
from engine.stations.clock import utc_times
from engine.stations.moisture import SoilConstants, volumetric
from engine.stations.rows import check_places, named, numbers, shown, time_order
from engine.stations.series import Station, StationSeries
from engine.stations.table_spec import table_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from engine.errors import GranuleError
    from engine.stations.series import Labels, Times
    from engine.stations.table import Table
    from engine.stations.table_spec import ColumnSpec

    type Floats = NDArray[np.float64]
    type Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readings:
    """A table after its texts have been read; every array is ``(rows,)``."""

    table: Table
    numbers: Mapping[str, Floats]
    times: Times
    flags: Labels
    moisture: Floats


def series_of(table: Table, soil: SoilConstants | None = None) -> tuple[StationSeries, ...]:
    """Make one series of each sensor in a table.

    Rows may come in any order. Rows that repeat another exactly are left out and counted.

    Parameters
    ----------
    table
        Its columns have been checked.
    soil
        Constants for rows that do not give them.

    Returns
    -------
    tuple of StationSeries
        Soil moisture in m3 m-3, times in UTC.

    Raises
    ------
    GranuleError
        Naming row and column of what cannot be.
    """
    readings = _read(table, soil or SoilConstants())
    stations = [(_station(readings, rows), rows) for rows in _station_rows(table)]
    check_places(table.path, [station for station, _ in stations])
    return tuple(
        _series(readings, station, rows)
        for station, station_rows in stations
        for rows in _sensor_rows(readings, station_rows)
    )


def _read(table: Table, soil: SoilConstants) -> _Readings:
    columns = {
        name: _numbers(table, name, column)
        for name, column in table_spec().columns.items()
        if column.kind == "number"
    }
    flags = _flags(table)
    return _Readings(
        table=table,
        numbers=columns,
        times=utc_times(table.column("time"), table.column("tz"), table.complain),
        flags=flags,
        moisture=volumetric(table, columns, flags, soil),
    )


def _numbers(table: Table, name: str, spec: ColumnSpec) -> Floats:
    column = table.column(name)
    missing = table_spec().missing if spec.optional_value else ()
    read = numbers(column, name, table.complain, missing)
    low, high = spec.range or (-np.inf, np.inf)
    outside = (read < low) | (read > high)
    if outside.any():
        row = int(np.argmax(outside))
        hint = f" ({spec.hint})" if spec.hint else ""
        raise table.complain(
            row, f"{name} is {shown(column.at(row))}", f"{low:g} to {high:g}{hint}"
        )
    return read


def _flags(table: Table) -> Labels:
    spec, written = table_spec(), table.column("qflag")
    for position, text in enumerate(written.texts):
        if text and spec.flag.fullmatch(text) is None:
            raise table.complain(
                written.first_row(position),
                f"qflag is {shown(text)}",
                "G for a value that passed all checks, U or nothing for one that nobody checked, "
                "or letters and numbers of one's own",
            )
    return written.renamed({"": spec.default_flag})


def _station_rows(table: Table) -> list[Rows]:
    """Return the rows of each station, the stations in order of their first row."""
    return [*_groups([table.column("network").codes, table.column("station_id").codes])]


def _station(readings: _Readings, rows: Rows) -> Station:
    table, first = readings.table, int(rows[0])
    for name in ("lat", "lon", "elev_m"):
        _check_constant(table, name, readings.numbers[name], rows)
    lat, lon, elevation = (
        float(readings.numbers[name][first]) for name in ("lat", "lon", "elev_m")
    )
    try:
        return Station(
            network=table.column("network").at(first),
            name=table.column("station_id").at(first),
            lat=lat,
            lon=lon,
            elevation=None if np.isnan(elevation) else elevation,
        )
    except InputError as error:
        raise named(table.path, error, table.row_name(first)) from error


def _check_constant(table: Table, name: str, read: Floats, rows: Rows) -> None:
    mine = read[rows]
    differs = (mine != mine[0]) & ~(np.isnan(mine) & np.isnan(mine[0]))
    if differs.any():
        row = int(rows[np.argmax(differs)])
        station = table.column("station_id").at(row)
        raise table.complain(
            row,
            f"{name} of station {shown(station)} is {read[row]:g} "
            f"and was {mine[0]:g} in {table.row_name(int(rows[0]))}",
            "one place for each station",
        )


def _sensor_rows(readings: _Readings, rows: Rows) -> Iterator[Rows]:
    """Yield the rows of each sensor at each depth of a station."""
    depths = (readings.numbers[name][rows] for name in ("depth_from_m", "depth_to_m"))
    keys = [readings.table.column("sensor").codes[rows], *(pd.factorize(one)[0] for one in depths)]
    for members in _groups(keys):
        yield rows[members]


def _groups(keys: Sequence[NDArray[np.integer]]) -> Iterator[Rows]:
    """Yield the rows of each combination of keys, in order of first appearance."""
    combined = np.zeros(keys[0].size, np.int64)
    for key in keys:
        combined, _ = pd.factorize(combined * (int(key.max(initial=0)) + 1) + key)
    order = np.argsort(combined, kind="stable")
    edges = np.flatnonzero(np.diff(combined[order])) + 1
    yield from np.split(order, edges)


def _series(readings: _Readings, station: Station, rows: Rows) -> StationSeries:
    table, columns, first = readings.table, readings.numbers, int(rows[0])

    def complain(row: int, wrong: str, allowed: str) -> GranuleError:
        return table.complain(int(rows[row]), wrong, allowed)

    kept = rows[
        time_order(readings.times[rows], readings.moisture[rows], readings.flags[rows], complain)
    ]
    try:
        return StationSeries(
            station=station,
            sensor=table.column("sensor").at(first),
            variable="soil_moisture",
            units="m3 m-3",
            depth_from=float(columns["depth_from_m"][first]),
            depth_to=float(columns["depth_to_m"][first]),
            times=readings.times[kept],
            values=readings.moisture[kept].astype(np.float32),
            flags=readings.flags[kept],
            original_flags=table.column("qflag")[kept],
            repeats=rows.size - kept.size,
        )
    except InputError as error:
        raise named(table.path, error, table.row_name(first)) from error
