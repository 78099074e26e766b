"""The days that a comparison file holds, by its name and by its time axis."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine.errors import GranuleError, InputError
from engine.months import Month, Period

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    type Days = NDArray[np.datetime64]


def announced_period(match: re.Match[str]) -> Period | None:
    """Return the days that a file name announces, or None for a date that does not exist."""
    parts: Mapping[str, str | None] = match.groupdict()
    year, month, day, doy = (
        int(number) if (number := parts.get(name)) else None
        for name in ("year", "month", "day", "doy")
    )
    try:
        if doy is not None:
            first = date(year or 0, 1, 1) + timedelta(days=doy - 1)
            return _one_day(first) if first.year == year and doy > 0 else None
        if day is not None:
            return _one_day(date(year or 0, month or 0, day))
        if month is not None:
            return Month(year or 0, month).period
        return Period(date(year or 0, 1, 1), date((year or 0) + 1, 1, 1))
    except (ValueError, InputError):
        return None


def days_of(path: Path, time: xr.DataArray, period: Period) -> Days:
    """Return the day of each layer of a file.

    Parameters
    ----------
    path
        The file, for messages.
    time
        ``(layers,)`` the undecoded time axis.
    period
        The days that its name announces. An axis without units must have one layer for each.

    Returns
    -------
    ndarray (layers,), datetime64[D]

    Raises
    ------
    GranuleError
        Where the axis cannot be read, repeats days, or leaves the announced period.
    """
    start, end = np.datetime64(period.start, "D"), np.datetime64(period.end, "D")
    expected = f"days from {start} to {end - np.timedelta64(1, 'D')}, as its name says"
    if " since " not in str(time.attrs.get("units", "")):
        if time.size != period.days:
            raise GranuleError(path, f"{time.name} has {time.size} layers and no units", expected)
        return np.arange(start, end)
    days = _decoded(path, time)
    if not ((days >= start) & (days < end)).all():
        raise GranuleError(path, f"{time.name} runs from {days.min()} to {days.max()}", expected)
    if np.unique(days).size != days.size:
        raise GranuleError(path, f"{time.name} repeats days", expected)
    return days


def _decoded(path: Path, time: xr.DataArray) -> Days:
    try:
        decoded = xr.decode_cf(time.to_dataset(name="axis"))["axis"].values
        return np.asarray(decoded).astype("datetime64[D]")
    except (ValueError, TypeError, OverflowError) as error:
        raise GranuleError(
            path,
            f"{time.name} has the units {time.attrs['units']!r}",
            "'days since YYYY-MM-DD' in the standard calendar, or the like",
        ) from error


def _one_day(day: date) -> Period:
    return Period(day, day + timedelta(days=1))
