"""The durable store of jobs: SQLAlchemy Core on SQLite.

Every change of state is a compare-and-set: its ``WHERE`` names the state (and the attempt) that
it starts from, so of two writers exactly one wins and a dismissed job is never brought back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    func,
    insert,
    null,
    select,
    update,
)
from sqlalchemy import (
    delete as delete_rows,
)

from processes.errors import NoSuchJobError
from processes.jobs.model import Delivery, Job, JobFilter, JobStatus
from processes.jobs.protocol import JobStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic import JsonValue
    from sqlalchemy import ColumnElement, Engine, Row, Select
    from sqlalchemy.engine.interfaces import DBAPIConnection

__all__ = ["JobStore", "SqlJobStore"]

BUSY_SECONDS = 30
"""How long a writer waits for another."""

_METADATA = MetaData()
_JOBS = Table(
    "jobs",
    _METADATA,
    Column("id", String(36), primary_key=True),
    Column("sequence", Integer, nullable=False, unique=True),
    Column("process_id", String(64), nullable=False),
    Column("inputs", JSON, nullable=False),
    Column("outputs", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("progress", Integer, nullable=False, default=0),
    Column("message", String, nullable=False, default=""),
    Column("attempt", Integer, nullable=False, default=0),
    Column("by_client", Boolean, nullable=False, default=False),
    Column("created", String(32), nullable=False),
    Column("started", String(32)),
    Column("finished", String(32)),
    Column("updated", String(32), nullable=False),
    Column("results", JSON(none_as_null=True)),
    Index("jobs_by_status", "status", "sequence"),
    Index("jobs_by_process", "process_id"),
)
_KNOWN = [column for column in _JOBS.columns if column.name not in ("results", "sequence")]
_ACTIVE = (JobStatus.ACCEPTED, JobStatus.RUNNING)


class SqlJobStore:
    """Jobs in one SQLite file in WAL mode, shared by the service and its workers.

    Parameters
    ----------
    engine
        A SQLAlchemy engine; :meth:`open` makes one for a file.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the store of a file, and make both where they are not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
        )
        event.listen(engine, "connect", _prepare_connection)
        _METADATA.create_all(engine)
        return cls(engine)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def create(
        self, process_id: str, inputs: Mapping[str, JsonValue], delivery: Delivery | None = None
    ) -> Job:
        """Accept a job."""
        delivery = delivery or Delivery()
        now = _now()
        job_id = str(uuid4())
        next_sequence = select(func.coalesce(func.max(_JOBS.c.sequence), 0) + 1).scalar_subquery()
        with self._engine.begin() as connection:
            connection.execute(
                insert(_JOBS).values(
                    id=job_id,
                    sequence=next_sequence,
                    process_id=process_id,
                    inputs=dict(inputs),
                    outputs={"response": delivery.response, "outputs": dict(delivery.outputs)},
                    status=JobStatus.ACCEPTED,
                    message="waiting in line",
                    created=now,
                    updated=now,
                )
            )
        return self.get(job_id)

    def get(self, job_id: str) -> Job:
        """Return a job, or raise NoSuchJobError."""
        with self._engine.connect() as connection:
            row = connection.execute(select(*_KNOWN).where(_JOBS.c.id == job_id)).one_or_none()
        if row is None:
            raise NoSuchJobError(job_id)
        return _job(row)

    def find(self, wanted: JobFilter) -> tuple[tuple[Job, ...], int]:
        """Return the jobs of a filter, newest first, and how many there are in all."""
        page = (
            _restrict(select(*_KNOWN), wanted)
            .order_by(_JOBS.c.sequence.desc())
            .limit(wanted.limit)
            .offset(wanted.offset)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(page).all()
            total = connection.execute(_restrict(select(func.count(_JOBS.c.id)), wanted)).scalar()
        return tuple(_job(row) for row in rows), int(total or 0)

    def results(self, job_id: str) -> Mapping[str, JsonValue] | None:
        """Return what a successful job left, or None."""
        with self._engine.connect() as connection:
            found = connection.execute(select(_JOBS.c.results).where(_JOBS.c.id == job_id)).scalar()
        return None if found is None else dict(found)

    def waiting(self) -> int:
        """Count the jobs in line."""
        _, total = self.find(JobFilter(statuses=(JobStatus.ACCEPTED,), limit=0))
        return total

    def claim(self) -> Job | None:
        """Start the job that waits longest, or return None."""
        oldest = (
            select(_JOBS.c.id)
            .where(_JOBS.c.status == JobStatus.ACCEPTED)
            .order_by(_JOBS.c.sequence)
            .limit(1)
            .scalar_subquery()
        )
        now = _now()
        start = (
            update(_JOBS)
            .where(_JOBS.c.id == oldest, _JOBS.c.status == JobStatus.ACCEPTED)
            .values(
                status=JobStatus.RUNNING,
                attempt=_JOBS.c.attempt + 1,
                message="starting",
                started=now,
                updated=now,
            )
            .returning(*_KNOWN)
        )
        with self._engine.begin() as connection:
            row = connection.execute(start).one_or_none()
        return None if row is None else _job(row)

    def report(self, job_id: str, attempt: int, progress: int, message: str) -> bool:
        """Note the progress of a running attempt; False where it is no longer the one."""
        # Progress never falls and is 100 only when the job has succeeded.
        return self._change(
            _attempt(job_id, attempt),
            progress=func.max(_JOBS.c.progress, min(progress, 99)),
            message=message,
        )

    def succeed(self, job_id: str, attempt: int, results: Mapping[str, JsonValue]) -> bool:
        """End a running attempt well; False where it is no longer the one."""
        return self._change(
            _attempt(job_id, attempt),
            status=JobStatus.SUCCESSFUL,
            progress=100,
            message="done",
            finished=_now(),
            results=dict(results),
        )

    def fail(self, job_id: str, attempt: int, message: str, *, by_client: bool = False) -> bool:
        """End a running attempt badly; False where it is no longer the one."""
        return self._change(
            _attempt(job_id, attempt),
            status=JobStatus.FAILED,
            message=message,
            by_client=by_client,
            finished=_now(),
        )

    def dismiss(self, job_id: str) -> bool:
        """Dismiss a job and drop its results; False where it was dismissed before."""
        return self._change(
            (_JOBS.c.id == job_id, _JOBS.c.status != JobStatus.DISMISSED),
            status=JobStatus.DISMISSED,
            message="dismissed by request",
            finished=func.coalesce(_JOBS.c.finished, _now()),
            results=null(),
        )

    def delete(self, job_id: str) -> bool:
        """Forget a job that has ended; False where there is none."""
        ended = delete_rows(_JOBS).where(_JOBS.c.id == job_id, _JOBS.c.status.not_in(_ACTIVE))
        with self._engine.begin() as connection:
            return connection.execute(ended).rowcount == 1

    def fail_lost(self, message: str) -> tuple[str, ...]:
        """Fail every job that is said to run; for the start of a service that runs none."""
        lost, _ = self.find(JobFilter(statuses=(JobStatus.RUNNING,), limit=-1))
        return tuple(job.id for job in lost if self.fail(job.id, job.attempt, message))

    def _change(self, where: Sequence[ColumnElement[bool]], **values: object) -> bool:
        change = update(_JOBS).where(*where).values(updated=_now(), **values)
        with self._engine.begin() as connection:
            return connection.execute(change).rowcount == 1


def _prepare_connection(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _attempt(job_id: str, attempt: int) -> tuple[ColumnElement[bool], ...]:
    return (
        _JOBS.c.id == job_id,
        _JOBS.c.attempt == attempt,
        _JOBS.c.status == JobStatus.RUNNING,
    )


def _restrict[S: Select[*tuple[Any, ...]]](query: S, wanted: JobFilter) -> S:
    if wanted.statuses:
        query = query.where(_JOBS.c.status.in_(wanted.statuses))
    if wanted.process_ids:
        query = query.where(_JOBS.c.process_id.in_(wanted.process_ids))
    if wanted.created_from is not None:
        query = query.where(_JOBS.c.created >= _text(wanted.created_from))
    if wanted.created_before is not None:
        query = query.where(_JOBS.c.created < _text(wanted.created_before))
    if wanted.least_seconds is not None:
        query = query.where(_seconds() >= wanted.least_seconds)
    if wanted.most_seconds is not None:
        query = query.where(_seconds() <= wanted.most_seconds)
    return query


def _seconds() -> ColumnElement[float]:
    """Return how long a job has run: nothing for one that was never started."""
    end = func.coalesce(_JOBS.c.finished, _now())
    return 86400 * (func.julianday(end) - func.julianday(_JOBS.c.started))


def _job(row: Row[tuple[object, ...]]) -> Job:
    values = dict(row._mapping)  # noqa: SLF001  (SQLAlchemy's public name for it)
    times = {
        name: None if values[name] is None else datetime.fromisoformat(values[name])
        for name in ("created", "started", "finished", "updated")
    }
    status = JobStatus(values["status"])
    delivery = _delivery(values.pop("outputs"))
    unknown = {"subscriber": None, "request_hash": None, "force": False, "steps": 1, "steps_done": 0}
    return Job(**(values | times | {"status": status, "delivery": delivery} | unknown))


def _delivery(kept: Any) -> Delivery:
    """Read how results are wanted, also as the first version wrote it."""
    if isinstance(kept, list):
        return Delivery(outputs=dict.fromkeys(kept, "value"))
    return Delivery(response=kept["response"], outputs=kept["outputs"])


def _now() -> str:
    return _text(datetime.now(UTC))


def _text(time: datetime) -> str:
    """Write a time so that the order of texts is the order of times."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")
