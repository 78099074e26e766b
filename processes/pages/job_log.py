"""The log of a job: as JSON for whoever follows it, as a page for whoever reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from processes.job_query import FURTHEST, read_format, read_whole
from processes.pages.rendering import instant, render
from processes.service import Service
from processes.status import link

if TYPE_CHECKING:
    from pydantic import JsonValue
    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from processes.jobs.model import Job, LogLine

PAGE = 1000
"""Lines of a page, where the request does not say; also the most."""
_CHANGING = {"Cache-Control": "no-store"}


def read_log_query(query: QueryParams) -> tuple[int, int]:
    """Read after which line a page begins, and how many it holds."""
    read_format(query, ("after", "limit"))
    after, limit = (read_whole(query, name, least=at) for name, at in (("after", 0), ("limit", 1)))
    return min(after or 0, FURTHEST), min(limit or PAGE, PAGE)


def get_log(request: Request) -> Response:
    """Return lines of a job's log, oldest first, from after a number."""
    job, lines, further = _page(request)
    base = Service.of(request).base(request)
    address = f"{base}/jobs/{job.id}/log"
    links: list[JsonValue] = [
        link(f"{address}?{request.url.query}".rstrip("?"), "self", "This page"),
        link(f"{address}?f=html", "alternate", "The log as a page", "text/html"),
        link(f"{base}/jobs/{job.id}", "up", "Status of the job"),
    ]
    if further:
        links.append(link(f"{address}{further}", "next", "Next page"))
    document: dict[str, JsonValue] = {"lines": [_line(one) for one in lines], "links": links}
    return JSONResponse(document, headers=_CHANGING)


def log_page(request: Request) -> Response:
    """Show lines of a job's log."""
    job, lines, further = _page(request)
    after, _ = read_log_query(request.query_params)
    return render(
        request,
        "log.html",
        headers=_CHANGING,
        job=job,
        lines=lines,
        after=after,
        further=f"{further}&f=html" if further else "",
    )


def _page(request: Request) -> tuple[Job, tuple[LogLine, ...], str]:
    """Return the job, its lines, and the query of the next page if there is one."""
    store = Service.of(request).store
    job = store.get(request.path_params["job_id"])
    after, limit = read_log_query(request.query_params)
    lines = store.log_lines(job.id, after, limit + 1)
    if len(lines) <= limit:
        return job, lines, ""
    return job, lines[:limit], f"?after={lines[limit - 1].seq}&limit={limit}"


def _line(line: LogLine) -> dict[str, JsonValue]:
    return {
        "seq": line.seq,
        "time": instant(line.time),
        "level": line.level,
        "step": line.step,
        "attempt": line.attempt,
        "text": line.text,
    }
