"""Which role a request needs, by its method and path. What is named nowhere, only admins may."""

from __future__ import annotations

from dataclasses import dataclass

from processes.access.callers import Role

OPEN = frozenset({"", "conformance", "openapi", "health", "static", "browser", "favicon.ico"})
"""First parts of paths that anybody may read: what the service is, whether it is well, and the
scripts and styles of its pages."""
_NAMED = frozenset({"jobs", "metrics"})
"""First parts of paths that nobody reads without saying who they are."""
_SEARCHES = frozenset({"stac", "collections"})
"""First parts of paths where a POST is a question, too."""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Need:
    """What a request needs."""

    role: Role | None
    """The least role; None for nothing."""
    named: bool = True
    """Whether it needs a caller who is known, even where reading is public."""


def need_of(method: str, path: str) -> Need:
    """Return what a request needs.

    >>> need_of("GET", "/health/ready").role is None
    True
    >>> need_of("GET", "/catalog/catalog.json").role.label
    'reader'
    >>> need_of("POST", "/processes/echo/execution").role.label
    'executor'
    """
    parts = [part for part in path.split("/") if part] or [""]
    if method in _READING:
        return _to_read(parts[0])
    if method == "POST" and len(parts) == 3 and (parts[0], parts[2]) == ("processes", "execution"):
        return Need(Role.EXECUTOR)
    if method == "DELETE" and parts[0] == "jobs":
        return Need(Role.EXECUTOR)
    if method == "POST" and parts[0] in _SEARCHES:
        return Need(Role.READER, named=False)
    return Need(Role.ADMIN)


def job_of(path: str) -> str | None:
    """Return the job that a path is of.

    >>> job_of("/jobs/4711/results"), job_of("/jobs"), job_of("/processes/4711")
    ('4711', None, None)
    """
    parts = [part for part in path.split("/") if part]
    return parts[1] if len(parts) > 1 and parts[0] == "jobs" else None


def _to_read(first: str) -> Need:
    if first in OPEN:
        return Need(None)
    return Need(Role.READER, named=first in _NAMED)
