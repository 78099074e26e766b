"""The pages, one function each; ``processes/routes.py`` says at which paths they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from processes.definitions import PROCESSES, find_process
from processes.job_query import read_job_filter
from processes.jobs.model import JobFilter, JobStatus
from processes.landing import CONFORMANCE
from processes.pages.api_view import view_api
from processes.pages.forms import form_fields
from processes.pages.job_view import title_of, view_job, view_results
from processes.pages.rendering import render
from processes.service import Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from processes.behind import Behind

PAGE = 20
"""Jobs on one page, where the request does not say."""
LATEST = 5
"""Jobs on the landing page."""
_CHANGING = {"Cache-Control": "no-store"}


def landing_page(request: Request) -> Response:
    """Show what the service is, and where everything is."""
    behind: Behind = request.app.state.behind
    jobs, _ = Service.of(request).find(request, JobFilter(limit=LATEST))
    return render(
        request,
        "landing.html",
        headers=_CHANGING,
        title=behind.title,
        description=behind.description,
        processes=PROCESSES.values(),
        jobs=jobs,
        titles=_titles(),
    )


def conformance_page(request: Request) -> Response:
    """Show the classes of standards that the service obeys."""
    return render(request, "conformance.html", classes=CONFORMANCE)


def api_page(request: Request) -> Response:
    """Show the API."""
    return render(
        request,
        "api.html",
        title="API",
        lead="OGC API – Processes 1.0, and what stands beside it.",
        document="openapi?f=json",
        below="",
        groups=view_api(),
    )


def processes_page(request: Request) -> Response:
    """Show the processes."""
    return render(request, "processes.html", processes=PROCESSES.values())


def process_page(request: Request) -> Response:
    """Show one process, and the form that executes it."""
    process = find_process(request.path_params["process_id"])
    described = process.describe(Service.of(request).settings)
    return render(
        request,
        "process.html",
        process=process,
        description=described["description"],
        fields=form_fields(process),
    )


def jobs_page(request: Request) -> Response:
    """Show jobs, newest first, with filters.

    Other than for programs, whom the standard gives no waiting job that they do not ask for,
    nothing is left out.
    """
    wanted, asked = _wanted(request)
    jobs, total = Service.of(request).find(request, wanted)
    return render(
        request,
        "jobs.html",
        headers=_CHANGING,
        jobs=jobs,
        total=total,
        offset=wanted.offset,
        active=any(not job.status.terminal for job in jobs),
        asked=asked,
        pages=_pages(request, wanted, total),
        statuses=list(JobStatus),
        titles=_titles(),
    )


def job_page(request: Request) -> Response:
    """Show one job."""
    service = Service.of(request)
    job = service.store.get(request.path_params["job_id"])
    return render(request, "job.html", headers=_CHANGING, job=job, view=view_job(service, job))


def results_page(request: Request) -> Response:
    """Show the results of a successful job."""
    service = Service.of(request)
    job = service.store.get(request.path_params["job_id"])
    results = view_results(job, service.results(job), service.base(request))
    return render(request, "results.html", headers=_CHANGING, job=job, results=results)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the filters of the list of jobs say, as the form shows it again."""

    statuses: tuple[JobStatus, ...]
    """States that are ticked."""
    processes: tuple[str, ...]
    """Processes that are chosen."""
    first_day: str
    """First day, or nothing."""
    last_day: str
    """Last day, or nothing."""

    @property
    def any(self) -> bool:
        """Whether anything is left out."""
        return bool(self.statuses or self.processes or self.first_day or self.last_day)


def _wanted(request: Request) -> tuple[JobFilter, Asked]:
    given = request.query_params
    wanted = read_job_filter(given)
    wanted = replace(
        wanted,
        statuses=wanted.statuses if "status" in given else (),
        limit=wanted.limit if "limit" in given else PAGE,
    )
    begin, end = wanted.created_from, wanted.created_before
    asked = Asked(
        statuses=wanted.statuses,
        processes=wanted.process_ids,
        first_day="" if begin is None else f"{begin:%Y-%m-%d}",
        # The end is open: an end at midnight means the day before.
        last_day="" if end is None else f"{end - timedelta(microseconds=1):%Y-%m-%d}",
    )
    return wanted, asked


def _pages(request: Request, wanted: JobFilter, total: int) -> list[Mapping[str, str]]:
    """Return the links to the pages before and after this one."""
    kept = [pair for pair in request.query_params.multi_items() if pair[0] != "offset"]

    def page(at: int, rel: str, title: str) -> Mapping[str, str]:
        query = urlencode([*kept, ("offset", str(at))])
        return {"href": f"?{query}", "rel": rel, "title": title}

    links = []
    if wanted.offset > 0:
        before = max(0, min(wanted.offset, total) - wanted.limit)
        links.append(page(before, "prev", "Newer"))
    if wanted.offset + wanted.limit < total:
        links.append(page(wanted.offset + wanted.limit, "next", "Older"))
    return links


def _titles() -> Mapping[str, str]:
    return {process_id: title_of(process_id) for process_id in PROCESSES}
