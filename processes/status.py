"""Jobs and processes as OGC API - Processes 1.0 writes them; no member is ever null.

The model of a job (:mod:`processes.jobs.model`) knows nothing of how it is written. The draft of
2.0 says ``id`` for ``jobID`` and ``processingEntityType`` for ``type``, and adds ``request`` and
``exception``: it needs another module like this one, and no other job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from processes.jobs.model import JobStatus

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import JsonValue
    from starlette.datastructures import QueryParams

    from processes.definitions import Process
    from processes.jobs.model import Job
    from processes.settings import Settings

REL = "http://www.opengis.net/def/rel/ogc/1.0"
JSON_TYPE = "application/json"


def link(href: str, rel: str, title: str, media_type: str = JSON_TYPE) -> dict[str, JsonValue]:
    """Return one link."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def page_links(
    address: str, query: QueryParams, limit: int, offset: int, total: int
) -> list[JsonValue]:
    """Return the links of one page of a list: itself, the next, the one before, and as HTML.

    Parameters
    ----------
    address
        Address of the list.
    query
        The page's own query, whose filters every page keeps.
    limit, offset, total
        Most members of a page, members before this one, and members in all.
    """
    kept = [(name, value) for name, value in query.multi_items() if name not in ("offset", "f")]

    def page(at: int, *more: tuple[str, str]) -> str:
        pairs = [*kept, *([("offset", str(at))] if at else []), *more]
        return f"{address}?{urlencode(pairs)}" if pairs else address

    links: list[JsonValue] = [link(page(offset), "self", "This page")]
    if offset + limit < total:
        links.append(link(page(offset + limit), "next", "Next page"))
    if offset > 0:
        links.append(link(page(max(0, min(offset, total) - limit)), "prev", "Page before"))
    links.append(link(page(offset, ("f", "html")), "alternate", "This page", "text/html"))
    return links


def status_info(job: Job, base: str) -> dict[str, JsonValue]:
    """Return a job as a statusInfo document.

    Parameters
    ----------
    job
        The job.
    base
        Address of the service, without a slash at its end.
    """
    times = {"created": job.created, "started": job.started, "finished": job.finished}
    return {
        "jobID": job.id,
        "processID": job.process_id,
        "type": "process",
        "status": str(job.status),
        "message": job.message,
        "progress": job.progress,
        **{name: _rfc3339(time) for name, time in times.items() if time is not None},
        "updated": _rfc3339(job.updated),
        "links": _job_links(job, base),
    }


def process_summary(process: Process, base: str) -> dict[str, JsonValue]:
    """Return a process as a member of the process list."""
    address = f"{base}/processes/{process.id}"
    links: list[JsonValue] = [link(address, "self", "Process description")]
    return process.summarise() | {"links": links}


def process_description(process: Process, base: str, settings: Settings) -> dict[str, JsonValue]:
    """Return the whole description of a process, with what a request may ask for at most."""
    address = f"{base}/processes/{process.id}"
    links: list[JsonValue] = [
        link(address, "self", "This document"),
        link(f"{address}/execution", f"{REL}/execute", "Execute"),
        link(f"{base}/jobs?processID={process.id}", f"{REL}/job-list", "Jobs of this process"),
    ]
    return process.describe(settings) | {"links": links}


def _job_links(job: Job, base: str) -> list[JsonValue]:
    address = f"{base}/jobs/{job.id}"
    links: list[JsonValue] = [
        link(address, "self", "This document"),
        link(address, "monitor", "Status of the job"),
        link(f"{base}/jobs", "up", "All jobs"),
        link(f"{address}/log", "runlog", "Log of the job"),
    ]
    if job.status is JobStatus.SUCCESSFUL:
        links.append(link(f"{address}/results", f"{REL}/results", "Results of the job"))
    return links


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
