"""Jobs: their list, their status, their results, and their end by request."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from processes.access.callers import caller_of
from processes.audit import audit
from processes.delivery import deliver, deliver_one
from processes.errors import AlreadyDismissedError
from processes.job_query import read_job_filter
from processes.service import Service
from processes.status import page_links, status_info

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from processes.jobs.model import Job

_CHANGING = {"Cache-Control": "no-store"}


def list_jobs(request: Request) -> Response:
    """List jobs, newest first, in pages."""
    service = Service.of(request)
    wanted = read_job_filter(request.query_params)
    jobs, total = service.find(request, wanted)
    base = service.base(request)
    query = request.query_params
    links = page_links(f"{base}/jobs", query, wanted.limit, wanted.offset, total)
    document = {"jobs": [status_info(job, base) for job in jobs], "links": links}
    return JSONResponse(document, headers=_CHANGING)


def get_job(request: Request) -> Response:
    """Return the status of a job."""
    service, job = _job(request)
    return JSONResponse(status_info(job, service.base(request)), headers=_CHANGING)


def dismiss_job(request: Request) -> Response:
    """End a job that waits or runs, and remove what a job left.

    The job stays to be seen, as dismissed. What is in the catalogue stays too; maps that were
    kept with the job go.
    """
    service, job = _job(request)
    if not service.store.dismiss(job.id):
        raise AlreadyDismissedError(job.id)
    caller = caller_of(request.scope)
    audit("dismiss", job=job.id, process=job.process_id, caller=caller.name, owner=job.owner)
    service.runner.wake()
    shutil.rmtree(service.settings.work_folder / job.id, ignore_errors=True)
    return JSONResponse(status_info(service.store.get(job.id), service.base(request)))


def get_results(request: Request) -> Response:
    """Return the results of a successful job, in the form that its request wanted."""
    service, job = _job(request)
    return deliver(job, service.results(job), service.base(request))


def get_result(request: Request) -> Response:
    """Return one output of a successful job, as it is."""
    service, job = _job(request)
    outputs = service.results(job)
    return deliver_one(job, outputs, service.base(request), request.path_params["output"])


def _job(request: Request) -> tuple[Service, Job]:
    service = Service.of(request)
    return service, service.store.get(request.path_params["job_id"])
