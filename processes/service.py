"""What the routes of the service share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, cast

from processes.access.callers import caller_of
from processes.errors import NoResultsError, ResultsNotReadyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue
    from starlette.requests import Request

    from processes.jobs.dispatcher import Runner
    from processes.jobs.model import Job, JobFilter
    from processes.jobs.store import JobStore
    from processes.settings import Settings
    from processes.telemetry.metrics import Metrics

_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104  (to listen at, not to be found at)


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes work with."""

    settings: Settings
    """Limits and the public address."""
    store: JobStore
    """The jobs."""
    runner: Runner
    """Who runs them."""
    metrics: Metrics
    """What is counted."""

    @classmethod
    def of(cls, request: Request) -> Self:
        """Return the service that a request came to."""
        return cast("Self", request.app.state.service)

    def results(self, job: Job) -> Mapping[str, JsonValue]:
        """Return the outputs of a successful job by name.

        Raises
        ------
        ResultsNotReadyError
            Where the job had not ended when it was looked at.
        NoResultsError
            Where it failed, or was dismissed, even if only since then.
        """
        if not job.status.terminal:
            raise ResultsNotReadyError(job.id, job.status)
        outputs = self.store.results(job.id)
        if outputs is None:
            ended = self.store.get(job.id)
            reason = ended.message
            raise NoResultsError(ended.id, ended.status, reason, by_client=ended.by_client)
        return outputs

    def find(self, request: Request, wanted: JobFilter) -> tuple[tuple[Job, ...], int]:
        """Return the jobs of a filter that the caller may see, and how many there are in all."""
        whose = caller_of(request.scope).sees_only
        return self.store.find(replace(wanted, owner=whose))

    def base(self, request: Request) -> str:
        """Return the service's address, without a slash at its end."""
        return str(self.settings.url or request.base_url).rstrip("/")


def public_address(settings: Settings) -> str:
    """Return the address that clients use, without a slash at its end, as far as settings tell."""
    if settings.url is not None:
        return str(settings.url).rstrip("/")
    host = "localhost" if settings.host in _ANYWHERE else settings.host
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
