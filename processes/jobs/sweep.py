"""What killed work leaves on the disk, and its removal."""

from __future__ import annotations

import re
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from processes.errors import NoSuchJobError
from processes.jobs.model import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from processes.jobs.protocol import JobStore

_TEMPORARY = re.compile(r"\..+-[0-9a-f]{12}(\.\w+)?")
"""Names that :func:`engine.files.atomic_path` gives."""
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
