"""Traces by OpenTelemetry, for who wants them: a span for each request and each attempt of a step.

They need the extra ``traces``; nothing of it is loaded where ``VADOSE_TRACES`` is not set. The span
of a request continues the trace that its client began; the span of an attempt carries its job.
"""

from __future__ import annotations

import importlib
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

from engine.errors import InputError
from processes.telemetry.paths import route_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from processes.jobs.model import Step
    from processes.settings import Settings

_NAME = "vadose"
_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


def tracer(settings: Settings) -> Tracer:
    """Return who makes spans and sends them where the settings say.

    Raises
    ------
    InputError
        Where what is needed for it is not installed.
    """
    return _tracer_to(str(settings.traces))


@cache
def _tracer_to(address: str) -> Tracer:
    try:
        exporter: SpanExporter = importlib.import_module(_EXPORTER).OTLPSpanExporter(address)
        return tracer_for(exporter)
    except ImportError:
        allowed = "unset, or the extra `traces` installed"
        raise InputError("VADOSE_TRACES", "OpenTelemetry is not installed", allowed) from None


def tracer_for(exporter: SpanExporter) -> Tracer:
    """Return who makes spans and hands them to an exporter, in batches."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": _NAME}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer(_NAME)


def attempt_span(settings: Settings, step: Step) -> AbstractContextManager[None]:
    """Trace an attempt of a step, where somebody wants traces."""
    if settings.traces is None:
        return nullcontext()
    return _attempt_span(tracer(settings), step)


@contextmanager
def _attempt_span(tracer: Tracer, step: Step) -> Iterator[None]:
    attributes: dict[str, str | int] = {
        "vadose.job": step.job_id,
        "vadose.step": step.name,
        "vadose.attempt": step.attempt,
    }
    with tracer.start_as_current_span(f"attempt {step.name}", attributes=attributes):
        yield


class Traced:
    """Middleware that makes a span of each request.

    Parameters
    ----------
    app
        What answers.
    tracer
        Makes the spans.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._application, self._tracer = app, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on inside of its span."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        from opentelemetry.propagate import extract  # noqa: PLC0415
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        carrier = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]
        }
        route = route_of(scope["path"])
        with self._tracer.start_as_current_span(
            f"{scope['method']} {route}",
            context=extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": scope["method"], "http.route": route},
        ) as span:

            async def send_noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self._application(scope, receive, send_noted)
