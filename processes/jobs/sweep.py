"""What killed work leaves on the disk, and its removal."""

from __future__ import annotations

import logging
import re
import shutil
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from processes.errors import NoSuchJobError
from processes.jobs.model import JobFilter, JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from processes.jobs.protocol import JobStore

LOGGER = logging.getLogger(__name__)

_TEMPORARY = re.compile(r"\..+-[0-9a-f]{12}(\.\w+)?")
"""Names that :func:`engine.files.atomic_path` gives."""
MOST_AT_ONCE = 1000
"""Jobs that are forgotten in one sweep."""
_ENDED = tuple(status for status in JobStatus if status.terminal)
_WITHOUT_RESULTS = (JobStatus.DISMISSED, JobStatus.FAILED)


def sweep_work(folder: Path, store: JobStore) -> None:
    """Remove the folders of jobs that ended without results.

    Parameters
    ----------
    folder
        The work folder; what is not named like a job that the store knows is left alone.
    store
        Knows the jobs.
    """
    for path in _job_folders(folder):
        with suppress(OSError):
            if _is_over(path.name, store):
                shutil.rmtree(path, ignore_errors=True)


def forget_old_jobs(store: JobStore, folder: Path, days: float, now: datetime | None = None) -> int:
    """Forget jobs that ended long ago, with what stayed with them.

    Parameters
    ----------
    store
        Knows the jobs.
    folder
        The work folder.
    days
        How long a job is kept after its end.
    now
        The time; by default that of this machine.

    Returns
    -------
    int
        Jobs forgotten; one that still owes a callback is kept until it owes none.
    """
    limit = (now or datetime.now(UTC)) - timedelta(days=days)
    wanted = JobFilter(statuses=_ENDED, created_before=limit, limit=MOST_AT_ONCE)
    forgotten = 0
    for job in store.find(wanted)[0]:
        if job.finished is not None and job.finished < limit and store.delete(job.id):
            shutil.rmtree(folder / job.id, ignore_errors=True)
            forgotten += 1
    if forgotten:
        LOGGER.info("%d jobs that ended more than %g days ago are forgotten", forgotten, days)
    return forgotten


def sweep_temporaries(folder: Path, seconds: float) -> int:
    """Remove files that were being written when their writer was killed.

    Parameters
    ----------
    folder
        Where to look, at any depth.
    seconds
        Age, since the last write, of a file that nobody writes any more.

    Returns
    -------
    int
        Files removed.
    """
    limit = time.time() - seconds
    removed = 0
    for path in folder.rglob(".*"):
        if _TEMPORARY.fullmatch(path.name) and path.is_file() and path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _job_folders(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        with suppress(ValueError):
            UUID(path.name)
            yield path


def _is_over(job_id: str, store: JobStore) -> bool:
    # A job that the store does not know may be another store's: one folder, another database.
    try:
        return store.get(job_id).status in _WITHOUT_RESULTS
    except NoSuchJobError:
        return False
