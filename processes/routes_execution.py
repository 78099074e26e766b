"""Execution: a job for every request, and its results where the client may wait for them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from processes.definitions import find_process
from processes.delivery import deliver, only_values
from processes.errors import NoResultsError, QueueFullError
from processes.execute_request import read_body, read_request
from processes.job_query import refuse_unknown
from processes.jobs.model import JobStatus
from processes.prefer import Preferences, read_preferences
from processes.service import Service
from processes.status import status_info

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from processes.definitions import Process
    from processes.jobs.model import Job

SHORTEST_LOOK, LONGEST_LOOK = 0.01, 0.25
"""Times between two looks at a job that a client waits for, seconds."""


async def execute(request: Request) -> Response:
    """Execute a process: 200 or 204 with the results, or 201 with the job that makes them.

    A client that may wait for results (the process allows it, and the client did not say
    ``respond-async`` without ``wait``) gets them if they are there in time. A client that goes
    away while it waits no longer wants the job.
    """
    service = Service.of(request)
    refuse_unknown(request.query_params, ())
    process = find_process(request.path_params["process_id"])
    preferences = read_preferences(request.headers.getlist("prefer"))
    body = await read_body(request, service.settings.body_limit)
    job = await run_in_threadpool(_accept, service, process, body)
    seconds = _patience(process, preferences, service.settings.sync_limit)
    if seconds > 0:
        job = await _wait(request, service, job, seconds)
    base = service.base(request)
    if not job.status.terminal:
        return _accepted(job, base, preferences)
    return await run_in_threadpool(_finished, service, job, base, preferences)


def _accept(service: Service, process: Process, body: bytes) -> Job:
    asked = read_request(process, body)
    if service.store.waiting() >= service.settings.jobs_waiting:
        raise QueueFullError(service.settings.jobs_waiting)
    job = service.store.create(process.id, asked.inputs, asked.delivery)
    service.runner.wake()
    return job


def _patience(process: Process, preferences: Preferences, limit: float) -> float:
    """Return how long a request waits for its results, seconds."""
    if not process.synchronous:
        return 0
    if preferences.wait is not None:
        return min(preferences.wait, limit)
    return 0 if preferences.respond_async else limit


async def _wait(request: Request, service: Service, job: Job, seconds: float) -> Job:
    """Look at a job until it has ended, the time is over, or the client has gone."""
    deadline = time.monotonic() + seconds
    pause = SHORTEST_LOOK
    while not job.status.terminal and (left := deadline - time.monotonic()) > 0:
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_LOOK)
        if await request.is_disconnected():
            await run_in_threadpool(service.store.dismiss, job.id)
            service.runner.wake()
        job = await run_in_threadpool(service.store.get, job.id)
    return job


def _accepted(job: Job, base: str, preferences: Preferences) -> Response:
    headers = {"Location": f"{base}/jobs/{job.id}", "Vary": "Prefer"}
    applied = preferences.applied(["respond-async"])
    if applied:
        headers["Preference-Applied"] = applied
    return JSONResponse(status_info(job, base), status_code=201, headers=headers)


def _finished(service: Service, job: Job, base: str, preferences: Preferences) -> Response:
    """Answer with results; a job whose answer is complete is forgotten, it was none for anyone."""
    outputs = service.store.results(job.id)
    if job.status is not JobStatus.SUCCESSFUL or outputs is None:
        raise NoResultsError(job.id, job.status, job.message, by_client=job.by_client)
    response = deliver(job, outputs, base)
    response.headers["Vary"] = "Prefer"
    applied = preferences.applied(["wait"])
    if applied:
        response.headers["Preference-Applied"] = applied
    if only_values(job.delivery):
        service.store.delete(job.id)
    else:
        response.headers.append("Link", f'<{base}/jobs/{job.id}>; rel="monitor"')
    return response
