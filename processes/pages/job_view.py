"""What the page of a job shows, beyond the job itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from processes.definitions import PROCESSES
from processes.pages.maps import maps_of
from processes.pages.report_view import view_report
from processes.results import address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from pydantic import JsonValue

    from processes.definitions import Output
    from processes.jobs.model import Job, Step
    from processes.pages.maps import Map
    from processes.pages.report_view import ReportView
    from processes.service import Service

    type Document = Mapping[str, JsonValue]

LONGEST_LINE = 160
"""Most characters of a line that sums up a job."""
LONG_VALUE = 1000
"""Most characters of a value that a page shows at once."""
LONGEST_VALUE = 20_000
"""Most characters of a value that a page shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job, and what belongs to it."""

    title: str
    """Title of its process."""
    inputs: str
    """Its inputs, written to be read."""
    inputs_in_address: str
    """Its inputs, written to be the fragment of an address."""
    steps: tuple[Step, ...]
    """Its steps."""
    repeated: str
    """Steps that took several attempts, and how many; nothing where none did."""
    maps: tuple[Map, ...]
    """Its maps, those that are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """One output of a job."""

    name: str
    """Its identifier."""
    title: str
    """Its short name."""
    description: str
    """What it is."""
    media_type: str
    """What the value is as it stands."""
    shown: str
    """The value, or its beginning, written to be read."""
    long: bool
    """Whether that takes so much room that it is folded away."""
    report: ReportView | None
    """What it says in short, where it is a report."""
    page: str | None
    """Where it is to be read, where it is a page of its own."""


def view_job(service: Service, job: Job) -> JobView:
    """Gather what the page of a job shows."""
    steps = service.store.steps(job.id)
    return JobView(
        title=title_of(job.process_id),
        inputs=json.dumps(job.inputs, indent=2, ensure_ascii=False),
        inputs_in_address=quote(json.dumps(job.inputs, separators=(",", ":")), safe=""),
        steps=steps,
        repeated=", ".join(f"{one.name}: {one.attempt}" for one in steps if one.attempt > 1),
        maps=maps_of(service, job, steps),
    )


def view_results(job: Job, outputs: Document, base: str) -> tuple[ResultView, ...]:
    """Gather what the page of a job's results shows, as a program at some address gets it."""
    process = PROCESSES.get(job.process_id)
    described = {} if process is None else process.outputs
    return tuple(
        _result(name, described[name], value, base)
        for name, value in outputs.items()
        if name in described
    )


def title_of(process_id: str) -> str:
    """Return the title of a process; of one that is no longer offered, its identifier."""
    process = PROCESSES.get(process_id)
    return process_id if process is None else process.title


def duration(job: Job) -> timedelta:
    """Return how long a job has run, or ran."""
    end = job.finished or datetime.now(UTC)
    return end - (job.started or end)


def summary(job: Job) -> str:
    """Return in one line what a job was asked for."""
    said = [f"{name} {_brief(value)}" for name, value in job.inputs.items()]
    line = " · ".join(said)
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


def _brief(value: JsonValue) -> str:
    if isinstance(value, list):
        return ", ".join(map(_brief, value))
    if isinstance(value, dict):
        return str(value.get("type", "…"))
    return value if isinstance(value, str) else json.dumps(value)


def _result(name: str, output: Output, value: JsonValue, base: str) -> ResultView:
    located = address(value, lambda path: f"{base}/{path}") if output.has_addresses else value
    shown = _shown(located)
    return ResultView(
        name=name,
        title=output.title,
        description=output.description,
        media_type=output.written_as,
        shown=shown,
        long=len(shown) > LONG_VALUE,
        report=view_report(value) if name == "report" else None,
        page=_page(located),
    )


def _page(value: JsonValue) -> str | None:
    """Return the address of a page that stands for a value; None for any other value."""
    if not isinstance(value, dict) or value.get("type") != "text/html":
        return None
    href = value.get("href")
    return href if isinstance(href, str) else None


def _shown(value: JsonValue) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    left = len(text) - LONGEST_VALUE
    return text if left <= 0 else f"{text[:LONGEST_VALUE]}\n… and {left} characters more"
