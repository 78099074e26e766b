"""Steps and their attempts: whose turn it is, who has them, how far they are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import case, exists, insert, or_, select, update

from processes.jobs.model import (
    ACTIVE,
    PREPARE,
    Attempt,
    CallbackKind,
    Ending,
    JobStatus,
    Standing,
    Step,
    StepState,
)
from processes.jobs.schema import ATTEMPTS, JOBS, STEPS
from processes.jobs.store_database import clock
from processes.jobs.store_jobs import lock
from processes.jobs.store_outbox import tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from pydantic import JsonValue
    from sqlalchemy import ColumnElement, Connection, RowMapping

HELD = (StepState.RUNNING, StepState.PUBLISHING)
"""States of a step that somebody has; its job then goes on."""


class Claim(NamedTuple):
    """What an attempt says it is; it is heard while its step is its own."""

    job_id: str
    step: str
    attempt: int


_KNOWN = [STEPS.c[name] for name in Step.__dataclass_fields__]
_EARLIER = STEPS.alias("earlier")


def _named(job_id: str, step: str) -> tuple[ColumnElement[bool], ...]:
    """Return what a step's row is known by."""
    return STEPS.c.job_id == job_id, STEPS.c.name == step


def held(claimed: Claim) -> tuple[ColumnElement[bool], ...]:
    """Return what is true of a step while one attempt has it."""
    mine = STEPS.c.attempt == claimed.attempt
    return (*_named(claimed.job_id, claimed.step), mine, STEPS.c.state.in_(HELD))


def _in_turn(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return what is true of a step that may be attempted."""
    before = exists().where(
        _EARLIER.c.job_id == STEPS.c.job_id,
        _EARLIER.c.position < STEPS.c.position,
        _EARLIER.c.state != StepState.DONE,
    )
    rested = or_(STEPS.c.not_before.is_(None), STEPS.c.not_before <= now)
    return STEPS.c.state == StepState.WAITING, ~before, rested


def ready(connection: Connection, limit: int) -> tuple[Step, ...]:
    """Return steps that wait and whose turn it is, in the order their jobs were accepted."""
    waiting = (
        select(*_KNOWN)
        .join(JOBS, JOBS.c.id == STEPS.c.job_id)
        .where(JOBS.c.status.in_(ACTIVE), *_in_turn(clock(connection)))
        .order_by(JOBS.c.sequence, STEPS.c.position, STEPS.c.name)
        .limit(limit)
    )
    return tuple(_step(row) for row in connection.execute(waiting).mappings())


def claim(connection: Connection, job_id: str, step: str, holder: str, lease: float) -> Step | None:
    """Begin the next attempt of a step that is ready; None where it is not."""
    job = lock(connection, job_id)
    if job is None or job.status not in ACTIVE:
        return None
    now = clock(connection)
    begin = (
        update(STEPS)
        .where(*_named(job_id, step), *_in_turn(now))
        .values(
            state=StepState.RUNNING,
            attempt=STEPS.c.attempt + 1,
            holder=holder,
            lease_until=now + timedelta(seconds=lease),
            not_before=None,
            fraction=0.0,
            message="starting",
        )
        .returning(*_KNOWN)
    )
    row = connection.execute(begin).mappings().one_or_none()
    if row is None:
        return None
    begun = _step(row)
    _open_attempt(connection, begun, now)
    _start_job(connection, begun, now, first=job.status == JobStatus.ACCEPTED)
    return begun


def _open_attempt(connection: Connection, step: Step, now: datetime) -> None:
    opened = {"job_id": step.job_id, "step": step.name, "number": step.attempt, "started": now}
    connection.execute(insert(ATTEMPTS).values(**opened, holder=step.holder, message=""))


def _start_job(connection: Connection, step: Step, now: datetime, *, first: bool) -> None:
    most = case((JOBS.c.attempt < step.attempt, step.attempt), else_=JOBS.c.attempt)
    values: dict[str, Any] = {"attempt": most, "updated": now}
    if first:
        values |= {"status": JobStatus.RUNNING, "started": now, "message": "starting"}
    connection.execute(update(JOBS).where(JOBS.c.id == step.job_id).values(**values))
    if first:
        tell(connection, step.job_id, CallbackKind.IN_PROGRESS, now)


def close_attempt(
    connection: Connection, step: Step, ending: Ending, message: str, now: datetime
) -> None:
    """Write down how an attempt ended."""
    this = (
        ATTEMPTS.c.job_id == step.job_id,
        ATTEMPTS.c.step == step.name,
        ATTEMPTS.c.number == step.attempt,
    )
    end = update(ATTEMPTS).where(*this, ATTEMPTS.c.ended.is_(None))
    connection.execute(end.values(ended=now, ending=ending, message=message))


def renew(connection: Connection, claimed: Claim, lease: float) -> Standing:
    """Lengthen the lease of an attempt, where it is wanted."""
    until = clock(connection) + timedelta(seconds=lease)
    longer = update(STEPS).where(*held(claimed)).values(lease_until=until)
    wanted = connection.execute(longer).rowcount == 1
    return Standing.WANTED if wanted else Standing.UNWANTED


def standing(connection: Connection, claimed: Claim) -> Standing:
    """Learn whether an attempt is wanted."""
    found = connection.execute(select(STEPS.c.name).where(*held(claimed)))
    return Standing.UNWANTED if found.scalar() is None else Standing.WANTED


def report(connection: Connection, claimed: Claim, fraction: float, message: str) -> bool:
    """Note how far an attempt is, and with it the job; False where it is unwanted."""
    lock(connection, claimed.job_id)
    fraction = min(max(0.0, fraction), 1.0)
    further = case((STEPS.c.fraction < fraction, fraction), else_=STEPS.c.fraction)
    note = update(STEPS).where(*held(claimed)).values(fraction=further, message=message)
    if connection.execute(note).rowcount == 0:
        return False
    advance(connection, claimed.job_id, clock(connection), message)
    return True


def advance(connection: Connection, job_id: str, now: datetime, message: str | None = None) -> None:
    """Derive a job's progress and counts from its steps."""
    parts = (STEPS.c.name, STEPS.c.state, STEPS.c.fraction)
    known = connection.execute(select(*parts).where(STEPS.c.job_id == job_id)).all()
    percent = progress((row.name, row.fraction) for row in known)
    values: dict[str, Any] = {
        "progress": case((JOBS.c.progress < percent, percent), else_=JOBS.c.progress),
        "steps": len(known),
        "steps_done": sum(row.state == StepState.DONE for row in known),
        "updated": now,
    }
    if message is not None:
        values["message"] = message
    connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values))


