"""Whatever happens in whatever order: one winner, no end undone, no progress lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from processes.jobs.model import Ending, Job, JobFilter, JobStatus, Standing, StepState

if TYPE_CHECKING:
    from processes.jobs.store import SqlJobStore

MOST_ATTEMPTS = 3
STEPS = st.sampled_from(["prepare", "2020-05", "2020-06", "finish"])
ATTEMPTS = st.integers(0, MOST_ATTEMPTS + 1)
HELD = (StepState.RUNNING, StepState.PUBLISHING)


class StoreMachine(RuleBasedStateMachine):
    """Clients, dispatchers, workers that live, die and are late, all on one store."""

    jobs = Bundle("jobs")

    def __init__(self, store: SqlJobStore) -> None:
        super().__init__()
        self.store = store
        self.seen: dict[str, Job] = {}
        self.winners: dict[tuple[str, str], set[int]] = {}

    @rule(target=jobs, same=st.sampled_from([None, "a", "b"]))
    def accept(self, same: str | None) -> str:
        """Ask for a job, as a client."""
        active = {
            job.id: job
            for job in self.seen.values()
            if not job.status.terminal and same is not None and job.request_hash == same
        }
        job, new = self.store.create("echo", {}, request_hash=same)
        assert new == (not active)
        assert new or job.id in active
        return job.id

    @rule(job=jobs, step=STEPS)
    def claim(self, job: str, step: str) -> None:
        """Claim a step, ready or not."""
        ready = {(found.job_id, found.name) for found in self.store.ready(1000)}
        claimed = self.store.claim(job, step, holder="w", lease=60)
        assert (claimed is not None) == ((job, step) in ready)

    @rule(job=jobs)
    def work(self, job: str) -> None:
        """Do whatever is ready of a job."""
        for step in self.store.ready(1000):
            if step.job_id == job:
                self.claim(job, step.name)
                self.finish(job, step.name, step.attempt + 1)

    @rule(job=jobs, step=STEPS, attempt=ATTEMPTS, fraction=st.floats(0, 1))
    def report(self, job: str, step: str, attempt: int, fraction: float) -> None:
        """Tell how far an attempt is, wanted or not."""
        wanted = self._wanted(job, step, attempt)
        assert self.store.report(job, step, attempt, fraction, "on") == wanted

    @rule(job=jobs, step=STEPS, attempt=ATTEMPTS)
    def renew(self, job: str, step: str, attempt: int) -> None:
        """Say that an attempt lives."""
        wanted = self._wanted(job, step, attempt)
        assert (self.store.renew(job, step, attempt, lease=60) is Standing.WANTED) == wanted

    @rule(job=jobs, step=STEPS, attempt=ATTEMPTS)
    def publish(self, job: str, step: str, attempt: int) -> None:
        """Ask to publish."""
        wanted = self._wanted(job, step, attempt)
        assert self.store.publishing(job, step, attempt) == wanted

    @rule(job=jobs, step=STEPS, attempt=ATTEMPTS)
    def finish(self, job: str, step: str, attempt: int) -> None:
        """End a step well, held or not."""
        key = (job, step, attempt)
        if step == "finish":
            won = self.store.succeed(*key, {"a": 1})
        else:
            then = [("2020-05", 1), ("2020-06", 1), ("finish", 2)] if step == "prepare" else []
            won = self.store.done(*key, attempt, then)
        if won:
            self.winners.setdefault((job, step), set()).add(attempt)

    @rule(job=jobs, step=STEPS, attempt=ATTEMPTS, retry=st.booleans())
    def fail(self, job: str, step: str, attempt: int, *, retry: bool) -> None:
        """End an attempt badly."""
        self.store.fail_step(job, step, attempt, "no", retry=retry, most_attempts=MOST_ATTEMPTS)

    @rule()
    def expire(self) -> None:
        """Let all workers be silent for too long."""
        late = datetime.now(UTC) + timedelta(seconds=120)
        self.store.expire(late, most_attempts=MOST_ATTEMPTS)

    @rule(job=jobs)
    def dismiss(self, job: str) -> None:
        """Dismiss a job, as a client."""
        known = self.store.get(job)
        assert self.store.dismiss(job) == (known.status is not JobStatus.DISMISSED)

    @invariant()
    def no_step_has_two_winners(self) -> None:
        """Let one attempt alone end a step well."""
        assert all(len(winners) == 1 for winners in self.winners.values())

    @invariant()
    def jobs_only_go_on(self) -> None:
        """Let what has ended be, unless it is dismissed, and no progress fall."""
        for job in self.store.find(JobFilter(limit=1000))[0]:
            before = self.seen.get(job.id)
            if before is not None:
                _check_way(before, job)
            self.seen[job.id] = job

    @invariant()
    def steps_and_jobs_agree(self) -> None:
        """Let nothing of an ended job wait or be held, and an active job have something to do."""
        for job in self.seen.values():
            steps = self.store.steps(job.id)
            open_steps = [step for step in steps if step.state in (StepState.WAITING, *HELD)]
            assert bool(open_steps) == (not job.status.terminal)
            assert len(steps) == job.steps
            assert sum(step.state is StepState.DONE for step in steps) == job.steps_done
            assert (self.store.results(job.id) == {"a": 1}) == (job.status is JobStatus.SUCCESSFUL)

    @invariant()
    def attempts_are_told_apart(self) -> None:
        """Let a held step's latest attempt run, and no other."""
        for job_id in self.seen:
            attempts, steps = self.store.attempts(job_id), self.store.steps(job_id)
            running = [(tried.step, tried.number) for tried in attempts if tried.ended is None]
            held = [(step.name, step.attempt) for step in steps if step.state in HELD]
            assert sorted(running) == sorted(held)
            done = [tried.step for tried in attempts if tried.ending is Ending.DONE]
            assert len(set(done)) == len(done)

    def _wanted(self, job: str, step: str, attempt: int) -> bool:
        return any(
            (known.name, known.attempt) == (step, attempt) and known.state in HELD
            for known in self.store.steps(job)
        )

    def teardown(self) -> None:
        """Leave the store as it was."""
        for job_id in self.seen:
            self.store.dismiss(job_id)
            self.store.delete(job_id)


def _check_way(before: Job, after: Job) -> None:
    """Check one change, or none, of a job."""
    assert after.progress >= before.progress
    assert (after.progress == 100) <= (after.status in (JobStatus.SUCCESSFUL, JobStatus.DISMISSED))
    if not before.status.terminal:
        return
    if after.status is JobStatus.DISMISSED and before.status is not JobStatus.DISMISSED:
        assert (after.finished, after.steps) == (before.finished, before.steps)
        return
    assert after == before


def test_the_store_keeps_its_promises(jobs: SqlJobStore, database: str) -> None:
    """Hundreds of histories, in both databases."""
    examples = 5 if database.startswith("postgresql") else 25
    run_state_machine_as_test(
        lambda: StoreMachine(jobs),
        settings=settings(max_examples=examples, stateful_step_count=40, deadline=None),
    )
