"""One file of the ISMN, in either of its two formats.

*Header and values*: a first line of network, station, place, depths and sensor, then
``YYYY/MM/DD HH:MM value flag original-flag``. *CEOP*: all of that in every line, but the sensor.

The ``ismn`` package reads the same numbers (tests compare with what it says) but is not used
here: it prints, writes a metadata table beside the data, skips files that it cannot read instead
of naming them, takes names from folders, and brings pyresample, netCDF4 and 20 packages more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from engine.errors import GranuleError, InputError
from engine.stations.columns import BLANKS, RaggedError, split_columns
from engine.stations.ismn_spec import ismn_spec
from engine.stations.rows import named, numbers, shown, time_order
from engine.stations.series import Station, StationSeries
from engine.stations.text import plain_lines

if TYPE_CHECKING:
    from pathlib import Path

    from engine.stations.ismn_spec import IsmnSpec, IsmnVariable
    from engine.stations.rows import Complain
    from engine.stations.series import Labels, Times

_DATE = re.compile(rb"\d{4}/\d{2}/\d{2}")
_HEADER_FIELDS = 9
_VALUE_NAMES = ("date", "time", "value", "flag", "original flag")
_PLACE_NAMES = ("CSE", "network", "station", "lat", "lon", "elevation", "depth from", "depth to")
_CEOP_NAMES = ("date", "time", "actual date", "actual time", *_PLACE_NAMES, *_VALUE_NAMES[2:])
_CEOP_FIELDS = len(_CEOP_NAMES)
_KIND = "an ISMN file (header and values, or CEOP)"
_LINES = "'YYYY/MM/DD HH:MM value flag original-flag'"


@dataclass(frozen=True, slots=True, kw_only=True)
class IsmnName:
    """What the name of a data file says."""

    variable: IsmnVariable
    """What was measured."""
    depth_from: float
    """Upper end of the sensor's layer, m."""
    depth_to: float
    """Lower end, m."""
    sensor: str
    """Make of the sensor."""


def parse_name(path: Path) -> IsmnName | None:
    """Read the name of a data file; None for a variable that is of no use here.

    Raises
    ------
    GranuleError
        Where the name is not one of the ISMN's.
    """
    spec = ismn_spec()
    match = spec.name.fullmatch(path.name)
    if match is None:
        raise GranuleError(
            path,
            "its name is not one of the ISMN's",
            "CSE_NETWORK_STATION_variable_from_to_sensor_YYYYMMDD_YYYYMMDD.stm",
        )
    variable = spec.variables.get(match["variable"])
    if variable is None:
        return None
    return IsmnName(
        variable=variable,
        depth_from=float(match["depth_from"]),
        depth_to=float(match["depth_to"]),
        sensor=match["sensor"],
    )


@dataclass(frozen=True, slots=True)
class IsmnText:
    """A data file whose first line has been read."""

    path: Path
    """The file, for messages."""
    name: IsmnName
    """What its name says."""
    station: Station
    """Where it was measured."""
    rows: bytes
    """The lines with values."""
    lines_before: int
    """Lines before those."""
    ceop: bool
    """Whether it is in the CEOP format."""


def open_text(path: Path, name: IsmnName, data: bytes) -> IsmnText:
    """Read the station that a file is of, without its values.

    Raises
    ------
    GranuleError
        Where it is not one of the ISMN's files, or its name and content differ.
    """
    text = plain_lines(path, data, _KIND).lstrip()
    first, _, rest = text.partition(b"\n")
    fields = first.decode("utf-8").split()
    ceop = _DATE.match(first) is not None
    if ceop and len(fields) in (_CEOP_FIELDS - 1, _CEOP_FIELDS):
        fields = fields[4:12]
    elif ceop or len(fields) < _HEADER_FIELDS:
        raise GranuleError(
            path,
            f"its first line has {len(fields)} fields, {shown(' '.join(fields))}",
            "a first line CSE NETWORK STATION lat lon elevation from to sensor, "
            f"or {_CEOP_FIELDS} fields in every line",
        )
    station = _station(path, fields)
    _check_depths(path, name, fields)
    return IsmnText(path, name, station, text if ceop else rest, 0 if ceop else 1, ceop)


def read_series(text: IsmnText) -> StationSeries:
    """Read a file's values.

    Raises
    ------
    GranuleError
        Where a line is cut off or malformed, a place changes, a time is there twice with two
        values, or the values are in another unit.
    """
    spec, name = ismn_spec(), text.name
    complain = partial(_complaint, text)
    columns = _columns(text)
    value, flags, originals = columns[-3:]
    _check_full(text, columns, complain)
    times = _times(columns, spec, complain)
    values = numbers(value, "value", complain, missing=("nan",))
    values[values == spec.fill] = np.nan
    _check_flags(flags, spec, complain)
    _check_one_place(columns, text, complain)
    order = time_order(times, values, flags, complain)
    _check_units(text, values)
    try:
        return StationSeries(
            station=text.station,
            sensor=name.sensor,
            variable=name.variable.name,
            units=name.variable.units,
            depth_from=name.depth_from,
            depth_to=name.depth_to,
            times=times[order],
            values=values[order].astype(np.float32),
            flags=flags[order],
            original_flags=originals[order],
            repeats=times.size - order.size,
        )
    except InputError as error:
        raise named(text.path, error) from error


