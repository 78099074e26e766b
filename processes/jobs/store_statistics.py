"""Jobs and attempts in numbers, for those who watch the service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, select

from processes.jobs.model import ACTIVE, EndedAttempt, Ending, JobStatus, Statistics, StepState
from processes.jobs.schema import ATTEMPTS, JOBS, STEPS
from processes.jobs.store_database import clock

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, RowMapping

_MONTH = re.compile(r"\d{4}-\d\d")


def statistics(connection: Connection) -> Statistics:
    """Count jobs and steps."""
    counted = select(JOBS.c.process_id, JOBS.c.status, func.count())
    jobs = connection.execute(counted.group_by(JOBS.c.process_id, JOBS.c.status)).all()
    first = select(func.min(JOBS.c.created)).where(JOBS.c.status == JobStatus.ACCEPTED)
    oldest = connection.execute(first).scalar()
    waited = 0.0 if oldest is None else (clock(connection) - oldest).total_seconds()
    open_steps = (
        select(STEPS.c.state, func.count())
        .join(JOBS, JOBS.c.id == STEPS.c.job_id)
        .where(JOBS.c.status.in_(ACTIVE))
        .group_by(STEPS.c.state)
    )
    steps = connection.execute(open_steps).all()
    return Statistics(
        jobs={(process, JobStatus(status)): count for process, status, count in jobs},
        steps={StepState(state): count for state, count in steps},
        longest_wait=max(0.0, waited),
    )


def ended_attempts(connection: Connection, since: datetime) -> tuple[EndedAttempt, ...]:
    """Return the attempts that ended then or later."""
    of_step = and_(STEPS.c.job_id == ATTEMPTS.c.job_id, STEPS.c.name == ATTEMPTS.c.step)
    known = (
        select(
            ATTEMPTS.c.job_id,
            ATTEMPTS.c.step,
            ATTEMPTS.c.number,
            ATTEMPTS.c.started,
            ATTEMPTS.c.ended,
            ATTEMPTS.c.ending,
            JOBS.c.process_id,
            JOBS.c.cells,
            STEPS.c.result,
        )
        .join(JOBS, JOBS.c.id == ATTEMPTS.c.job_id)
        .join(STEPS, of_step)
        .where(ATTEMPTS.c.ended >= since)
    )
    return tuple(_ended(row) for row in connection.execute(known).mappings())


def _ended(found: RowMapping) -> EndedAttempt:
    month = _MONTH.fullmatch(found["step"]) is not None
    made = month and found["ending"] == Ending.DONE
    reused = made and isinstance(found["result"], dict) and bool(found["result"].get("reused"))
    return EndedAttempt(
        key=(found["job_id"], found["step"], found["number"]),
        process_id=found["process_id"],
        step="month" if month else found["step"],
        ending=Ending(found["ending"]),
        ended=found["ended"],
        seconds=max(0.0, (found["ended"] - found["started"]).total_seconds()),
        cells=(found["cells"] or 0) if made and not reused else 0,
        reused=reused,
    )
