"""The query of a job list: filters and pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from processes.errors import InvalidRequestError
from processes.jobs.model import JobFilter, JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import QueryParams

PAGE = 10
"""Members of a page, where the request does not say."""
LARGEST_PAGE = 10_000
"""Most members of a page; who asks for more gets so many."""
FURTHEST = 10**9
"""Furthest offset."""

FORMATS = ("json", "html")
"""What ``f`` may ask for."""
JOB_PARAMETERS = (
    "type",
    "processID",
    "status",
    "datetime",
    "minDuration",
    "maxDuration",
    "limit",
    "offset",
)
_SHOWN_BY_DEFAULT = tuple(status for status in JobStatus if status is not JobStatus.ACCEPTED)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?P<clock>[Tt ]\d\d:\d\d:\d\d(?P<fraction>\.\d{1,6})?"
    r"(?:[Zz]|[+-]\d\d:\d\d))?"
)
_LAST = datetime.max.replace(tzinfo=UTC)
"""The end of the calendar, which an interval may name to have none."""
_TIMES = "RFC 3339 times, or an interval of two of them such as 2026-05-01T00:00:00Z/.."


def read_job_filter(query: QueryParams) -> JobFilter:
    """Read which jobs a request wants to see.

    Jobs that wait in line are shown only where ``status`` asks for them.

    Raises
    ------
    InvalidRequestError
        Names the parameter, and what is allowed.
    """
    read_format(query, JOB_PARAMETERS)
    if any(kind != "process" for kind in _listed(query, "type")):
        raise InvalidRequestError("type: allowed: process")
    begin, end = _interval(query.get("datetime", "../.."))
    return JobFilter(
        statuses=_statuses(query) or _SHOWN_BY_DEFAULT,
        # Which a form sends without a process where all are meant.
        process_ids=tuple(filter(None, _listed(query, "processID"))),
        created_from=begin,
        created_before=end,
        least_seconds=_seconds(query, "minDuration"),
        most_seconds=_seconds(query, "maxDuration"),
        limit=read_limit(query),
        offset=read_offset(query),
    )


def refuse_unknown(query: QueryParams, known: Sequence[str]) -> None:
    """Refuse a parameter that a resource does not have, rather than ignore a misspelt one."""
    unknown = sorted(set(query) - set(known))
    if unknown:
        names = ", ".join(f"{name:.40}" for name in unknown[:5])
        raise InvalidRequestError(f"unknown parameter {names}; allowed: {', '.join(known)}")


def read_format(query: QueryParams, parameters: Sequence[str] = ()) -> None:
    """Refuse a query with other parameters than some and ``f``, or with another format."""
    refuse_unknown(query, (*parameters, "f"))
    if query.get("f", "json") not in FORMATS:
        raise InvalidRequestError(f"f: {query['f']:.20}; allowed: {', '.join(FORMATS)}")


def read_limit(query: QueryParams) -> int:
    """Read the size of a page."""
    limit = read_whole(query, "limit", least=1)
    return PAGE if limit is None else min(limit, LARGEST_PAGE)


def read_offset(query: QueryParams) -> int:
    """Read how many members lie before a page."""
    return min(read_whole(query, "offset", least=0) or 0, FURTHEST)


def read_whole(query: QueryParams, name: str, *, least: int) -> int | None:
    """Read a whole number from some least one; None where the query has none."""
    text = query.get(name)
    if text is None:
        return None
    # No int() of a very long text: Python refuses it, and anything so large means the same.
    if not (text.isascii() and text.isdigit() and int(text[:18]) >= least):
        raise InvalidRequestError(f"{name}: {text:.20}; allowed: a whole number from {least}")
    return int(text) if len(text) <= 18 else 10**18


def _listed(query: QueryParams, name: str) -> Sequence[str]:
    """Return the values of a parameter that may be repeated or joined by commas."""
    return [part for value in query.getlist(name) for part in value.split(",")]


def _statuses(query: QueryParams) -> tuple[JobStatus, ...]:
    try:
        return tuple(JobStatus(value) for value in _listed(query, "status"))
    except ValueError:
        raise InvalidRequestError(f"status: allowed: {', '.join(JobStatus)}") from None


def _seconds(query: QueryParams, name: str) -> float | None:
    return read_whole(query, name, least=0)


def _interval(text: str) -> tuple[datetime | None, datetime | None]:
    """Read a time or an interval, half-open."""
    first, slash, last = text.partition("/")
    if not slash:
        return _time(first)
    begin = None if first in ("", "..") else _time(first)[0]
    end = None if last in ("", "..") else _time(last)[1]
    if begin is not None and end is not None and end <= begin:
        raise InvalidRequestError(f"datetime: {text:.80} ends before it begins; allowed: {_TIMES}")
    return begin, end


def _time(text: str) -> tuple[datetime, datetime]:
    """Read a day or an instant, as long as it was written exactly."""
    found = _TIME.fullmatch(text)
    try:
        time = datetime.fromisoformat(text.upper() if found else "")
        begin = time.astimezone(UTC) if found and found["clock"] else time.replace(tzinfo=UTC)
        return begin, begin + min(_length(found), _LAST - begin)
    except (ValueError, OverflowError):
        raise InvalidRequestError(f"datetime: {text:.80}; allowed: {_TIMES}") from None


def _length(found: re.Match[str] | None) -> timedelta:
    if found is None or not found["clock"]:
        return timedelta(days=1)
    return timedelta(milliseconds=1) if found["fraction"] else timedelta(seconds=1)
