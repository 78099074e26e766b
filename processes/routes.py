"""OGC API - Processes: our own routes, in front of pygeoapi's."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, QueryParams
from starlette.responses import JSONResponse
from starlette.routing import Match, Route

from processes.definitions import PROCESSES, find_process
from processes.errors import (
    InvalidRequestError,
    NoResultsError,
    QueueFullError,
    RequestTooLargeError,
    ResultsNotReadyError,
)
from processes.inputs import read_inputs
from processes.jobs.model import JobFilter, JobStatus
from processes.results import address, results_document
from processes.status import link, process_description, process_summary, status_info

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from processes.definitions import Process
    from processes.jobs.model import Job
    from processes.jobs.runner import Runner
    from processes.jobs.store import JobStore
    from processes.settings import Settings


class DataRoute(Route):
    """A route that leaves readers of HTML to pygeoapi's pages."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as usual, except a ``GET`` that asks for HTML."""
        if scope["type"] == "http" and scope["method"] == "GET" and _wants_html(scope):
            return Match.NONE, {}
        return super().matches(scope)


PAGE = 10
LARGEST_PAGE = 10_000
_MEMBERS = ("inputs", "outputs", "response")


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes work with."""

    settings: Settings
    """Limits and the public address."""
    store: JobStore
    """The jobs."""
    runner: Runner
    """Who runs them."""

    def base(self, request: Request) -> str:
        """Return the service's address, without a slash at its end."""
        return str(self.settings.url or request.base_url).rstrip("/")


def routes() -> list[Route]:
    """Return the routes of processes and jobs."""
    return [
        DataRoute("/processes", list_processes),
        DataRoute("/processes/{process_id}", describe_process),
        Route("/processes/{process_id}/execution", execute, methods=["POST"]),
        DataRoute("/jobs", list_jobs),
        DataRoute("/jobs/{job_id}", get_job),
        Route("/jobs/{job_id}", dismiss_job, methods=["DELETE"]),
        DataRoute("/jobs/{job_id}/results", get_results),
    ]


def list_processes(request: Request) -> Response:
    """List the processes."""
    base = _service(request).base(request)
    limit = _positive(request, "limit", LARGEST_PAGE)
    shown = list(PROCESSES.values())[:limit]
    links: list[JsonValue] = [link(f"{base}/processes", "self", "This document")]
    return JSONResponse({"processes": [process_summary(p, base) for p in shown], "links": links})


def describe_process(request: Request) -> Response:
    """Describe one process."""
    process = find_process(request.path_params["process_id"])
    return JSONResponse(process_description(process, _service(request).base(request)))


async def execute(request: Request) -> Response:
    """Accept a job: 201, where its status is, and the status itself."""
    service = _service(request)
    process = find_process(request.path_params["process_id"])
    body = _read_json(await _read_body(request, service.settings.body_limit))
    job = await run_in_threadpool(_accept, service, process, body)
    base = service.base(request)
    headers = {"Location": f"{base}/jobs/{job.id}"}
    if "respond-async" in request.headers.get("prefer", "").lower():
        headers["Preference-Applied"] = "respond-async"
    return JSONResponse(status_info(job, base), status_code=201, headers=headers)


def list_jobs(request: Request) -> Response:
    """List jobs, newest first, by status and process."""
    service = _service(request)
    wanted = JobFilter(
        statuses=_statuses(request),
        process_ids=tuple(_listed(request, "processID")),
        limit=_positive(request, "limit", PAGE),
        offset=_number(request, "offset", 0, least=0),
    )
    jobs, total = service.store.find(wanted)
    base = service.base(request)
    links: list[JsonValue] = [link(str(request.url), "self", "This page")]
    if wanted.offset + len(jobs) < total and jobs:
        following = request.url.include_query_params(offset=wanted.offset + len(jobs))
        links.append(link(f"{base}/jobs?{following.query}", "next", "Next page"))
    return JSONResponse({"jobs": [status_info(job, base) for job in jobs], "links": links})


def get_job(request: Request) -> Response:
    """Return the status of a job."""
    service = _service(request)
    job = service.store.get(request.path_params["job_id"])
    headers = {"Cache-Control": "no-store"}
    return JSONResponse(status_info(job, service.base(request)), headers=headers)


