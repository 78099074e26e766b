"""The days that a file itself says it holds, against those that its name announces.

A file that was renamed reads well and puts a wrong month into a map. Files that say nothing of
their time are believed.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import GranuleError
from engine.months import Period

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from engine.granules import Granule

_SINCE = re.compile(r"(days|hours|minutes|seconds) since (\d{4}-\d{1,2}-\d{1,2})[ T]?(\S*)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_ID_DAY = re.compile(r"\.A([12]\d{3})(\d{3})\.")
_ODL = r'OBJECT\s*=\s*{}\b.*?VALUE\s*=\s*"([^"]*)"'
_DAY = timedelta(days=1)


def check_stamp(granule: Granule, held: Period | None) -> None:
    """Refuse a file that holds none of the days of its name.

    Parameters
    ----------
    granule
        The file.
    held
        The days that the file says it holds; None where it says nothing.
    """
    named = granule.period
    if held is None or named is None or held.shared_days(named):
        return
    raise GranuleError(granule.path, f"it holds {_text(held)}", f"{_text(named)}, as its name says")


def one_day(day: date) -> Period:
    """Return a day as a period.

    >>> one_day(date(2020, 2, 29)).end
    datetime.date(2020, 3, 1)
    """
    return Period(day, day + _DAY)


def cf_times(steps: ArrayLike, units: str) -> tuple[datetime, ...] | None:
    """Return the times of a CF time axis, to the second; None where they are none.

    >>> cf_times([633495600], "seconds since 2000-01-01 11:58:55.816")
    (datetime.datetime(2020, 1, 28, 14, 58, 55),)
    """
    match = _SINCE.match(units)
    if match is None:
        return None
    numbers = np.asarray(steps, np.float64).ravel()
    try:
        epoch = _epoch(match[2], match[3])
        return tuple(epoch + timedelta(**{match[1]: float(step)}) for step in numbers)
    except (ValueError, OverflowError):
        return None


def _epoch(day: str, clock: str) -> datetime:
    epoch = datetime.fromisoformat("-".join(f"{int(n):02d}" for n in day.split("-")))
    match = _CLOCK.match(clock)
    hours, minutes, seconds = (int(n or 0) for n in match.groups()) if match else (0, 0, 0)
    return epoch + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def modis_days(core: str, granule_id: str = "") -> Period | None:
    """Return the days that the metadata of a MODIS file tell.

    Parameters
    ----------
    core
        Text of ``CoreMetadata.0``.
    granule_id
        The name that the file was given when it was made, where it stands beside that text.

    Returns
    -------
    Period or None
        The day in the file's first name; else the range of dates; None without either.

    >>> modis_days("", "MOD11A2.A2020129.h27v05.061.2020140000000.hdf").start
    datetime.date(2020, 5, 8)
    """
    match = _ID_DAY.search(_odl(core, "LOCALGRANULEID") or granule_id)
    if match is not None:
        return one_day(date(int(match[1]), 1, 1) + (int(match[2]) - 1) * _DAY)
    return iso_days(_odl(core, "RANGEBEGINNINGDATE"), _odl(core, "RANGEENDINGDATE"))


def iso_days(first: str | None, last: str | None = None) -> Period | None:
    """Return the days between two ISO dates or times, both included; None where they are none.

    >>> iso_days("2020-05-08T00:00:00Z").days, iso_days("May 2020")
    (1, None)
    """
    try:
        start = date.fromisoformat((first or "")[:10])
        end = date.fromisoformat((last or "")[:10]) if last else start
    except ValueError:
        return None
    return Period(start, max(start, end) + _DAY)


def _odl(text: str, name: str) -> str | None:
    """Return the value of an object of ODL, the language of EOS metadata."""
    match = re.search(_ODL.format(name), text, re.DOTALL)
    return match[1] if match else None


def _text(period: Period) -> str:
    last = period.end - _DAY
    return str(period.start) if last == period.start else f"{period.start} to {last}"
