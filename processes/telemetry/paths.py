"""Paths as they are counted and traced: by their kind, never by what a client wrote."""

from __future__ import annotations

_ROOMS = frozenset(
    {
        *("browser", "catalog", "collections", "conformance", "health", "jobs", "metrics"),
        *("models", "months", "openapi", "processes", "stac", "static", "tiles"),
    }
)
_DEEPER = {"processes": frozenset({"execution"}), "jobs": frozenset({"files", "log", "results"})}
"""Rooms whose paths have a name in the middle, and what may follow it."""


def route_of(path: str) -> str:
    """Return the kind of a path; there are few.

    >>> [route_of(path) for path in ("/", "/jobs/4711/results/x", "/catalog/a.tif", "/etc/passwd")]
    ['/', '/jobs/{id}/results', '/catalog', 'other']
    """
    first, *rest = [part for part in path.split("/") if part] or [""]
    if not first:
        return "/"
    if first not in _ROOMS:
        return "other"
    if first not in _DEEPER or not rest:
        return f"/{first}"
    known = len(rest) > 1 and rest[1] in _DEEPER[first]
    return f"/{first}/{{id}}/{rest[1]}" if known else f"/{first}/{{id}}"
