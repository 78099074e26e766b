"""Rows of a source, in any order, made into columns of one series."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import GranuleError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.errors import VadoseError
    from engine.stations.series import Labels, Station, Times

    type Complain = Callable[[int, str, str], VadoseError]
    """Makes the error of a row, from what is wrong there and what is allowed."""

_log = logging.getLogger(__name__)

# Possessive, so that a long run of digits takes time that only grows with its length.
_NUMBER = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d++,\d++", re.ASCII)


def numbers(
    column: Labels, field: str, complain: Complain, missing: Collection[str] = ()
) -> NDArray[np.float64]:
    """Read a column of numbers; each distinct text is read once.

    Parameters
    ----------
    column
        The texts.
    field
        The column's name, for messages.
    complain
        Makes the error of a row.
    missing
        Texts, in lower case, that mean NaN.

    Returns
    -------
    ndarray (rows,)
    """
    read = np.full(len(column.texts), np.nan)
    for position, text in enumerate(map(str.strip, column.texts)):
        if text.lower() in missing:
            continue
        if _NUMBER.fullmatch(text) is None:
            comma = _DECIMAL_COMMA.fullmatch(text) is not None
            allowed = "a number with a decimal point" if comma else "a number"
            raise complain(column.first_row(position), f"{field} is {shown(text)}", allowed)
        read[position] = float(text)
    return np.take(read, column.codes)


def time_order(
    times: Times, values: NDArray[np.floating], flags: Labels, complain: Complain
) -> NDArray[np.intp]:
    """Return the rows that make a series: ascending in time, exact repeats once.

    Raises
    ------
    VadoseError
        Of the row that contradicts another of the same time.
    """
    if times.size == 0 or (np.diff(times) > np.timedelta64(0, "s")).all():
        return np.arange(times.size)
    order = np.argsort(times, kind="stable")
    later, earlier = order[1:], order[:-1]
    repeated = times[later] == times[earlier]
    same_value = (values[later] == values[earlier]) | (
        np.isnan(values[later]) & np.isnan(values[earlier])
    )
    conflict = repeated & ~(same_value & (flags.codes[later] == flags.codes[earlier]))
    if conflict.any():
        row, other = (int(rows[np.argmax(conflict)]) for rows in (later, earlier))
        raise complain(
            max(row, other),
            f"time {times[row]}Z is there twice, with {values[other]:g} and {values[row]:g}"
            f" (flags {shown(flags.at(other))} and {shown(flags.at(row))})",
            "each time once",
        )
    if repeated.any():
        _log.info("%d repeated row(s) left out", int(repeated.sum()))
    return np.asarray(order[np.concatenate([[True], ~repeated])])


def check_places(path: Path, stations: Collection[Station]) -> None:
    """Refuse two stations at one place: most often a line that was copied and half changed."""
    seen: dict[tuple[float, float], Station] = {}
    for station in stations:
        other = seen.setdefault((station.lat, station.lon), station)
        if (other.network, other.name) != (station.network, station.name):
            raise GranuleError(
                path,
                f"lat and lon of {other} and {station} are the same, "
                f"{station.lat:g} and {station.lon:g}",
                "a place of its own for each station; several sensors of one station "
                "share its name and differ in sensor",
            )


def named(path: Path, error: InputError, where: str = "") -> GranuleError:
    """Give an error of a value the name of the file that it came from."""
    place = f"{where}: " if where else ""
    return GranuleError(path, f"{place}{error.field}: {error.wrong}", error.allowed)


def shown(text: str, longest: int = 40) -> str:
    """Quote a text for a message, shortened."""
    return repr(text if len(text) <= longest else text[: longest - 1] + "…")
