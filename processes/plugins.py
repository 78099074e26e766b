"""Plugins by which pygeoapi knows our processes and jobs; light to construct.

pygeoapi builds every processor on every request for its HTML and OpenAPI, so nothing here loads
science. Execution itself goes through ``routes.py`` and the job runner, never through a thread
of the web server.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygeoapi.process.base import BaseProcessor, JobNotFoundError, ProcessorExecuteError
from pygeoapi.process.manager.base import BaseManager

from processes.definitions import DOWNSCALE_SMAP, ECHO, RECONSTRUCT_SIF, Process, find_process
from processes.errors import NoSuchJobError
from processes.jobs.model import JobFilter
from processes.jobs.store import SqlJobStore

if TYPE_CHECKING:
    from processes.jobs.model import Job


class OwnProcessor(BaseProcessor):  # type: ignore[misc]  # pygeoapi has no types
    """A processor that describes one of our processes to pygeoapi."""

    process: Process

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, self.process.describe() | {"links": []})

    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, Any]:  # noqa: ARG002
        """Refuse: jobs do the work."""
        raise ProcessorExecuteError(user_msg="execute this process through the job routes")


class ReconstructSifProcessor(OwnProcessor):
    """``reconstruct-sif`` for pygeoapi."""

    process = RECONSTRUCT_SIF


class DownscaleSmapProcessor(OwnProcessor):
    """``downscale-smap`` for pygeoapi."""

    process = DOWNSCALE_SMAP


class EchoProcessor(OwnProcessor):
    """``echo`` for pygeoapi."""

    process = ECHO


class JobManager(BaseManager):  # type: ignore[misc]  # pygeoapi has no types
    """Shows the jobs of our store on pygeoapi's HTML pages; it never writes."""

    def __init__(self, manager_def: dict[str, Any]) -> None:
        super().__init__(manager_def)
        self.is_async = True

    def get_jobs(
        self, status: object = None, limit: int | None = None, offset: int | None = None
    ) -> dict[str, Any]:
        """Return a page of jobs."""
        del status
        with self._jobs() as store:
            jobs, total = store.find(JobFilter(limit=limit or 10, offset=offset or 0))
        return {"jobs": [_as_pygeoapi(job) for job in jobs], "numberMatched": total}

    def get_job(self, job_id: str) -> dict[str, Any]:
        """Return one job."""
        try:
            with self._jobs() as store:
                return _as_pygeoapi(store.get(job_id))
        except NoSuchJobError as error:
            raise JobNotFoundError from error

    def get_job_result(self, job_id: str) -> tuple[str | None, Any]:
        """Return what a job left."""
        with self._jobs() as store:
            return "application/json", store.results(job_id)

    def _jobs(self) -> closing[SqlJobStore]:
        return closing(SqlJobStore.open(Path(self.connection)))


def _as_pygeoapi(job: Job) -> dict[str, Any]:
    """Return a job as pygeoapi's templates want it: every time a text, none missing."""
    return {
        "identifier": job.id,
        "process_id": find_process(job.process_id).id,
        "status": str(job.status),
        "message": job.message,
        "progress": job.progress,
        "parameters": None,
        "created": job.created.isoformat(),
        "started": (job.started or job.created).isoformat(),
        "finished": "" if job.finished is None else job.finished.isoformat(),
        "updated": job.updated.isoformat(),
        "mimetype": "application/json",
    }
