"""Local times to UTC, by zone name or offset; hours that are there twice or never are refused."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from engine.stations.rows import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.stations.rows import Complain
    from engine.stations.series import Labels, Times

_TIME = re.compile(
    r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.0+)?)?"
    r"(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1950, 2100
_UTC_NAMES = frozenset({"UTC", "GMT", "Z"})

TIMES = "YYYY-MM-DD HH:MM[:SS] with a zone in tz, or with an offset such as Z or +08:00"
ZONES = "an IANA name such as Asia/Shanghai, UTC, or an offset such as +08:00 (not CST or the like)"


def utc_times(times: Labels, zones: Labels, complain: Complain) -> Times:
    """Return the instants of some rows.

    Parameters
    ----------
    times
        ``YYYY-MM-DD HH:MM[:SS]`` (``/`` and ``T`` will do), with or without an offset.
    zones
        An IANA name or an offset; empty where the time has its own.
    complain
        Makes the error of a row.

    Returns
    -------
    ndarray (rows,)
        datetime64[s], UTC.

    Raises
    ------
    VadoseError
        For a time that does not exist, an hour that the clocks show twice, an unknown zone, or
        an offset that is there twice or not at all.
    """
    local, own = _local_times(times, complain)
    places = _zones(zones, complain)
    has_own = np.isfinite(own)[times.codes]
    has_zone = np.array([place is not None for place in places])[zones.codes]
    for wrong, rows in (("both give", has_own & has_zone), ("neither gives", ~has_own & ~has_zone)):
        if rows.any():
            row = int(np.argmax(rows))
            raise complain(
                row,
                f"time {shown(times.at(row))} and tz {shown(zones.at(row))}: {wrong} a zone",
                TIMES,
            )
    utc = np.take(local, times.codes)
    offsets = np.nan_to_num(own)[times.codes].astype("timedelta64[s]")
    utc -= offsets
    for position, place in enumerate(places):
        if place is not None:
            rows = np.flatnonzero(zones.codes == position)
            utc[rows] = _to_utc(utc[rows], rows, place, complain)
    return utc


def _local_times(column: Labels, complain: Complain) -> tuple[Times, NDArray[np.float64]]:
    """Return, for each distinct text, clock time and offset in seconds (NaN where none)."""
    local = np.empty(len(column.texts), "datetime64[s]")
    own = np.full(len(column.texts), np.nan)
    for position, text in enumerate(column.texts):
        match = _TIME.fullmatch(text)
        try:
            if match is None or not _FIRST_YEAR <= int(match[1]) <= _LAST_YEAR:
                raise ValueError(text)
            year, _, month, day, hour, minute, second, offset = match.groups()
            date = f"{year}-{month:0>2}-{day:0>2}"
            local[position] = np.datetime64(f"{date}T{hour:0>2}:{minute}:{second or '00'}", "s")
        except ValueError as error:
            row = column.first_row(position)
            raise complain(row, f"time is {shown(text)}", TIMES) from error
        if offset:
            own[position] = _seconds("+00:00" if offset == "Z" else offset)
    return local, own


def _zones(column: Labels, complain: Complain) -> list[tzinfo | None]:
    zones: list[tzinfo | None] = []
    for position, text in enumerate(column.texts):
        try:
            zones.append(_zone(text))
        except (ValueError, OSError, ZoneInfoNotFoundError) as error:
            raise complain(column.first_row(position), f"tz is {shown(text)}", ZONES) from error
    return zones


def _zone(text: str) -> tzinfo | None:
    if not text:
        return None
    if text.upper() in _UTC_NAMES:
        return UTC
    if _OFFSET.fullmatch(text):
        return timezone(timedelta(seconds=_seconds(text)))
    if "/" not in text:
        # Abbreviations are ambiguous: CST is China's and Chicago's.
        raise ValueError(text)
    return ZoneInfo(text)


def _seconds(offset: str) -> int:
    match = _OFFSET.fullmatch(offset)
    if match is None:
        raise ValueError(offset)
    seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60
    if seconds > 14 * 3600:
        raise ValueError(offset)
    return -seconds if match[1] == "-" else seconds


def _to_utc(local: Times, rows: NDArray[np.intp], zone: tzinfo, complain: Complain) -> Times:
    index = pd.DatetimeIndex(local).tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    lost = np.asarray(index.isna())
    if lost.any():
        first = int(np.argmax(lost))
        raise complain(
            int(rows[first]),
            f"the clocks of {zone} show {local[first]} twice or never (summer time)",
            "times with an offset such as +02:00",
        )
    return np.asarray(index.tz_convert("UTC").tz_localize(None), dtype="datetime64[s]")
