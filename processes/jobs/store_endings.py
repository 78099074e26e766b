"""How attempts end, and jobs with them: done, successful, failed, lost, dismissed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, null, or_, select, update

from processes.jobs.model import ACTIVE, CallbackKind, Ending, JobStatus, Step, StepState
from processes.jobs.schema import ATTEMPTS, JOBS, OUTPUTS, STEPS
from processes.jobs.store_database import clock
from processes.jobs.store_jobs import add_steps, keep_outputs, lock
from processes.jobs.store_outbox import tell, withdraw
from processes.jobs.store_steps import HELD, Claim, advance, close_attempt, get_step, held

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pydantic import JsonValue
    from sqlalchemy import Connection

LOST = "the worker that had it was lost"
DISMISSED = "dismissed by request"
UNWANTED = "not wanted any more"


def done(
    connection: Connection,
    claimed: Claim,
    result: JsonValue,
    then: Sequence[tuple[str, int]],
) -> bool:
    """End an attempt and its step well, and add the steps that follow."""
    now = _finish_step(connection, claimed, result)
    if now is None:
        return _ended(connection, claimed, Ending.DONE)
    add_steps(connection, claimed.job_id, then)
    if not _unfinished(connection, claimed.job_id):
        message = f"nothing follows step {claimed.step!r} of job {claimed.job_id}; allowed: succeed"
        raise ValueError(message)
    advance(connection, claimed.job_id, now)
    return True


def succeed(
    connection: Connection,
    claimed: Claim,
    outputs: Mapping[str, JsonValue],
    result: JsonValue,
    media_types: Mapping[str, str],
) -> bool:
    """End the attempt of the last step, and with it the job, well."""
    now = _finish_step(connection, claimed, result)
    if now is None:
        return _ended(connection, claimed, Ending.DONE)
    left = _unfinished(connection, claimed.job_id)
    if left:
        this, others = f"{claimed.step!r} of job {claimed.job_id}", ", ".join(left)
        message = f"step {this} is not its last: {others:.200} are not done"
        raise ValueError(message)
    keep_outputs(connection, claimed.job_id, outputs, media_types)
    advance(connection, claimed.job_id, now)
    _end_job(connection, claimed.job_id, JobStatus.SUCCESSFUL, "done", now)
    return True


def fail_step(
    connection: Connection,
    claimed: Claim,
    message: str,
    *,
    by_client: bool,
    retry: bool,
    most_attempts: int,
    pause: float,
) -> bool:
    """End an attempt badly: its step waits again, or fails its job."""
    lock(connection, claimed.job_id)
    failed = _held(connection, claimed)
    if failed is None:
        return _ended(connection, claimed, Ending.FAILED)
    again = retry and _spent(connection, claimed) < most_attempts
    _give_up(
        connection,
        failed,
        Ending.FAILED,
        message,
        pause=pause if again else None,
        by_client=by_client,
    )
    return True


def give_back(connection: Connection, claimed: Claim, message: str) -> bool:
    """End an attempt that its supervisor cannot finish: its step waits again, as if never tried."""
    lock(connection, claimed.job_id)
    given = _held(connection, claimed)
    if given is None:
        return _ended(connection, claimed, Ending.RETURNED)
    close_attempt(connection, given, Ending.RETURNED, message, clock(connection))
    _release(connection, given, StepState.WAITING, message, None)
    return True


def expired(connection: Connection, now: datetime | None) -> tuple[Claim, ...]:
    """Return the attempts whose lease ran out: job, step and number."""
    late = (STEPS.c.state.in_(HELD), STEPS.c.lease_until < (now or clock(connection)))
    found = select(STEPS.c.job_id, STEPS.c.name, STEPS.c.attempt).where(*late)
    return tuple(Claim(*row) for row in connection.execute(found))


def lose(
    connection: Connection,
    lost: Claim,
    now: datetime | None,
    *,
    most_attempts: int,
    pause: float,
) -> Step | None:
    """End an attempt whose lease ran out, unless it was heard of meanwhile."""
    lock(connection, lost.job_id)
    step = _held(connection, lost)
    late = now or clock(connection)
    if step is None or step.lease_until is None or step.lease_until >= late:
        return None
    again = _spent(connection, lost) < most_attempts
    _give_up(connection, step, Ending.LOST, LOST, pause=pause if again else None, by_client=False)
    return get_step(connection, lost.job_id, lost.step)


def dismiss(connection: Connection, job_id: str) -> bool:
    """Dismiss a job, ended or not, and drop its results."""
    job = lock(connection, job_id)
    if job is None or job.status == JobStatus.DISMISSED:
        return False
    now = clock(connection)
    if job.status in ACTIVE:
        _end_job(connection, job_id, JobStatus.DISMISSED, DISMISSED, now)
    else:
        _dismiss_ended(connection, job_id, now)
    connection.execute(update(STEPS).where(STEPS.c.job_id == job_id).values(result=null()))
    return True


def _dismiss_ended(connection: Connection, job_id: str, now: datetime) -> None:
    values = {"status": JobStatus.DISMISSED, "message": DISMISSED, "updated": now}
    connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values))
    connection.execute(delete(OUTPUTS).where(OUTPUTS.c.job_id == job_id))
    withdraw(connection, job_id, CallbackKind.SUCCESS)


def _held(connection: Connection, claimed: Claim) -> Step | None:
    """Return the step of an attempt that is wanted."""
    step = get_step(connection, claimed.job_id, claimed.step)
    wanted = step is not None and step.attempt == claimed.attempt and step.state in HELD
    return step if wanted else None


def _ended(connection: Connection, claimed: Claim, ending: Ending) -> bool:
    """Whether an attempt has ended so before: then its answer was lost, and it asks again."""
    this = (
        ATTEMPTS.c.job_id == claimed.job_id,
        ATTEMPTS.c.step == claimed.step,
        ATTEMPTS.c.number == claimed.attempt,
        ATTEMPTS.c.ending == ending,
        JOBS.c.id == ATTEMPTS.c.job_id,
        JOBS.c.status != JobStatus.DISMISSED,
    )
    return connection.execute(select(ATTEMPTS.c.number).where(*this)).scalar() is not None


def _spent(connection: Connection, claimed: Claim) -> int:
    """Return how many attempts of a step count, this one included."""
    ending = ATTEMPTS.c.ending
    count = select(func.count()).where(
        ATTEMPTS.c.job_id == claimed.job_id,
        ATTEMPTS.c.step == claimed.step,
        or_(ending.is_(None), ending != Ending.RETURNED),
    )
    return connection.execute(count).scalar_one()


def _finish_step(connection: Connection, claimed: Claim, result: JsonValue) -> datetime | None:
    """End a step well, and return when; None where the attempt is unwanted."""
    lock(connection, claimed.job_id)
    known = _held(connection, claimed)
    if known is None:
        return None
    now = clock(connection)
    values = {"state": StepState.DONE, "fraction": 1.0, "message": "", "lease_until": None}
    change = update(STEPS).where(*held(claimed)).values(**values, result=result)
    connection.execute(change)
    close_attempt(connection, known, Ending.DONE, "", now)
    return now


def _claim(step: Step) -> Claim:
    return Claim(step.job_id, step.name, step.attempt)


def _unfinished(connection: Connection, job_id: str) -> list[str]:
    """Return the names of the steps that have no result yet."""
    left = (STEPS.c.job_id == job_id, STEPS.c.state != StepState.DONE)
    names = select(STEPS.c.name).where(*left).order_by(STEPS.c.position, STEPS.c.name)
    return list(connection.execute(names).scalars())


def _give_up(
    connection: Connection,
    step: Step,
    ending: Ending,
    message: str,
    *,
    pause: float | None,
    by_client: bool,
) -> None:
    """End an attempt badly: its step waits again after a pause, or its job fails (None)."""
    now = clock(connection)
    close_attempt(connection, step, ending, message, now)
    if pause is None:
        spent = _spent(connection, _claim(step))
        tries = "" if spent == 1 else f" (after {spent} attempts)"
        _release(connection, step, StepState.FAILED, message, None)
        _end_job(
            connection, step.job_id, JobStatus.FAILED, message + tries, now, by_client=by_client
        )
        return
    _release(connection, step, StepState.WAITING, message, now + timedelta(seconds=pause))
    story = f"{step.name}: attempt {step.attempt} failed, to be tried again: {message}"
    values = {"message": story, "updated": now}
    connection.execute(update(JOBS).where(JOBS.c.id == step.job_id).values(**values))


def _release(
    connection: Connection,
    step: Step,
    state: StepState,
    message: str,
    not_before: datetime | None,
) -> None:
    values = {"state": state, "message": message, "lease_until": None, "not_before": not_before}
    this = held(_claim(step))
    connection.execute(update(STEPS).where(*this).values(**values))


def _end_job(
    connection: Connection,
    job_id: str,
    status: JobStatus,
    message: str,
    now: datetime,
    *,
    by_client: bool = False,
) -> None:
    """End a job that has not ended; what its steps still do is unwanted."""
    job = lock(connection, job_id)
    if job is None or job.status not in ACTIVE:
        raise RuntimeError(f"job {job_id} cannot end twice")
    values = {"status": status, "message": message, "by_client": by_client}
    if status is JobStatus.SUCCESSFUL:
        values["progress"] = 100
    seconds = None if job.started is None else (now - job.started).total_seconds()
    ended = update(JOBS).where(JOBS.c.id == job_id, JOBS.c.status.in_(ACTIVE))
    times = {"finished": now, "updated": now, "seconds": seconds}
    connection.execute(ended.values(**values, **times))
    _stop_steps(connection, job_id, now)
    well = status is JobStatus.SUCCESSFUL
    tell(connection, job_id, CallbackKind.SUCCESS if well else CallbackKind.FAILED, now)


def _stop_steps(connection: Connection, job_id: str, now: datetime) -> None:
    """Let no step of an ended job wait or be held: its attempts then learn that nobody wants it."""
    left = (STEPS.c.job_id == job_id, STEPS.c.state.in_((StepState.WAITING, *HELD)))
    stop = {"state": StepState.FAILED, "lease_until": None, "message": UNWANTED}
    connection.execute(update(STEPS).where(*left).values(**stop))
    attempts = update(ATTEMPTS).where(ATTEMPTS.c.job_id == job_id, ATTEMPTS.c.ended.is_(None))
    connection.execute(attempts.values(ended=now, ending=Ending.UNWANTED, message=UNWANTED))
