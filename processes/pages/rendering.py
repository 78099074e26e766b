"""How a page is made: the templates, and what every page knows.

All addresses on a page are relative to the page itself, so that the pages work behind any proxy,
at any path, whatever address the service believes to have.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from processes.pages.assets import version_of_assets
from processes.pages.job_view import duration, summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

TEMPLATES = Path(__file__).with_name("templates")
"""Folder of the templates."""


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: object,
) -> Response:
    """Answer with a page.

    Parameters
    ----------
    request
        The request, whose path says how far it is to the root.
    template
        Name of the template.
    status, headers
        Of the answer.
    values
        What the template shows; all of it is escaped.
    """
    text = (
        _environment()
        .get_template(template)
        .render(root=root_of(request), assets=version_of_assets(), status=status, **values)
    )
    return HTMLResponse(
        text,
        status_code=status,
        headers={"Cache-Control": "no-cache", **(headers or {})},
    )


def root_of(request: Request) -> str:
    """Return the way from a page to the root of the service.

    A path is counted as the browser counts it: an escaped slash is no step.
    """
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return "../" * (raw.count(b"/") - 1) or "./"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": clock,
        "summary": summary,
        "duration": lambda job: span(duration(job)),
        "instant": instant,
        "span": span,
        "size": size,
    }
    return environment


def instant(time: datetime) -> str:
    """Write a time for machines.

    >>> instant(datetime(2026, 5, 1, 12, tzinfo=UTC))
    '2026-05-01T12:00:00Z'
    """
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(time: datetime) -> str:
    """Write a time for people.

    >>> clock(datetime(2026, 5, 1, 12, tzinfo=UTC))
    '2026-05-01 12:00:00 UTC'
    """
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def span(length: timedelta) -> str:
    """Write a length of time by its two largest units.

    >>> span(timedelta(seconds=7.25)), span(timedelta(minutes=3, seconds=5))
    ('7.2 s', '3 min 05 s')
    >>> span(timedelta(hours=50, minutes=4))
    '2 d 2 h'
    """
    seconds = max(length.total_seconds(), 0)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if hours == 0:
        return f"{minutes} min {int(seconds) % 60:02d} s"
    return f"{hours} h {minutes % 60:02d} min" if days == 0 else f"{days} d {hours % 24} h"


def size(count: int) -> str:
    """Write a number of bytes.

    >>> size(512), size(2_500_000)
    ('512 B', '2.5 MB')
    """
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.1f} {unit}"
    return f"{count} B"
