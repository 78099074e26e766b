"""Traces: a span for each request, in the trace of its client, and for each attempt."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from processes.settings import Settings
from processes.start import setting_problems
from processes.telemetry import traces
from processes.telemetry.traces import Traced, attempt_span, tracer_for

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.trace import Tracer

    from processes.jobs.store import SqlJobStore

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Give an exporter that keeps what it is handed."""
    return InMemorySpanExporter()


def finish(tracer: Tracer) -> None:
    tracer.span_processor.force_flush()  # type: ignore[attr-defined]


def test_a_request_is_a_span_of_its_clients_trace(exporter: InMemorySpanExporter) -> None:
    """With its kind of path and its status, and nothing that the client wrote."""
    tracer = tracer_for(exporter)
    application = Starlette(
        routes=[Route("/jobs/{job_id}", lambda _: PlainTextResponse("here"))],
        middleware=[Middleware(Traced, tracer=tracer)],
    )

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/jobs/secret", headers={"traceparent": PARENT})

    assert asyncio.run(ask()).status_code == 200
    finish(tracer)
    (span,) = exporter.get_finished_spans()
    assert span.name == "GET /jobs/{id}"
    assert f"{span.context.trace_id:032x}" == PARENT.split("-")[1]
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 200
    assert "secret" not in str(span.to_json())


def test_an_attempt_is_a_span_with_its_job(
    exporter: InMemorySpanExporter, store: SqlJobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where traces are wanted; else there is none, and nothing is loaded."""
    job, _ = store.create("echo", {}, steps=("run",))
    step = store.claim(job.id, "run", holder="test", lease=60)
    assert step is not None
    tracer = tracer_for(exporter)
    monkeypatch.setattr(traces, "tracer", lambda _: tracer)
    with attempt_span(Settings.load(), step):
        pass
    with attempt_span(Settings.load(traces="http://127.0.0.1:4318/v1/traces"), step):
        pass
    finish(tracer)
    (span,) = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["vadose.job"] == job.id


def test_traces_without_what_they_need_are_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the name of the extra."""
    monkeypatch.setattr(traces, "_EXPORTER", "opentelemetry.there_is_none")
    traces._tracer_to.cache_clear()
    settings = Settings.load(data=tmp_path, traces="http://127.0.0.1:4318/v1/traces")
    (problem,) = setting_problems(settings)
    assert problem.field == "VADOSE_TRACES"
    assert "traces" in problem.allowed