def dismiss_job(request: Request) -> Response:
    """Dismiss a job that waits or runs; forget one that has ended.

    What is in the catalogue stays; maps that were kept with the job go with it.
    """
    service = _service(request)
    job = service.store.get(request.path_params["job_id"])
    if service.store.dismiss(job.id):
        service.runner.wake()
        job = service.store.get(job.id)
    elif service.store.delete(job.id):
        shutil.rmtree(service.settings.work_folder / job.id, ignore_errors=True)
    info = status_info(job, service.base(request)) | {"status": str(JobStatus.DISMISSED)}
    return JSONResponse(info)


def get_results(request: Request) -> Response:
    """Return the results document of a successful job."""
    service = _service(request)
    job = service.store.get(request.path_params["job_id"])
    outputs = service.store.results(job.id)
    if not job.status.terminal:
        raise ResultsNotReadyError(job.id, job.status)
    if outputs is None:
        raise NoResultsError(job.id, job.status, job.message, by_client=job.by_client)
    base = service.base(request)
    located = address(outputs, lambda path: f"{base}/{path}")
    return JSONResponse(results_document(job.process_id, located, job.outputs))


def _wants_html(scope: Scope) -> bool:
    """Whether a request says ``f=html`` or, like a browser, names HTML before JSON."""
    wanted = QueryParams(scope["query_string"]).get("f")
    if wanted is not None:
        return wanted == "html"
    accept = Headers(scope=scope).get("accept", "")
    return accept.lower().startswith(("text/html", "application/xhtml+xml"))


def _service(request: Request) -> Service:
    return cast("Service", request.app.state.service)


def _accept(service: Service, process: Process, body: dict[str, JsonValue]) -> Job:
    unknown = sorted(set(body) - set(_MEMBERS))
    if unknown:
        allowed = ", ".join(_MEMBERS)
        raise InvalidRequestError(f"unknown member {', '.join(unknown)}; allowed: {allowed}")
    if body.get("response", "document") != "document":
        raise InvalidRequestError("response: only document is offered; allowed: document")
    outputs = _outputs(process, body.get("outputs"))
    inputs = body.get("inputs", {})
    read_inputs(process.inputs, inputs)
    if service.store.waiting() >= service.settings.jobs_waiting:
        raise QueueFullError(service.settings.jobs_waiting)
    job = service.store.create(process.id, cast("dict[str, JsonValue]", inputs), outputs)
    service.runner.wake()
    return job


def _outputs(process: Process, asked: JsonValue) -> tuple[str, ...]:
    """Read which outputs a request asks for; only values are transmitted."""
    allowed = ", ".join(process.outputs)
    if asked is None:
        return ()
    if not isinstance(asked, dict):
        raise InvalidRequestError(f"outputs: not a JSON object; allowed: {allowed}")
    for name, how in asked.items():
        if name not in process.outputs:
            raise InvalidRequestError(f"outputs.{name}: no such output; allowed: {allowed}")
        if not isinstance(how, dict) or how.get("transmissionMode", "value") != "value":
            raise InvalidRequestError(f"outputs.{name}.transmissionMode: allowed: value")
    return tuple(asked)


async def _read_body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise RequestTooLargeError(limit)
    return bytes(body)


def _read_json(body: bytes) -> dict[str, JsonValue]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    try:
        document = json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise InvalidRequestError("the body is no JSON; allowed: a JSON object") from None
    if not isinstance(document, dict):
        raise InvalidRequestError("the body is no JSON object; allowed: {'inputs': {…}}")
    return document


def _listed(request: Request, name: str) -> Sequence[str]:
    """Return the values of a query parameter that may be repeated or joined by commas."""
    values = request.query_params.getlist(name)
    return [part for value in values for part in value.split(",") if part]


def _statuses(request: Request) -> tuple[JobStatus, ...]:
    try:
        return tuple(JobStatus(value) for value in _listed(request, "status"))
    except ValueError:
        raise InvalidRequestError(f"status: allowed: {', '.join(JobStatus)}") from None


def _positive(request: Request, name: str, default: int) -> int:
    return _number(request, name, default, least=1)


def _number(request: Request, name: str, default: int, *, least: int) -> int:
    text = request.query_params.get(name, str(default))
    # The count of digits first: int() of a very long text is slow and refused by Python.
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= least):
        raise InvalidRequestError(f"{name}: {text:.20}; allowed: a whole number from {least}")
    return min(int(text), LARGEST_PAGE) if name == "limit" else int(text)
