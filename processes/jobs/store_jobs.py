"""Jobs: accepted, read, listed and forgotten."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import and_, delete, exists, func, insert, or_, select

from processes.errors import NoSuchJobError, QueueFullError
from processes.jobs.model import ACTIVE, Delivery, Job, JobStatus, OutputRecord, StepState
from processes.jobs.schema import CALLBACKS, JOBS, OUTPUTS, STEPS
from processes.jobs.store_database import clock, take_turns
from processes.jobs.store_outbox import subscriber_of
from processes.jobs.store_quotas import check_quota

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import JsonValue
    from sqlalchemy import ColumnElement, Connection, Row, RowMapping

    from processes.jobs.model import JobFilter, Quota, Subscriber, Work

JSON_TYPE = "application/json"

_KNOWN = [JOBS.c[name] for name in Job.__dataclass_fields__]
_LONGEST = 3e9
"""A time longer than any job ran, seconds; the calendar has room for it."""


def create(
    connection: Connection,
    process_id: str,
    inputs: Mapping[str, JsonValue],
    delivery: Delivery,
    *,
    steps: Sequence[str],
    request_hash: str | None,
    subscriber: Subscriber | None,
    reuse: bool,
    most_waiting: int | None,
    owner: str | None,
    work: Work | None,
    quota: Quota | None,
) -> tuple[Job, bool]:
    """Accept a job, or find the one that does the same work already."""
    take_turns(connection, "create")
    same = _active_of(connection, request_hash) if reuse and request_hash is not None else None
    if same is not None:
        return same, False
    if most_waiting is not None and waiting(connection) >= most_waiting:
        raise QueueFullError(most_waiting)
    if owner is not None and quota is not None:
        check_quota(connection, owner, work, quota)
    job_id, now = str(uuid4()), clock(connection)
    row = {
        "id": job_id,
        "process_id": process_id,
        "inputs": dict(inputs),
        "delivery": {"response": delivery.response, "outputs": dict(delivery.outputs)},
        "subscriber": None if subscriber is None else asdict(subscriber),
        "request_hash": request_hash,
        "force": not reuse,
        "steps": len(steps),
        "owner": owner,
        "cells": None if work is None else work.cells,
        "months": None if work is None else work.months,
    }
    connection.execute(insert(JOBS).values(**row, **_NEW, created=now, updated=now))
    add_steps(connection, job_id, [(name, 0) for name in steps])
    return get(connection, job_id), True


_NEW = {
    "status": JobStatus.ACCEPTED,
    "progress": 0,
    "message": "waiting in line",
    "steps_done": 0,
    "attempt": 0,
    "by_client": False,
    "log_seq": 0,
}


def add_steps(connection: Connection, job_id: str, steps: Sequence[tuple[str, int]]) -> None:
    """Add steps to a job, by name and position."""
    new = {"state": StepState.WAITING, "attempt": 0, "holder": "", "fraction": 0.0, "message": ""}
    rows = [new | {"job_id": job_id, "name": name, "position": turn} for name, turn in steps]
    if rows:
        connection.execute(insert(STEPS), rows)


def _active_of(connection: Connection, request_hash: str) -> Job | None:
    same = (
        select(*_KNOWN)
        .where(JOBS.c.request_hash == request_hash, JOBS.c.status.in_(ACTIVE))
        .order_by(JOBS.c.sequence.desc())
        .limit(1)
    )
    row = connection.execute(same).mappings().one_or_none()
    return None if row is None else _job(row)


def get(connection: Connection, job_id: str) -> Job:
    """Return a job, or raise NoSuchJobError."""
    found = connection.execute(select(*_KNOWN).where(JOBS.c.id == job_id))
    row = found.mappings().one_or_none()
    if row is None:
        raise NoSuchJobError(job_id)
    return _job(row)


def lock(connection: Connection, job_id: str) -> Row[Any, Any, Any] | None:
    """Take a job for the rest of a change, and return its state, start and end.

    Every change of a job or its steps takes the job's row first. So changes of one job come one
    after another, and none waits for another in a circle.
    """
    known = (JOBS.c.status, JOBS.c.started, JOBS.c.finished)
    return connection.execute(
        select(*known).where(JOBS.c.id == job_id).with_for_update()
    ).one_or_none()


def find(connection: Connection, wanted: JobFilter) -> tuple[tuple[Job, ...], int]:
    """Return the jobs of a filter, newest first, and how many there are in all."""
    where = _restrictions(connection, wanted)
    newest = JOBS.c.sequence.desc()
    # Which jobs they are is read from an index alone; only those of the page are read whole.
    page = select(JOBS.c.sequence).where(*where).order_by(newest)
    numbers = connection.execute(page.limit(wanted.limit).offset(wanted.offset)).scalars().all()
    whole = select(*_KNOWN).where(JOBS.c.sequence.in_(numbers)).order_by(newest)
    rows = connection.execute(whole).mappings().all() if numbers else ()
    total = connection.execute(select(func.count()).select_from(JOBS).where(*where)).scalar_one()
    return tuple(_job(row) for row in rows), total


def waiting(connection: Connection) -> int:
    """Count the jobs in line."""
    line = select(func.count()).select_from(JOBS).where(JOBS.c.status == JobStatus.ACCEPTED)
    return connection.execute(line).scalar_one()


def outputs(connection: Connection, job_id: str) -> tuple[OutputRecord, ...]:
    """Return the outputs of a job with their checksums."""
    known = [OUTPUTS.c[name] for name in OutputRecord.__dataclass_fields__]
    rows = select(*known).where(OUTPUTS.c.job_id == job_id).order_by(OUTPUTS.c.position)
    return tuple(OutputRecord(**row) for row in connection.execute(rows).mappings())


def results(connection: Connection, job_id: str) -> Mapping[str, JsonValue] | None:
    """Return the outputs of a successful job by name; None for any other."""
    status = connection.execute(select(JOBS.c.status).where(JOBS.c.id == job_id)).scalar()
    if status != JobStatus.SUCCESSFUL:
        return None
    return {output.name: output.value for output in outputs(connection, job_id)}


def keep_outputs(
    connection: Connection,
    job_id: str,
    values: Mapping[str, JsonValue],
    media_types: Mapping[str, str],
) -> None:
    """Write down the outputs of a job, with their checksums."""
    rows = [
        {
            "job_id": job_id,
            "name": name,
            "position": position,
            "value": value,
            "media_type": media_types.get(name, JSON_TYPE),
            **_measure(value),
        }
        for position, (name, value) in enumerate(values.items())
    ]
    if rows:
        connection.execute(insert(OUTPUTS), rows)


def forget(connection: Connection, job_id: str) -> bool:
    """Forget a job that has ended and owes no callback; False for any other."""
    owes = exists().where(CALLBACKS.c.job_id == JOBS.c.id, CALLBACKS.c.next_at.is_not(None))
    ended = delete(JOBS).where(JOBS.c.id == job_id, JOBS.c.status.not_in(ACTIVE), ~owes)
    return connection.execute(ended).rowcount == 1


def _measure(value: JsonValue) -> dict[str, JsonValue]:
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
    ).encode(errors="surrogatepass")
    return {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()}


def _restrictions(connection: Connection, wanted: JobFilter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if wanted.statuses:
        where.append(_one_of(wanted.statuses))
    if wanted.owner is not None:
        where.append(JOBS.c.owner == wanted.owner)
    if wanted.process_ids:
        where.append(JOBS.c.process_id.in_(wanted.process_ids))
    if wanted.created_from is not None:
        where.append(JOBS.c.created >= wanted.created_from)
    if wanted.created_before is not None:
        where.append(JOBS.c.created < wanted.created_before)
    if wanted.least_seconds is not None or wanted.most_seconds is not None:
        where += _durations(connection, wanted.least_seconds, wanted.most_seconds)
    return where


def _one_of(statuses: Sequence[JobStatus]) -> ColumnElement[bool]:
    """Restrict the status; most of them by what they are not.

    So the database reads the jobs in their order, rather than one status after another and sorts.
    """
    others = [status for status in JobStatus if status not in statuses]
    few = len(statuses) <= len(others)
    return JOBS.c.status.in_(statuses) if few else JOBS.c.status.not_in(others)


def _durations(
    connection: Connection, least: float | None, most: float | None
) -> list[ColumnElement[bool]]:
    """Restrict how long jobs have run; none passes that was never started."""
    now = clock(connection)
    runs = and_(JOBS.c.finished.is_(None), JOBS.c.started.is_not(None))
    where: list[ColumnElement[bool]] = []
    if least is not None:
        since = now - timedelta(seconds=min(least, _LONGEST))
        where.append(or_(JOBS.c.seconds >= least, and_(runs, JOBS.c.started <= since)))
    if most is not None:
        since = now - timedelta(seconds=min(most, _LONGEST))
        where.append(or_(JOBS.c.seconds <= most, and_(runs, JOBS.c.started >= since)))
    return where


def _job(row: RowMapping) -> Job:
    read = {
        "status": JobStatus(row["status"]),
        "delivery": Delivery(**row["delivery"]),
        "subscriber": subscriber_of(row["subscriber"]),
    }
    return Job(**(dict(row) | read))
