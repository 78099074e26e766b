"""Jobs, their steps and what belongs to them, as everyone but the database sees them.

A *job* is one execution of a process. It consists of *steps*: steps of the same position run side
by side, a position begins when all before it are done. Each try of a step is an *attempt*,
numbered from 1: it is leased to the one who holds it, and only the latest attempt of a step may
say anything about it. All times are UTC, with zone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pydantic import JsonValue

PREPARE = "prepare"
"""The step that finds out which steps follow; it counts for half of its job's progress."""


class JobStatus(StrEnum):
    """The states of OGC API - Processes."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    DISMISSED = "dismissed"

    @property
    def terminal(self) -> bool:
        """Whether nothing follows."""
        return self in _TERMINAL


ACTIVE = (JobStatus.ACCEPTED, JobStatus.RUNNING)
"""States of a job that has not ended."""
_TERMINAL = frozenset({JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED})


class StepState(StrEnum):
    """Where a step of a job stands."""

    WAITING = "waiting"
    """Nobody has it: not yet, or again."""
    RUNNING = "running"
    """An attempt holds it."""
    PUBLISHING = "publishing"
    """The attempt that holds it may write where others read."""
    DONE = "done"
    """It has its result."""
    FAILED = "failed"
    """It has ended without a result, or its job ended before it."""


class Ending(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    """With its step's result."""
    FAILED = "failed"
    """With an error that it told."""
    LOST = "lost"
    """Without a word: its lease ran out."""
    UNWANTED = "unwanted"
    """With its job: dismissed, or failed by another step."""
    RETURNED = "returned"
    """With a supervisor that was told to stop: the step waits again, and it does not count."""


class Standing(StrEnum):
    """Whether anybody wants what an attempt does."""

    WANTED = "wanted"
    """It is the attempt of its step, and its job goes on."""
    UNWANTED = "unwanted"
    """The job has ended, or another attempt has its step."""


class CallbackKind(StrEnum):
    """What a subscriber is told."""

    SUCCESS = "success"
    IN_PROGRESS = "in-progress"
    FAILED = "failed"


