"""The durable store of jobs, in SQLite or PostgreSQL.

What a store does is said in ``protocol.py``; each method here is one transaction around a
function of one of the ``store_*`` modules. A store belongs to the process that opened it: one
that forks opens its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from processes.jobs import (
    store_endings,
    store_jobs,
    store_leaders,
    store_logs,
    store_outbox,
    store_statistics,
    store_steps,
)
from processes.jobs.migrate import open_database
from processes.jobs.model import PREPARE, Delivery
from processes.jobs.protocol import MOST_ATTEMPTS, JobStore
from processes.jobs.store_steps import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pydantic import JsonValue

    from processes.jobs.model import (
        Attempt,
        Callback,
        EndedAttempt,
        Job,
        JobFilter,
        LogEntry,
        LogLine,
        OutputRecord,
        Quota,
        Standing,
        Statistics,
        Step,
        Subscriber,
        Work,
    )
    from processes.jobs.store_database import Database

__all__ = ["JobStore", "SqlJobStore", "open_store"]


def open_store(address: str | Path, *, patient: bool = False) -> SqlJobStore:
    """Open the store at an address, and make or renew its tables where it has to be.

    Parameters
    ----------
    address
        A file of SQLite, made where it is not there, or the URL of a PostgreSQL database.
    patient
        Whether a database that does not answer is waited for: whoever uses the store is told
        then, each time, and the tables are made or renewed once it answers.

    Raises
    ------
    InputError
        Where the URL is of another kind, or a later version of this program wrote the database.
    StoreUnavailableError
        Where the database does not answer, unless that is waited for.
    """
    return SqlJobStore(open_database(address, patient=patient))


class SqlJobStore(JobStore):
    """Jobs in a database, shared by the service, its dispatcher and its workers.

    Parameters
    ----------
    database
        The connections; :func:`open_store` makes them for an address.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def close(self) -> None:
        self._database.close()

    @override
    def create(
        self,
        process_id: str,
        inputs: Mapping[str, JsonValue],
        delivery: Delivery | None = None,
        *,
        steps: Sequence[str] = (PREPARE,),
        request_hash: str | None = None,
        subscriber: Subscriber | None = None,
        reuse: bool = True,
        most_waiting: int | None = None,
        owner: str | None = None,
        work: Work | None = None,
        quota: Quota | None = None,
    ) -> tuple[Job, bool]:
        with self._database.writing() as connection:
            return store_jobs.create(
                connection,
                process_id,
                inputs,
                delivery or Delivery(),
                steps=steps,
                request_hash=request_hash,
                subscriber=subscriber,
                reuse=reuse,
                most_waiting=most_waiting,
                owner=owner,
                work=work,
                quota=quota,
            )

    @override
    def get(self, job_id: str) -> Job:
        with self._database.reading() as connection:
            return store_jobs.get(connection, job_id)

    @override
    def find(self, wanted: JobFilter) -> tuple[tuple[Job, ...], int]:
        with self._database.reading() as connection:
            return store_jobs.find(connection, wanted)

    @override
    def waiting(self) -> int:
        with self._database.reading() as connection:
            return store_jobs.waiting(connection)

    @override
    def results(self, job_id: str) -> Mapping[str, JsonValue] | None:
        with self._database.reading() as connection:
            return store_jobs.results(connection, job_id)

    @override
    def outputs(self, job_id: str) -> tuple[OutputRecord, ...]:
        with self._database.reading() as connection:
            return store_jobs.outputs(connection, job_id)

    @override
    def dismiss(self, job_id: str) -> bool:
        with self._database.writing() as connection:
            return store_endings.dismiss(connection, job_id)

    @override
    def delete(self, job_id: str) -> bool:
        with self._database.writing() as connection:
            return store_jobs.forget(connection, job_id)

    @override
    def ready(self, limit: int) -> tuple[Step, ...]:
        with self._database.reading() as connection:
            return store_steps.ready(connection, limit)

    @override
    def expire(
        self,
        now: datetime | None = None,
        *,
        most_attempts: int = MOST_ATTEMPTS,
        pause: float = 0,
    ) -> tuple[Step, ...]:
        with self._database.reading() as connection:
            late = store_endings.expired(connection, now)
        found = (self._lose(lost, now, most_attempts, pause) for lost in late)
        return tuple(step for step in found if step is not None)

    def _lose(
        self, lost: Claim, now: datetime | None, most_attempts: int, pause: float
    ) -> Step | None:
        with self._database.writing() as connection:
            return store_endings.lose(
                connection, lost, now, most_attempts=most_attempts, pause=pause
            )

    @override
    def lead(self, name: str, holder: str, seconds: float) -> bool:
        with self._database.writing() as connection:
            return store_leaders.lead(connection, name, holder, seconds)

    @override
    def resign(self, name: str, holder: str) -> None:
        with self._database.writing() as connection:
            store_leaders.resign(connection, name, holder)

    @override
    def claim(self, job_id: str, step: str, *, holder: str, lease: float) -> Step | None:
        with self._database.writing() as connection:
            return store_steps.claim(connection, job_id, step, holder, lease)

    @override
    def renew(self, job_id: str, step: str, attempt: int, *, lease: float) -> Standing:
        with self._database.writing() as connection:
            return store_steps.renew(connection, Claim(job_id, step, attempt), lease)

    @override
    def standing(self, job_id: str, step: str, attempt: int) -> Standing:
        with self._database.reading() as connection:
            return store_steps.standing(connection, Claim(job_id, step, attempt))

    @override
    def report(self, job_id: str, step: str, attempt: int, fraction: float, message: str) -> bool:
        with self._database.writing() as connection:
            return store_steps.report(connection, Claim(job_id, step, attempt), fraction, message)

    @override
    def publishing(self, job_id: str, step: str, attempt: int) -> bool:
        with self._database.writing() as connection:
            return store_steps.publishing(connection, Claim(job_id, step, attempt))

    @override
    def done(
        self,
        job_id: str,
        step: str,
        attempt: int,
        result: JsonValue,
        then: Sequence[tuple[str, int]] = (),
    ) -> bool:
        with self._database.writing() as connection:
            return store_endings.done(connection, Claim(job_id, step, attempt), result, then)

    @override
    def succeed(
        self,
        job_id: str,
        step: str,
        attempt: int,
        outputs: Mapping[str, JsonValue],
        *,
        result: JsonValue = None,
        media_types: Mapping[str, str] | None = None,
    ) -> bool:
        kinds = media_types or {}
        with self._database.writing() as connection:
            return store_endings.succeed(
                connection, Claim(job_id, step, attempt), outputs, result, kinds
            )

    @override
    def fail_step(
        self,
        job_id: str,
        step: str,
        attempt: int,
        message: str,
        *,
        by_client: bool = False,
        retry: bool = False,
        most_attempts: int = MOST_ATTEMPTS,
        pause: float = 0,
    ) -> bool:
        with self._database.writing() as connection:
            return store_endings.fail_step(
                connection,
                Claim(job_id, step, attempt),
                message,
                by_client=by_client,
                retry=retry,
                most_attempts=most_attempts,
                pause=pause,
            )

    @override
    def give_back(self, job_id: str, step: str, attempt: int, message: str) -> bool:
        with self._database.writing() as connection:
            return store_endings.give_back(connection, Claim(job_id, step, attempt), message)

    @override
    def steps(self, job_id: str) -> tuple[Step, ...]:
        with self._database.reading() as connection:
            return store_steps.steps(connection, job_id)

    @override
    def attempts(self, job_id: str) -> tuple[Attempt, ...]:
        with self._database.reading() as connection:
            return store_steps.attempts(connection, job_id)

    @override
    def step_results(self, job_id: str) -> Mapping[str, JsonValue]:
        with self._database.reading() as connection:
            return store_steps.step_results(connection, job_id)

    @override
    def log(self, job_id: str, step: str, attempt: int, lines: Sequence[LogEntry]) -> None:
        with self._database.writing() as connection:
            store_logs.log(connection, job_id, step, attempt, lines)

    @override
    def log_lines(self, job_id: str, after: int = 0, limit: int = 1000) -> tuple[LogLine, ...]:
        with self._database.reading() as connection:
            return store_logs.log_lines(connection, job_id, after, limit)

    @override
    def statistics(self) -> Statistics:
        with self._database.reading() as connection:
            return store_statistics.statistics(connection)

    @override
    def ended_attempts(self, since: datetime) -> tuple[EndedAttempt, ...]:
        with self._database.reading() as connection:
            return store_statistics.ended_attempts(connection, since)

    @override
    def due_callbacks(self, now: datetime | None = None, limit: int = 100) -> tuple[Callback, ...]:
        with self._database.reading() as connection:
            return store_outbox.due_callbacks(connection, now, limit)

    @override
    def callback_delivered(self, callback_id: int) -> None:
        with self._database.writing() as connection:
            store_outbox.callback_delivered(connection, callback_id)

    @override
    def callback_failed(self, callback_id: int, error: str, next_at: datetime | None) -> None:
        with self._database.writing() as connection:
            store_outbox.callback_failed(connection, callback_id, error, next_at)
