"""OGC API - Processes: our own routes, in front of pygeoapi's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from processes.definitions import PROCESSES, find_process
from processes.job_query import read_limit, read_offset, refuse_unknown
from processes.negotiation import Resource
from processes.openapi import OPENAPI_TYPE, openapi_document
from processes.routes_execution import execute
from processes.routes_jobs import dismiss_job, get_job, get_result, get_results, list_jobs
from processes.service import Service
from processes.status import link, page_links, process_description, process_summary

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def routes() -> list[Resource]:
    """Return the routes of processes, jobs and of their API document."""
    return [
        Resource("/openapi", pages=True, GET=describe_api),
        Resource("/processes", pages=True, GET=list_processes),
        Resource("/processes/{process_id}", pages=True, GET=describe_process),
        Resource("/processes/{process_id}/execution", POST=execute),
        Resource("/jobs", pages=True, GET=list_jobs),
        Resource("/jobs/{job_id}", pages=True, GET=get_job, DELETE=dismiss_job),
        Resource("/jobs/{job_id}/results", pages=True, GET=get_results),
        Resource("/jobs/{job_id}/results/{output}", GET=get_result),
    ]


def describe_api(request: Request) -> Response:
    """Describe the service by OpenAPI 3.0."""
    document = openapi_document(Service.of(request).base(request))
    return JSONResponse(document, media_type=OPENAPI_TYPE)


def list_processes(request: Request) -> Response:
    """List the processes, in pages."""
    refuse_unknown(request.query_params, ("limit", "offset", "f"))
    base = Service.of(request).base(request)
    limit, offset = read_limit(request.query_params), read_offset(request.query_params)
    shown = list(PROCESSES.values())[offset : offset + limit]
    links = page_links(f"{base}/processes", request.query_params, limit, offset, len(PROCESSES))
    links.append(link(f"{base}/processes?f=html", "alternate", "This page", "text/html"))
    return JSONResponse({"processes": [process_summary(p, base) for p in shown], "links": links})


def describe_process(request: Request) -> Response:
    """Describe one process."""
    refuse_unknown(request.query_params, ("f",))
    process = find_process(request.path_params["process_id"])
    return JSONResponse(process_description(process, Service.of(request).base(request)))