type Response = Literal["document", "raw"]
"""One JSON document of all outputs, or each output as it is."""
type Transmission = Literal["value", "reference"]
"""An output itself, or the address where it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a request wants its results."""

    response: Response = "document"
    """The form of the answer."""
    outputs: Mapping[str, Transmission] = field(default_factory=dict)
    """Outputs asked for, and how; empty means all, by value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Who wants to be told of a job, by addresses to post to; None means: not of this."""

    success: str | None = None
    """Is sent the results of a successful job."""
    in_progress: str | None = None
    """Is sent the status when the job starts."""
    failed: str | None = None
    """Is sent the status of a job that ended without results, dismissed ones included."""

    def address(self, kind: CallbackKind) -> str | None:
        """Return where news of a kind go, or None."""
        addresses = {
            CallbackKind.SUCCESS: self.success,
            CallbackKind.IN_PROGRESS: self.in_progress,
            CallbackKind.FAILED: self.failed,
        }
        return addresses[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is known of one job."""

    id: str
    """A random UUID."""
    process_id: str
    """The process that it executes."""
    inputs: Mapping[str, JsonValue]
    """Inputs as the client sent them, validated."""
    delivery: Delivery
    """How the results are wanted."""
    subscriber: Subscriber | None
    """Who is told of it."""
    request_hash: str | None
    """What equal requests have in common; None where nobody asked."""
    force: bool
    """Whether what was made before is made again."""
    status: JobStatus
    """Where it stands."""
    progress: int
    """Percent done; never falls, and is 100 only when the job has succeeded."""
    message: str
    """What is being done, or why it ended so."""
    steps: int
    """Steps known so far."""
    steps_done: int
    """Steps that have their result."""
    attempt: int
    """Most attempts that one of its steps took; 0 before the first."""
    by_client: bool
    """Whether a failure lies with the request rather than with the service."""
    created: datetime
    """When it was accepted."""
    started: datetime | None
    """When its first step was first attempted."""
    finished: datetime | None
    """When it ended."""
    updated: datetime
    """When anything here last changed."""
    owner: str | None
    """Whose it is; None where there was no access control."""
    cells: int | None
    """Cells of 1 km that it computes in each month; None where it makes no maps."""
    months: int | None
    """Months of maps that were asked for, or most of them that may be; None as for cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much a job is going to compute."""

    cells: int
    """Cells of 1 km in each month."""
    months: int
    """Months, or most of them that an open interval may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much of the service one owner may have."""

    jobs: int
    """Jobs that wait or run at a time."""
    cells: int
    """Cells times months that may be asked for in 24 hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a job."""

    job_id: str
    """Its job."""
    name: str
    """``prepare``, a month such as ``2020-05``, ``finish``, or ``run``; once in a job."""
    position: int
    """Its turn: all steps of lower positions come before it."""
    state: StepState
    """Where it stands."""
    attempt: int
    """The latest attempt; 0 before the first."""
    holder: str
    """Who has the latest attempt; empty before the first."""
    lease_until: datetime | None
    """When its holder is given up; None where nobody holds it."""
    not_before: datetime | None
    """When it may be tried again; None means at once."""
    fraction: float
    """Part of it that is done, 0 to 1."""
    message: str
    """What is being done, or why it failed."""
    result: JsonValue
    """What it handed to the steps after it; None before it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a step, also after its end."""

    job_id: str
    """Its job."""
    step: str
    """Name of its step."""
    number: int
    """Its number, from 1."""
    holder: str
    """Who had it."""
    started: datetime
    """When it was claimed."""
    ended: datetime | None
    """When it ended; None while it runs."""
    ending: Ending | None
    """How it ended; None while it runs."""
    message: str
    """Why it ended so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Jobs and steps in numbers."""

    jobs: Mapping[tuple[str, JobStatus], int]
    """Jobs that are kept, by process and state."""
    steps: Mapping[StepState, int]
    """Steps of the jobs that have not ended, by state."""
    longest_wait: float
    """How long the first job in line has waited, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedAttempt:
    """An attempt that has ended, as it is measured."""

    key: tuple[str, str, int]
    """Job, step and number."""
    process_id: str
    """The process of its job."""
    step: str
    """``month``, or the name of a step that is none."""
    ending: Ending
    """How it ended."""
    ended: datetime
    """When it ended."""
    seconds: float
    """How long it took."""
    cells: int
    """Cells of 1 km that it computed."""
    reused: bool
    """Whether its month was there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of a log, to be kept."""

    time: datetime
    """When it was written."""
    level: str
    """Name of its level, such as ``INFO``."""
    text: str
    """What it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a job's log, as kept."""

    seq: int
    """Its number within the job, from 1 and without a gap between two that are kept."""
    time: datetime
    """When it was written."""
    level: str
    """Name of its level, such as ``INFO``."""
    step: str
    """Name of the step that wrote it."""
    attempt: int
    """Number of the attempt that wrote it."""
    text: str
    """What it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRecord:
    """One output of a successful job."""

    name: str
    """Identifier of the output."""
    value: JsonValue
    """The output itself."""
    media_type: str
    """What it is."""
    size: int
    """Length of its JSON text (no spaces, sorted keys, UTF-8), bytes."""
    sha256: str
    """Checksum of that text, hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """News of a job that its subscriber has not received yet."""

    id: int
    """Its number; the same news are the same number, however often they are sent."""
    job_id: str
    """The job."""
    kind: CallbackKind
    """What happened to it."""
    url: str
    """Where to post."""
    tries: int
    """Deliveries that failed so far."""
    created: datetime
    """When it happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs a list shows; empty tuples and None mean no restriction."""

    statuses: tuple[JobStatus, ...] = ()
    """States to show."""
    process_ids: tuple[str, ...] = ()
    """Processes to show."""
    created_from: datetime | None = None
    """Show jobs accepted then or later."""
    created_before: datetime | None = None
    """Show jobs accepted earlier than this."""
    owner: str | None = None
    """Whose jobs to show."""
    least_seconds: float | None = None
    """Show jobs that were started and have run at least so long."""
    most_seconds: float | None = None
    """Show jobs that were started and have run at most so long."""
    limit: int = 10
    """Most jobs to return."""
    offset: int = 0
    """Jobs to skip, newest first."""
