"""What a store of jobs does, whatever keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from processes.jobs.model import PREPARE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pydantic import JsonValue

    from processes.jobs.model import (
        Attempt,
        Callback,
        Delivery,
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

MOST_ATTEMPTS = 5
"""Attempts of one step before its job fails."""


class JobStore(Protocol):
    """Keeps jobs through restarts.

    Every method is one short transaction. Every change of state is a compare-and-set: it says
    what it starts from, so of two writers exactly one wins, a job that has ended is never brought
    back, and an attempt whose step was given to another is not heard.

    Every method raises :class:`~processes.errors.StoreUnavailableError` where the database does
    not answer. Whether anything was changed is then unknown, and the same call may be made again:
    an attempt that has ended is answered as it was the first time.
    """

    def close(self) -> None:
        """Give the connections back."""
        ...

    # Jobs, for the web

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
        """Accept a job, or find the one that does the same work already.

        Parameters
        ----------
        process_id, inputs, delivery, subscriber
            What is wanted, how, and who is told.
        steps
            The first steps, side by side: their position is 0.
        request_hash
            What equal requests have in common: to cover everything that a client could tell the
            difference of, the delivery and the subscriber included.
        reuse
            Whether an accepted or running job of the same hash will do; where not, the job makes
            anew also what others made before.
        most_waiting
            Most jobs in line; None means that there is always room.
        owner, work, quota
            Whose the job is, how much it computes, and how much its owner may have.

        Returns
        -------
        tuple of Job and bool
            The job, and whether it is a new one.

        Raises
        ------
        QueueFullError
            Where a new job would be needed and too many wait.
        TooManyRequestsError
            Where a new job would be more than its owner may have.
        """
        ...

    def get(self, job_id: str) -> Job:
        """Return a job, or raise NoSuchJobError."""
        ...

    def find(self, wanted: JobFilter) -> tuple[tuple[Job, ...], int]:
        """Return the jobs of a filter, newest first, and how many there are in all."""
        ...

    def waiting(self) -> int:
        """Count the jobs in line: accepted, not yet started."""
        ...

    def results(self, job_id: str) -> Mapping[str, JsonValue] | None:
        """Return the outputs of a successful job by name; None for any other."""
        ...

    def outputs(self, job_id: str) -> tuple[OutputRecord, ...]:
        """Return the outputs of a successful job with their checksums; none for any other."""
        ...

    def dismiss(self, job_id: str) -> bool:
        """Dismiss a job, ended or not, and drop its results.

        All its attempts are unwanted from now on. False where it was dismissed before, or is
        unknown.
        """
        ...

    def delete(self, job_id: str) -> bool:
        """Forget a job that has ended and owes no callback; False for any other."""
        ...

    # Steps, for the dispatcher

    def ready(self, limit: int) -> tuple[Step, ...]:
        """Return steps that wait and whose turn it is, in the order their jobs were accepted.

        All steps of lower positions are done, the pause after a failed attempt is over, and the
        job goes on.
        """
        ...

    def expire(
        self,
        now: datetime | None = None,
        *,
        most_attempts: int = MOST_ATTEMPTS,
        pause: float = 0,
    ) -> tuple[Step, ...]:
        """End the attempts whose lease ran out: their steps wait again, or fail their job.

        Parameters
        ----------
        now
            Leases that end before this have run out; the store's own time by default.
        most_attempts
            Attempts of a step after which its job fails.
        pause
            Time before a step may be tried again, seconds.

        Returns
        -------
        tuple of Step
            The steps as they are now.
        """
        ...

    def lead(self, name: str, holder: str, seconds: float) -> bool:
        """Become or stay the one leader of something, for so long; False where another leads."""
        ...

    def resign(self, name: str, holder: str) -> None:
        """Lead no longer, so that another may at once; nothing where one does not lead."""
        ...

    # Attempts, for the supervisor and its child

    def claim(self, job_id: str, step: str, *, holder: str, lease: float) -> Step | None:
        """Begin the next attempt of a step that is ready.

        A job that waited in line runs from here on.

        Parameters
        ----------
        job_id, step
            The step.
        holder
            Who makes the attempt: worker and process, for people.
        lease
            How long the holder is trusted without a word, seconds.

        Returns
        -------
        Step or None
            The step with the number of the new attempt; None where another has it, where it is
            not its turn, or where the job has ended.
        """
        ...

    def renew(self, job_id: str, step: str, attempt: int, *, lease: float) -> Standing:
        """Say that an attempt is alive, and learn whether it is wanted."""
        ...

    def standing(self, job_id: str, step: str, attempt: int) -> Standing:
        """Learn whether an attempt is wanted; writes nothing, so ask as often as you like."""
        ...

    def report(self, job_id: str, step: str, attempt: int, fraction: float, message: str) -> bool:
        """Note how far an attempt is; False where it is unwanted.

        The job's progress follows from its steps; the message becomes the job's.

        Parameters
        ----------
        job_id, step, attempt
            The attempt.
        fraction
            Part of the step that is done, 0 to 1.
        message
            What is being done.
        """
        ...

    def publishing(self, job_id: str, step: str, attempt: int) -> bool:
        """Let a running attempt publish; only one that is told True may.

        True again where it may already.
        """
        ...

    def done(
        self,
        job_id: str,
        step: str,
        attempt: int,
        result: JsonValue,
        then: Sequence[tuple[str, int]] = (),
    ) -> bool:
        """End an attempt, and its step, well; False where it is unwanted.

        Parameters
        ----------
        job_id, step, attempt
            The attempt.
        result
            What later steps find in :meth:`step_results`.
        then
            Steps that follow, by name and position, added in the same transaction.

        Raises
        ------
        ValueError
            Where nothing would be left to do; the last step ends with :meth:`succeed`.
        """
        ...

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
        """End the attempt of the last step, and with it the job, well; False where unwanted.

        Parameters
        ----------
        job_id, step, attempt
            The attempt.
        outputs
            The job's outputs, by name.
        result
            What the step leaves besides.
        media_types
            What each output is; ``application/json`` where it is not told.

        Raises
        ------
        ValueError
            Where other steps are not done.
        """
        ...

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
        """End an attempt badly; False where it is unwanted.

        Its step waits again where a retry makes sense and attempts are left; otherwise its job
        fails with the message, and all other attempts of the job are unwanted.

        Parameters
        ----------
        job_id, step, attempt
            The attempt.
        message
            Why, in words for the client.
        by_client
            Whether the request is at fault.
        retry
            Whether another attempt may fare better.
        most_attempts
            Attempts of a step after which its job fails.
        pause
            Time before a step may be tried again, seconds.
        """
        ...

    def give_back(self, job_id: str, step: str, attempt: int, message: str) -> bool:
        """End an attempt through no fault of its own; False where it is not the one.

        Its step waits again at once, and the attempt does not count.
        """
        ...

    def steps(self, job_id: str) -> tuple[Step, ...]:
        """Return the steps of a job in their order; none for an unknown job."""
        ...

    def attempts(self, job_id: str) -> tuple[Attempt, ...]:
        """Return the attempts of a job, oldest first."""
        ...

    def step_results(self, job_id: str) -> Mapping[str, JsonValue]:
        """Return the results of the steps that are done, by name of the step."""
        ...

    def log(self, job_id: str, step: str, attempt: int, lines: Sequence[LogEntry]) -> None:
        """Append to the log of a job; of a long log the oldest lines go.

        Lines of an attempt that is unwanted are kept, too: they tell why. Lines of a job that is
        forgotten are dropped.
        """
        ...

    def log_lines(self, job_id: str, after: int = 0, limit: int = 1000) -> tuple[LogLine, ...]:
        """Return lines of a job's log in their order, from after a number."""
        ...

    # Numbers, for those who watch

    def statistics(self) -> Statistics:
        """Count jobs and steps."""
        ...

    def ended_attempts(self, since: datetime) -> tuple[EndedAttempt, ...]:
        """Return the attempts that ended then or later."""
        ...

    # Callbacks, for the one who delivers them

    def due_callbacks(self, now: datetime | None = None, limit: int = 100) -> tuple[Callback, ...]:
        """Return the news to deliver now (the store's own time by default), oldest first."""
        ...

    def callback_delivered(self, callback_id: int) -> None:
        """Note that news arrived; they are not due again."""
        ...

    def callback_failed(self, callback_id: int, error: str, next_at: datetime | None) -> None:
        """Note that news did not arrive, why, and when to try again; None gives them up."""
        ...
