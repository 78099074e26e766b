"""Execution: a job for every request, and its results where the client may wait for them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from processes.access.callers import caller_of
from processes.audit import audit
from processes.definitions import find_process
from processes.delivery import deliver, only_values
from processes.execute_request import check_subscriber, read_body, read_request, request_hash
from processes.job_query import refuse_unknown
from processes.jobs.model import Quota
from processes.outgoing import Outgoing
from processes.prefer import Preferences, read_preferences, wants_anew
from processes.references import fetch_references
from processes.service import Service
from processes.status import status_info
from processes.validation import read_inputs

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from processes.access.callers import Caller
    from processes.definitions import Process
    from processes.execute_request import ExecuteRequest
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
    asked = await _fetched(process, await run_in_threadpool(read_request, process, body), service)
    seconds = _patience(process, preferences, service.settings.sync_limit)
    anew = wants_anew(request.headers.getlist("cache-control"))
    caller = caller_of(request.scope)
    job = await run_in_threadpool(
        _accept, service, process, asked, caller, alone=seconds > 0, anew=anew
    )
    if seconds > 0:
        job = await _wait(request, service, job, seconds)
    base = service.base(request)
    if not job.status.terminal:
        return _accepted(job, base, preferences)
    return await run_in_threadpool(_finished, service, job, base, preferences)


async def _fetched(process: Process, asked: ExecuteRequest, service: Service) -> ExecuteRequest:
    """Return a request whose links are values, and whose subscriber may be told."""
    outgoing = Outgoing.of(service.settings)
    if asked.subscriber is not None:
        await check_subscriber(asked.subscriber, outgoing)
    if not asked.references:
        return asked
    limit = service.settings.body_limit
    values = await fetch_references(process.inputs, asked.references, outgoing, limit)
    return replace(asked, inputs={**asked.inputs, **values}, references={})


def _accept(
    service: Service,
    process: Process,
    asked: ExecuteRequest,
    caller: Caller,
    *,
    alone: bool,
    anew: bool,
) -> Job:
    """Find or make the job of a request.

    A job that its client waits for is nobody else's: it goes when the client goes.
    """
    inputs = read_inputs(process.inputs, asked.inputs)
    work = process.check(inputs, service.settings)
    same = (
        None
        if alone
        else request_hash(process, inputs, asked.delivery, asked.subscriber, caller.owner)
    )
    settings = service.settings
    job, new = service.store.create(
        process.id,
        asked.inputs,
        asked.delivery,
        steps=process.first,
        request_hash=same,
        subscriber=asked.subscriber,
        reuse=not anew,
        most_waiting=settings.jobs_waiting,
        owner=caller.owner,
        work=work,
        quota=Quota(jobs=settings.jobs_per_caller, cells=settings.cells_per_day),
    )
    audit("execute", job=job.id, process=process.id, caller=caller.name, joined=not new)
    service.metrics.execution(process.id, joined=not new)
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
    """Look at a job until it has ended, the time is over, or the client has gone.

    Who is called back may go.
    """
    deadline = time.monotonic() + seconds
    pause = SHORTEST_LOOK
    while not job.status.terminal and (left := deadline - time.monotonic()) > 0:
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_LOOK)
        if job.subscriber is None and await request.is_disconnected():
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
    response = deliver(job, service.results(job), base)
    response.headers["Vary"] = "Prefer"
    applied = preferences.applied(["wait"])
    if applied:
        response.headers["Preference-Applied"] = applied
    if only_values(job.delivery):
        service.store.delete(job.id)
    else:
        response.headers.append("Link", f'<{base}/jobs/{job.id}>; rel="monitor"')
    return response