def _complaint(text: IsmnText, row: int, wrong: str, allowed: str) -> GranuleError:
    """Name the line, counted without empty ones, since line ends differ within a file."""
    return GranuleError(text.path, f"line {row + text.lines_before + 1}: {wrong}", allowed)


def _station(path: Path, fields: list[str]) -> Station:
    try:
        lat, lon, elevation = (float(field) for field in fields[3:6])
    except ValueError as error:
        raise GranuleError(
            path, f"lat, lon and elevation are {shown(' '.join(fields[3:6]))}", "three numbers"
        ) from error
    try:
        return Station(
            network=fields[1],
            name=fields[2],
            lat=lat,
            lon=lon,
            elevation=elevation if -500 < elevation < 9000 else None,
        )
    except InputError as error:
        raise named(path, error) from error


def _check_depths(path: Path, name: IsmnName, fields: list[str]) -> None:
    pairs = zip(("from", "to"), (name.depth_from, name.depth_to), fields[6:8], strict=True)
    for end, announced, text in pairs:
        try:
            off = abs(float(text) - announced)
        except ValueError:
            off = np.inf
        if not off <= ismn_spec().depth_rounding:
            raise GranuleError(
                path, f"depth {end} is {shown(text)}", f"{announced:g} m, as its name says"
            )


def _columns(text: IsmnText) -> list[Labels]:
    if not text.rows.strip():
        raise GranuleError(text.path, "it holds no values", f"lines {_LINES}")
    names = _CEOP_NAMES if text.ceop else _VALUE_NAMES
    try:
        return split_columns(text.rows, names, BLANKS)
    except RaggedError as error:
        raise GranuleError(text.path, *_excess(text, len(names))) from error


def _excess(text: IsmnText, width: int) -> tuple[str, str]:
    """Find the line with too many fields, which pandas says in words of its own."""
    lines = [line for line in text.rows.split(b"\n") if line.strip()]
    row = next((row for row, line in enumerate(lines) if len(line.split()) > width), 0)
    line = lines[row].decode("utf-8")
    return (
        f"line {row + text.lines_before + 1} has {len(line.split())} fields, {shown(line)}",
        f"{width} fields",
    )


def _check_full(text: IsmnText, columns: list[Labels], complain: Complain) -> None:
    """Refuse lines that end before their flag; the provider's flag may be missing.

    In a last line without line end it may not: then the ISMN's flag may have been cut off too.
    """
    flag, original = columns[-2:]
    last = len(original) - 1
    if not original.at(last) and not text.rows.endswith((b"\n", b" ")):
        raise complain(last, "the last line is cut off", _LINES)
    if "" in flag.texts:
        row = flag.first_row(flag.texts.index(""))
        line = " ".join(column.at(row) for column in columns).strip()
        raise complain(row, f"{shown(line)} is cut off", _LINES)


def _times(columns: list[Labels], spec: IsmnSpec, complain: Complain) -> Times:
    """Read the nominal date and clock time, each distinct text once."""
    date_format, clock_format = spec.time_format.split(" ")
    days, clocks = columns[:2]
    day = _parsed(days, date_format, "date", complain)
    clock = _parsed(clocks, clock_format, "time", complain)
    since_midnight = clock - clock.astype("datetime64[D]")
    return np.asarray(day[days.codes] + since_midnight[clocks.codes])


def _parsed(column: Labels, form: str, field: str, complain: Complain) -> Times:
    parsed = pd.to_datetime(pd.Index(column.texts), format=form, errors="coerce")
    bad = np.flatnonzero(np.asarray(parsed.isna()))
    if bad.size:
        row = min(column.first_row(int(position)) for position in bad)
        allowed = "YYYY/MM/DD" if field == "date" else "HH:MM"
        raise complain(row, f"{field} is {shown(column.at(row))}", allowed)
    return parsed.to_numpy().astype("datetime64[s]")


def _check_flags(column: Labels, spec: IsmnSpec, complain: Complain) -> None:
    for position, text in enumerate(column.texts):
        if spec.flag.fullmatch(text) is None:
            raise complain(
                column.first_row(position),
                f"flag is {shown(text)}",
                "letters and numbers such as G or D03,D05",
            )


def _check_one_place(columns: list[Labels], text: IsmnText, complain: Complain) -> None:
    """Refuse a CEOP file whose lines name several stations, places or depths."""
    if not text.ceop:
        return
    for field, column in zip(_PLACE_NAMES, columns[4:12], strict=True):
        if len(column.texts) > 1:
            row = int(np.argmax(column.codes != column.codes[0]))
            raise complain(
                row,
                f"{field} is {shown(column.at(row))} and was {shown(column.at(0))}",
                "one sensor in a file",
            )


def _check_units(text: IsmnText, values: np.ndarray) -> None:
    low, high = text.name.variable.median
    valid = values[np.isfinite(values)]
    if not valid.size:
        return
    middle = float(np.median(valid))
    if not low <= middle <= high:
        moisture = text.name.variable.units == "m3 m-3"
        percent = "; the values look like percent" if moisture and middle > high else ""
        raise GranuleError(
            text.path,
            f"{text.name.variable.name} has the median {middle:g}{percent}",
            f"values in {text.name.variable.units}",
        )
