"""One job, as everyone but the database sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pydantic import JsonValue


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


_TERMINAL = frozenset({JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED})


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
class Job:
    """What is known of one job; times are UTC, with zone."""

    id: str
    """A random UUID."""
    process_id: str
    """The process that it executes."""
    inputs: Mapping[str, JsonValue]
    """Inputs as the client sent them, validated."""
    delivery: Delivery
    """How the results are wanted."""
    status: JobStatus
    """Where it stands."""
    progress: int
    """Percent done."""
    message: str
    """What is being done, or why it ended so."""
    attempt: int
    """How often it was started."""
    by_client: bool
    """Whether a failure lies with the request rather than with the service."""
    created: datetime
    """When it was accepted."""
    started: datetime | None
    """When its present attempt was started."""
    finished: datetime | None
    """When it ended."""
    updated: datetime
    """When anything here last changed."""


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
    least_seconds: float | None = None
    """Show jobs that were started and have run at least so long."""
    most_seconds: float | None = None
    """Show jobs that were started and have run at most so long."""
    limit: int = 10
    """Most jobs to return."""
    offset: int = 0
    """Jobs to skip, newest first."""
