"""Whatever happens in whatever order: one winner, no end undone, no progress lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from processes.jobs.model import Ending, Job, JobFilter, JobStatus, Standing, StepState

if TYPE_CHECKING:
    from hypothesis.stateful import MultipleResults

    from processes.jobs.store import SqlJobStore

MOST_ATTEMPTS = 3
MOST_JOBS = 3
STEPS = st.sampled_from(["prepare", "2020-05", "2020-06", "finish"])
FOLLOW = [("2020-05", 1), ("2020-06", 1), ("finish", 2)]
SELDOM = st.integers(0, 4).map(lambda number: number == 0)
HELD = (StepState.RUNNING, StepState.PUBLISHING)


class Claim(NamedTuple):
    """An attempt that a worker was given; it may be given up long since."""

    job: str
    step: str
    attempt: int


class StoreMachine(RuleBasedStateMachine):
    """Clients, dispatchers, workers that live, die and are late, all on one store.

    Who holds which step is known here, too, from the answers that the workers got.
    """

    jobs = Bundle("jobs")
    claims = Bundle("claims")

    def __init__(self, store: SqlJobStore) -> None:
        super().__init__()
        self.store = store
        self.seen: dict[str, Job] = {}
        self.held: set[Claim] = set()
        self.won: set[Claim] = set()

    @initialize(target=jobs)
    def accept_one(self) -> str:
        """Begin with a job."""
        return self.accept("a")

    @precondition(lambda self: len(self.seen) < MOST_JOBS)
    @rule(target=jobs, same=st.sampled_from([None, "a"]))
    def accept(self, same: str | None) -> str:
        """Ask for a job, as a client."""
        active = [job for job in self.seen.values() if not job.status.terminal]
        equal = {job.id for job in active if same is not None and job.request_hash == same}
        job, new = self.store.create("echo", {}, request_hash=same)
        assert new == (not equal)
        assert new or job.id in equal
        return job.id

    @rule(target=claims, job=jobs, step=STEPS)
    def claim(self, job: str, step: str) -> Claim | MultipleResults[Claim]:
        """Claim a step, ready or not."""
        ready = self._is_ready(job, step)
        told = (job, step) in {(found.job_id, found.name) for found in self.store.ready(1000)}
        claimed = self.store.claim(job, step, holder="w", lease=60)
        assert (told, claimed is not None) == (ready, ready)
        return multiple() if claimed is None else self._hold(job, step, claimed.attempt)

    @rule(target=claims, job=jobs)
    def claim_what_is_ready(self, job: str) -> MultipleResults[Claim]:
        """Claim all that is ready of a job."""
        found = [step.name for step in self.store.ready(1000) if step.job_id == job]
        claimed = [self.store.claim(job, name, holder="w", lease=60) for name in found]
        return multiple(*(self._hold(job, step.name, step.attempt) for step in claimed if step))

    @rule(job=jobs)
    def work(self, job: str) -> None:
        """Do all that is ready of a job, well."""
        for name in [step.name for step in self.store.ready(1000) if step.job_id == job]:
            step = self.store.claim(job, name, holder="w", lease=60)
            if step is not None:
                self.finish(self._hold(job, name, step.attempt))

    @rule(target=claims, claim=claims)
    def replace(self, claim: Claim) -> MultipleResults[Claim]:
        """Give up all attempts, and let another worker take the step of one that was held."""
        was_held = claim in self.held
        self.expire(seldom=True)
        return self.claim_what_is_ready(claim.job) if was_held else multiple()

    @rule(claim=claims, fraction=st.floats(0, 1))
    def report(self, claim: Claim, fraction: float) -> None:
        """Tell how far an attempt is, wanted or not."""
        assert self.store.report(*claim, fraction, "on") == (claim in self.held)

    @rule(claim=claims)
    def renew(self, claim: Claim) -> None:
        """Say that an attempt lives."""
        wanted = Standing.WANTED if claim in self.held else Standing.UNWANTED
        assert self.store.standing(*claim) is wanted
        assert self.store.renew(*claim, lease=60) is wanted

    @rule(claim=claims)
    def publish(self, claim: Claim) -> None:
        """Ask to publish."""
        assert self.store.publishing(*claim) == (claim in self.held)

    @rule(claim=claims)
    def finish(self, claim: Claim) -> None:
        """End a step well, held or not; who has done so before is told the same."""
        dismissed = self.store.get(claim.job).status is JobStatus.DISMISSED
        if claim.step == "finish":
            won = self.store.succeed(*claim, {"a": 1})
        else:
            won = self.store.done(*claim, None, FOLLOW if claim.step == "prepare" else [])
        assert won == (claim in self.held or (claim in self.won and not dismissed))
        if won:
            self.held.discard(claim)
            self.won.add(claim)

    @rule(claim=claims, retry=st.booleans(), seldom=SELDOM)
    def fail(self, claim: Claim, *, retry: bool, seldom: bool) -> None:
        """End an attempt badly; the last, or one that makes no sense to repeat, ends its job."""
        if not seldom:
            return
        self.store.fail_step(*claim, "no", retry=retry, most_attempts=MOST_ATTEMPTS)
        if claim in self.held:
            self._drop(claim, ends=not retry)

    @rule(seldom=SELDOM)
    def expire(self, *, seldom: bool) -> None:
        """Let all workers be silent for too long."""
        if seldom:
            late = datetime.now(UTC) + timedelta(seconds=120)
            self.store.expire(late, most_attempts=MOST_ATTEMPTS)
            for claim in tuple(self.held):
                self._drop(claim, ends=False)

    @rule(job=jobs, seldom=SELDOM)
    def dismiss(self, job: str, *, seldom: bool) -> None:
        """Dismiss a job, as a client."""
        if seldom:
            known = self.store.get(job).status
            assert self.store.dismiss(job) == (known is not JobStatus.DISMISSED)
            self._drop_all(job)

    @invariant()
    def one_attempt_ends_a_step(self) -> None:
        """Let one attempt alone end a step well."""
        assert len({(claim.job, claim.step) for claim in self.won}) == len(self.won)

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
            left = [step for step in steps if step.state in (StepState.WAITING, *HELD)]
            assert bool(left) == (not job.status.terminal)
            assert len(steps) == job.steps
            assert sum(step.state is StepState.DONE for step in steps) == job.steps_done
            made = self.store.results(job.id) == {"a": 1}
            assert made == (job.status is JobStatus.SUCCESSFUL)

    @invariant()
    def attempts_are_told_apart(self) -> None:
        """Let the attempts that hold a step run, and no other."""
        for job_id in self.seen:
            attempts, steps = self.store.attempts(job_id), self.store.steps(job_id)
            running = {(tried.step, tried.number) for tried in attempts if tried.ended is None}
            held = {(step.name, step.attempt) for step in steps if step.state in HELD}
            ours = {(claim.step, claim.attempt) for claim in self.held if claim.job == job_id}
            assert running == held == ours
            done = {(tried.step, tried.number) for tried in attempts if tried.ending is Ending.DONE}
            won = {(claim.step, claim.attempt) for claim in self.won if claim.job == job_id}
            assert done == won

    def teardown(self) -> None:
        """Leave the store as it was."""
        for job_id in self.seen:
            self.store.dismiss(job_id)
            self.store.delete(job_id)

    def _hold(self, job: str, step: str, attempt: int) -> Claim:
        claim = Claim(job, step, attempt)
        self.held.add(claim)
        return claim

    def _drop(self, claim: Claim, *, ends: bool) -> None:
        self.held.discard(claim)
        if ends or claim.attempt >= MOST_ATTEMPTS:
            self._drop_all(claim.job)

    def _drop_all(self, job: str) -> None:
        self.held = {claim for claim in self.held if claim.job != job}

    def _is_ready(self, job: str, step: str) -> bool:
        steps = {known.name: known for known in self.store.steps(job)}
        if step not in steps or steps[step].state is not StepState.WAITING:
            return False
        before = (one for one in steps.values() if one.position < steps[step].position)
        return all(one.state is StepState.DONE for one in before)


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
    """Many histories, in both databases."""
    examples = 5 if database.startswith("postgresql") else 25
    run_state_machine_as_test(
        lambda: StoreMachine(jobs),
        settings=settings(max_examples=examples, stateful_step_count=40, deadline=None),
    )
