"""OGC API - Processes: our own routes, in front of pygeoapi's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from processes.definitions import PROCESSES, find_process
from processes.job_query import read_format, read_job_filter, read_limit, read_offset
from processes.model_reports import model_report, model_report_page
from processes.negotiation import Resource
from processes.openapi import OPENAPI_TYPE, openapi_document
from processes.pages.job_log import get_log, log_page, read_log_query
from processes.pages.routes import (
    api_page,
    job_page,
    jobs_page,
    process_page,
    processes_page,
    results_page,
)
from processes.routes_execution import execute
from processes.routes_jobs import dismiss_job, get_job, get_result, get_results, list_jobs
from processes.service import Service
from processes.status import page_links, process_description, process_summary

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response


def routes() -> list[Resource]:
    """Return the routes of processes, jobs, reports of models, and of their API document."""
    return [
        Resource("/openapi", page=read_format, html=api_page, GET=describe_api),
        Resource("/processes", page=read_page, html=processes_page, GET=list_processes),
        Resource(
            "/processes/{process_id}", page=read_format, html=process_page, GET=describe_process
        ),
        Resource("/processes/{process_id}/execution", POST=execute),
        Resource("/jobs", page=read_job_filter, html=jobs_page, GET=list_jobs),
        Resource(
            "/jobs/{job_id}", page=read_format, html=job_page, GET=get_job, DELETE=dismiss_job
        ),
        Resource("/jobs/{job_id}/log", page=read_log_query, html=log_page, GET=get_log),
        Resource("/jobs/{job_id}/results", page=read_format, html=results_page, GET=get_results),
        Resource("/jobs/{job_id}/results/{output}", GET=get_result),
        Resource(
            "/models/{model_id}/report",
            page=read_format,
            html=model_report_page,
            GET=model_report,
        ),
    ]


def describe_api(request: Request) -> Response:
    """Describe the service by OpenAPI 3.0."""
    service = Service.of(request)
    document = openapi_document(service.base(request), service.settings)
    return JSONResponse(document, media_type=OPENAPI_TYPE)


def list_processes(request: Request) -> Response:
    """List the processes, in pages."""
    base = Service.of(request).base(request)
    limit, offset = read_page(request.query_params)
    shown = list(PROCESSES.values())[offset : offset + limit]
    links = page_links(f"{base}/processes", request.query_params, limit, offset, len(PROCESSES))
    return JSONResponse({"processes": [process_summary(p, base) for p in shown], "links": links})


def describe_process(request: Request) -> Response:
    """Describe one process."""
    process = find_process(request.path_params["process_id"])
    service = Service.of(request)
    return JSONResponse(process_description(process, service.base(request), service.settings))


def read_page(query: QueryParams) -> tuple[int, int]:
    """Read the page of a list without filters: its limit and offset."""
    read_format(query, ("limit", "offset"))
    return read_limit(query), read_offset(query)