def progress(fractions: Iterable[tuple[str, float]]) -> int:
    """Return the percentage of a job that is done, from the names and fractions of its steps.

    What ``prepare`` does counts for one half, the steps that it finds count for the other. It is
    at most 99: only success makes a job whole.
    """
    prepared: list[float] = []
    found: list[float] = []
    for name, fraction in fractions:
        (prepared if name == PREPARE else found).append(fraction)
    share = 0.5 if prepared else 1.0
    done = sum(prepared) * (1 - share) + share * sum(found) / max(len(found), 1)
    return min(int(100 * done), 99)


def publishing(connection: Connection, claimed: Claim) -> bool:
    """Let an attempt publish; False where it is unwanted."""
    lock(connection, claimed.job_id)
    change = update(STEPS).where(*held(claimed))
    return connection.execute(change.values(state=StepState.PUBLISHING)).rowcount == 1


def steps(connection: Connection, job_id: str) -> tuple[Step, ...]:
    """Return the steps of a job in their order."""
    known = select(*_KNOWN).where(STEPS.c.job_id == job_id)
    ordered = known.order_by(STEPS.c.position, STEPS.c.name)
    return tuple(_step(row) for row in connection.execute(ordered).mappings())


def get_step(connection: Connection, job_id: str, name: str) -> Step | None:
    """Return one step of a job."""
    found = connection.execute(select(*_KNOWN).where(*_named(job_id, name)))
    row = found.mappings().one_or_none()
    return None if row is None else _step(row)


def attempts(connection: Connection, job_id: str) -> tuple[Attempt, ...]:
    """Return the attempts of a job, oldest first."""
    known = select(ATTEMPTS).where(ATTEMPTS.c.job_id == job_id)
    ordered = known.order_by(ATTEMPTS.c.started, ATTEMPTS.c.step, ATTEMPTS.c.number)
    return tuple(_attempt(row) for row in connection.execute(ordered).mappings())


def step_results(connection: Connection, job_id: str) -> Mapping[str, JsonValue]:
    """Return the results of the steps that are done, by name of the step."""
    done = (STEPS.c.job_id == job_id, STEPS.c.state == StepState.DONE)
    known = select(STEPS.c.name, STEPS.c.result).where(*done)
    rows = connection.execute(known.order_by(STEPS.c.position, STEPS.c.name))
    return {name: result for name, result in rows}  # noqa: C416  (rows are no pairs to mypy)


def _step(row: RowMapping) -> Step:
    return Step(**(dict(row) | {"state": StepState(row["state"])}))


def _attempt(row: RowMapping) -> Attempt:
    ending = None if row["ending"] is None else Ending(row["ending"])
    return Attempt(**(dict(row) | {"ending": ending}))
