"""One job, as everyone but the database sees it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is known of one job; times are UTC, with zone."""

    id: str
    """A random UUID."""
    process_id: str
    """The process that it executes."""
    inputs: Mapping[str, JsonValue]
    """Inputs as the client sent them, validated."""
    outputs: tuple[str, ...]
    """Outputs asked for; empty means all."""
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
    """Which jobs a list shows; empty tuples mean no restriction."""

    statuses: tuple[JobStatus, ...] = ()
    """States to show."""
    process_ids: tuple[str, ...] = ()
    """Processes to show."""
    limit: int = 10
    """Most jobs to return."""
    offset: int = 0
    """Jobs to skip, newest first."""
