"""Files that stay with their job: where they are written, and where they are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from processes.publishing import own_catalog
from stac.media import media_type

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue

    from processes.program import JobContext


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """One file of a job."""

    path: Path
    """Where it is written; its folder may still have to be made."""
    address: str
    """Where it is found, below the service's address."""

    def link(self) -> dict[str, JsonValue]:
        """Return the output that leads to it."""
        return {"href": self.address, "type": media_type(self.path.name)}


def job_file(job: JobContext, name: str) -> JobFile:
    """Return the place of a job's file."""
    return JobFile(
        path=own_catalog(job.settings, job.run_id) / name,
        address=f"jobs/{job.run_id}/files/{name}",
    )
