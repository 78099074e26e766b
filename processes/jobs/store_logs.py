"""The logs of jobs: the latest lines of each, numbered without a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from processes.jobs.model import LogLine
from processes.jobs.schema import JOBS, LOGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from processes.jobs.model import LogEntry

MOST_LINES = 10_000
"""Lines that are kept of one job; the oldest go."""
MOST_CHARACTERS = 4_000
"""Longest line; the rest of a longer one is cut off."""

_KNOWN = [column for column in LOGS.columns if column.name != "job_id"]


def log(
    connection: Connection, job_id: str, step: str, attempt: int, lines: Sequence[LogEntry]
) -> None:
    """Append to the log of a job; nothing where it is forgotten."""
    # Numbers are given under the lock of the job's row: who reads on from a number misses none.
    count = update(JOBS).where(JOBS.c.id == job_id).values(log_seq=JOBS.c.log_seq + len(lines))
    last = connection.execute(count.returning(JOBS.c.log_seq)).scalar()
    if last is None or not lines:
        return
    kept = lines[-MOST_LINES:]
    writer = {"job_id": job_id, "step": step, "attempt": attempt}
    rows = [
        writer | {"seq": seq, "time": line.time, "level": line.level, "text": _cut(line.text)}
        for seq, line in enumerate(kept, start=last - len(kept) + 1)
    ]
    connection.execute(insert(LOGS), rows)
    old = delete(LOGS).where(LOGS.c.job_id == job_id, LOGS.c.seq <= last - MOST_LINES)
    connection.execute(old)


def log_lines(connection: Connection, job_id: str, after: int, limit: int) -> tuple[LogLine, ...]:
    """Return lines of a job's log in their order."""
    lines = (
        select(*_KNOWN)
        .where(LOGS.c.job_id == job_id, LOGS.c.seq > min(after, _FURTHEST))
        .order_by(LOGS.c.seq)
        .limit(limit)
    )
    return tuple(LogLine(**row) for row in connection.execute(lines).mappings())


_FURTHEST = 2**31 - 1


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
