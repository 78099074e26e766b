"""What a search asks for, checked: every fault is told with what is allowed."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import shapely
from shapely.errors import GEOSException
from shapely.geometry import shape

from processes.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapely.geometry.base import BaseGeometry

MOST_ITEMS = 1000
"""Most items of one page."""

SORTABLE = (
    "datetime",
    "id",
    "collection",
    "start_datetime",
    "end_datetime",
    "created",
    "updated",
    "title",
)
"""Fields that items can be sorted by; all are columns of the index, and none is ever empty."""

TIMES = frozenset({"datetime", "start_datetime", "end_datetime", "created", "updated"})
"""Columns that hold times."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d([Tt ]|$)")
_DEFAULT_SORT = (("datetime", "desc"),)
_LAST = (("collection", "asc"), ("id", "asc"))

type Direction = Literal["asc", "desc"]
type Sort = tuple[tuple[str, Direction], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A span of time, closed; None is open."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A search for items."""

    limit: int = 10
    """Items of a page."""
    area: BaseGeometry | None = None
    """What items must touch, longitude and latitude."""
    time: Interval | None = None
    """When items must have been."""
    collections: tuple[str, ...] = ()
    """Which collections they must be in; empty for any."""
    ids: tuple[str, ...] = ()
    """Which ids they must have; empty for any."""
    filter: Mapping[str, Any] | None = None
    """A filter as CQL2-JSON."""
    sort: Sort = _DEFAULT_SORT + _LAST  # type: ignore[assignment]
    """In which order; the last two are collection and id, so that no two items are equal."""
    after: tuple[str, ...] | None = None
    """Values of the sorted fields of the last item that was seen."""


def read_limit(limit: int | None) -> int:
    """Return the size of a page, at most 1000."""
    if limit is not None and limit < 1:
        raise _wrong("limit", limit, f"1 to {MOST_ITEMS}")
    return min(limit or 10, MOST_ITEMS)


def read_area(bbox: Sequence[float] | None, intersects: object) -> BaseGeometry | None:
    """Return the area that a box or a GeoJSON geometry means.

    Raises
    ------
    InvalidRequestError
        Where there are both, or one of them is none.
    """
    if bbox is not None and intersects is not None:
        raise InvalidRequestError("bbox and intersects exclude each other; give one of them")
    if bbox is not None:
        return read_bbox(bbox)
    return None if intersects is None else read_geometry(intersects, "intersects")


def read_bbox(bbox: Sequence[float]) -> BaseGeometry:
    """Return a box; where west is greater than east, it crosses the antimeridian.

    >>> read_bbox([170, -10, -170, 10]).bounds
    (-180.0, -10.0, 180.0, 10.0)
    """
    allowed = "west,south,east,north in degrees (or with heights), south not above north"
    if len(bbox) not in (4, 6):
        raise _wrong("bbox", list(bbox), allowed)
    west, south, east, north = (bbox[k] for k in ((0, 1, 3, 4) if len(bbox) == 6 else range(4)))
    inside = all(-180 <= x <= 180 for x in (west, east)) and all(
        -90 <= y <= 90 for y in (south, north)
    )
    if not inside or south > north:
        raise _wrong("bbox", list(bbox), allowed)
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.MultiPolygon(
        [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
    )


def read_geometry(value: object, name: str) -> BaseGeometry:
    """Return a GeoJSON geometry, given as text or as an object."""
    allowed = "a GeoJSON geometry of longitudes and latitudes"
    try:
        read: Any = json.loads(value) if isinstance(value, str) else value
        geometry = shape(read)
        good = not geometry.is_empty and geometry.is_valid
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, GEOSException):
        raise _wrong(name, value, allowed) from None
    if not good:
        raise _wrong(name, "an empty or crossing geometry", allowed)
    return geometry


def read_time(text: str | None) -> Interval | None:
    """Return the span of time that a text means: a moment, or two with a slash between.

    >>> read_time("2020-05-01T00:00:00Z/..").end is None
    True
    """
    if text is None:
        return None
    parts = text.split("/")
    if len(parts) > 2 or all(part in ("", "..") for part in parts):
        raise _wrong("datetime", text, _TIME_ALLOWED)
    moments = [None if part in ("", "..") else read_moment(part, "datetime") for part in parts]
    start, end = moments[0], moments[-1]
    if start is not None and end is not None and start > end:
        raise _wrong("datetime", text, f"{_TIME_ALLOWED}, the earlier first")
    return Interval(start=start, end=end)


_TIME_ALLOWED = (
    "2020-05-01T00:00:00Z, or two of these with a slash between, one of them may be open as .."
)


def read_moment(text: str, name: str) -> datetime:
    """Return the moment that a text of RFC 3339 means, or a date."""
    try:
        moment = datetime.fromisoformat(text.upper())
        good = _RFC3339.match(text) is not None
    except (ValueError, OverflowError, TypeError):
        good = False
    if not good:
        raise _wrong(name, text, _TIME_ALLOWED)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def read_sort(fields: Sequence[tuple[str, str]] | None) -> Sort:
    """Return in which order items are wanted; fields may be named as in an item's JSON."""
    found: list[tuple[str, Direction]] = []
    for field, direction in fields or _DEFAULT_SORT:
        name = field.removeprefix("properties.")
        if name not in SORTABLE:
            raise _wrong("sortby", field, ", ".join(SORTABLE))
        found.append((name, "desc" if direction == "desc" else "asc"))
    named = {name for name, _ in found}
    last: list[tuple[str, Direction]] = [("collection", "asc"), ("id", "asc")]
    return (*found, *(one for one in last if one[0] not in named))


def split_sort(text: str) -> tuple[str, str]:
    """Return field and direction of a text such as ``-datetime``.

    >>> split_sort("-datetime"), split_sort("id")
    (('datetime', 'desc'), ('id', 'asc'))
    """
    direction = "desc" if text.startswith("-") else "asc"
    return text.lstrip("+- "), direction


def write_token(sort: Sort, values: Sequence[str]) -> str:
    """Return where a page ended, as a text for an address."""
    text = json.dumps([[f"{name}:{way}" for name, way in sort], list(values)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_token(token: str | None, sort: Sort) -> tuple[str, ...] | None:
    """Return where the page before ended.

    Raises
    ------
    InvalidRequestError
        Where the token is none of ours, or of a search in another order.
    """
    if token is None:
        return None
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        order, values = json.loads(text)
        fits = order == [f"{name}:{way}" for name, way in sort]
        good = fits and len(values) == len(sort) and all(isinstance(one, str) for one in values)
    except (ValueError, TypeError):
        good, values = False, ()
    if not good:
        allowed = "the token of a next link, with the sortby of the same search"
        raise _wrong("token", f"{token:.60}", allowed)
    return tuple(values)


def _wrong(name: str, value: object, allowed: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{name}: {str(value)[:200]!r} is not understood; allowed: {allowed}"
    )
