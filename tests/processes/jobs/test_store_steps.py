"""Steps wait for their turn, are leased, and end once, in both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from processes.jobs.model import Ending, JobStatus, Standing, StepState
from processes.jobs.store_endings import LOST
from processes.jobs.store_steps import progress

if TYPE_CHECKING:
    from processes.jobs.model import Step
    from processes.jobs.store import SqlJobStore

MONTHS = ("2020-05", "2020-06", "2020-07")


def names(steps: tuple[Step, ...]) -> list[str]:
    """Return the names of steps."""
    return [step.name for step in steps]


def claim(jobs: SqlJobStore, job_id: str, step: str = "prepare", *, lease: float = 60) -> int:
    """Begin an attempt, and return its number."""
    claimed = jobs.claim(job_id, step, holder="test", lease=lease)
    assert claimed is not None
    return claimed.attempt


def prepare(jobs: SqlJobStore) -> str:
    """Accept a job, and let its first step find three months and the finish."""
    job_id = jobs.create("downscale-smap", {})[0].id
    attempt = claim(jobs, job_id)
    follow = [*((month, 1) for month in MONTHS), ("finish", 2)]
    assert jobs.done(job_id, "prepare", attempt, {"months": 3}, follow)
    return job_id


def later(seconds: float) -> datetime:
    """Return a time to come."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_steps_come_in_turn(jobs: SqlJobStore) -> None:
    """A position begins when all before it are done; its steps run side by side."""
    job_id = prepare(jobs)
    assert names(jobs.ready(10)) == list(MONTHS)
    assert names(jobs.ready(2)) == list(MONTHS[:2])
    assert jobs.claim(job_id, "finish", holder="test", lease=60) is None
    for month in MONTHS:
        claim(jobs, job_id, month)
    assert jobs.ready(10) == ()
    for month in MONTHS[:2]:
        assert jobs.done(job_id, month, 1, {"item": month})
    assert jobs.ready(10) == ()
    assert jobs.done(job_id, MONTHS[2], 1, {"item": MONTHS[2]})
    assert names(jobs.ready(10)) == ["finish"]
    assert jobs.get(job_id).steps_done == 4
    attempt = claim(jobs, job_id, "finish")
    assert jobs.succeed(job_id, "finish", attempt, {"items": {}}, result="all")
    months = {month: {"item": month} for month in MONTHS}
    assert jobs.step_results(job_id) == {"prepare": {"months": 3}, **months, "finish": "all"}
    assert jobs.ready(10) == ()


def test_jobs_come_in_the_order_they_were_accepted(jobs: SqlJobStore) -> None:
    """An earlier job's steps go before those of later ones."""
    first = prepare(jobs)
    second = jobs.create("echo", {}, steps=("run",))[0].id
    found = [(step.job_id, step.name) for step in jobs.ready(10)]
    assert found == [*((first, month) for month in MONTHS), (second, "run")]


def test_a_step_has_one_holder(jobs: SqlJobStore) -> None:
    """A second claim gets nothing; the holder is told that it is wanted, others are not."""
    job_id = jobs.create("echo", {})[0].id
    assert jobs.standing(job_id, "prepare", 0) is Standing.UNWANTED
    assert claim(jobs, job_id) == 1
    assert jobs.claim(job_id, "prepare", holder="other", lease=60) is None
    for ask in (jobs.standing, lambda *key: jobs.renew(*key, lease=60)):
        assert ask(job_id, "prepare", 1) is Standing.WANTED
        assert ask(job_id, "prepare", 2) is Standing.UNWANTED
        assert ask(job_id, "finish", 1) is Standing.UNWANTED
        assert ask("other", "prepare", 1) is Standing.UNWANTED
    (step,) = jobs.steps(job_id)
    assert (step.holder, step.state, step.attempt) == ("test", StepState.RUNNING, 1)


def test_a_lease_runs_out_unless_renewed(jobs: SqlJobStore) -> None:
    """Silence gives the step to another attempt, and the first is heard no longer."""
    job_id = jobs.create("echo", {})[0].id
    claim(jobs, job_id, lease=10)
    assert jobs.expire() == ()
    jobs.renew(job_id, "prepare", 1, lease=60)
    assert jobs.expire(later(20)) == ()
    (lost,) = jobs.expire(later(70), pause=0)
    assert (lost.state, lost.attempt, lost.message) == (StepState.WAITING, 1, LOST)
    assert jobs.expire(later(70)) == ()
    assert jobs.renew(job_id, "prepare", 1, lease=60) is Standing.UNWANTED
    assert jobs.get(job_id).status is JobStatus.RUNNING
    assert claim(jobs, job_id) == 2
    assert not jobs.succeed(job_id, "prepare", 1, {})
    assert not jobs.report(job_id, "prepare", 1, 0.5, "late")
    assert jobs.succeed(job_id, "prepare", 2, {})
    assert [attempt.ending for attempt in jobs.attempts(job_id)] == [Ending.LOST, Ending.DONE]
    assert jobs.get(job_id).attempt == 2


def test_too_many_lost_attempts_fail_the_job_with_the_reason(jobs: SqlJobStore) -> None:
    """The last of them ends the job, and tells how many there were."""
    job_id = jobs.create("echo", {})[0].id
    for number in (1, 2, 3):
        assert claim(jobs, job_id) == number
        jobs.expire(later(70), most_attempts=3)
    job = jobs.get(job_id)
    assert (job.status, job.message) == (JobStatus.FAILED, f"{LOST} (after 3 attempts)")
    assert job.finished is not None
    (step,) = jobs.steps(job_id)
    assert (step.state, step.lease_until) == (StepState.FAILED, None)
    assert jobs.expire(later(1000)) == ()


def test_a_failed_attempt_is_tried_again_after_a_pause(jobs: SqlJobStore) -> None:
    """Where it makes sense; until the pause is over nobody gets the step."""
    job_id = jobs.create("echo", {})[0].id
    claim(jobs, job_id)
    assert jobs.fail_step(job_id, "prepare", 1, "killed", retry=True, pause=3600)
    job = jobs.get(job_id)
    assert (job.status, "killed" in job.message) == (JobStatus.RUNNING, True)
    assert jobs.ready(10) == ()
    assert jobs.claim(job_id, "prepare", holder="test", lease=60) is None
    other = jobs.create("echo", {})[0].id
    claim(jobs, other)
    assert jobs.fail_step(other, "prepare", 1, "killed", retry=True, pause=0)
    assert names(jobs.ready(10)) == ["prepare"]
    assert claim(jobs, other) == 2
    assert jobs.fail_step(other, "prepare", 2, "killed", retry=True, most_attempts=2)
    assert jobs.get(other).message == "killed (after 2 attempts)"


def test_an_attempt_that_is_given_back_does_not_count(jobs: SqlJobStore) -> None:
    """Its step waits again at once, however often; only what failed is counted and told."""
    job_id = jobs.create("echo", {})[0].id
    for number in (1, 2, 3):
        assert claim(jobs, job_id) == number
        assert jobs.give_back(job_id, "prepare", number, "stopped")
        assert jobs.renew(job_id, "prepare", number, lease=60) is Standing.UNWANTED
    assert names(jobs.ready(10)) == ["prepare"]
    assert {attempt.ending for attempt in jobs.attempts(job_id)} == {Ending.RETURNED}
    claim(jobs, job_id)
    jobs.expire(later(70), most_attempts=2)
    assert jobs.get(job_id).status is JobStatus.RUNNING
    claim(jobs, job_id)
    assert not jobs.give_back(job_id, "prepare", 4, "late")
    jobs.expire(later(70), most_attempts=2)
    assert jobs.get(job_id).message == f"{LOST} (after 2 attempts)"


def test_a_failed_step_fails_its_job_and_stops_the_others(jobs: SqlJobStore) -> None:
    """Its reason is the job's; what other attempts do is unwanted at once."""
    job_id = prepare(jobs)
    for month in MONTHS[:2]:
        claim(jobs, job_id, month)
    assert jobs.fail_step(job_id, MONTHS[0], 1, "no SPL4SMGP in 2020-05", by_client=True)
    job = jobs.get(job_id)
    known = (JobStatus.FAILED, "no SPL4SMGP in 2020-05", True)
    assert (job.status, job.message, job.by_client) == known
    assert jobs.standing(job_id, MONTHS[1], 1) is Standing.UNWANTED
    assert not jobs.done(job_id, MONTHS[1], 1, None)
    assert jobs.ready(10) == ()
    states = {step.name: step.state for step in jobs.steps(job_id)}
    assert states.pop("prepare") is StepState.DONE
    assert set(states.values()) == {StepState.FAILED}
    endings = {attempt.step: attempt.ending for attempt in jobs.attempts(job_id)}
    assert (endings[MONTHS[0]], endings[MONTHS[1]]) == (Ending.FAILED, Ending.UNWANTED)


def test_dismissal_ends_all_that_is_held(jobs: SqlJobStore) -> None:
    """Every attempt of the job is unwanted, and no step of it is ready or expires."""
    job_id = prepare(jobs)
    claim(jobs, job_id, MONTHS[0])
    assert jobs.publishing(job_id, MONTHS[0], 1)
    assert jobs.dismiss(job_id)
    assert jobs.renew(job_id, MONTHS[0], 1, lease=60) is Standing.UNWANTED
    assert jobs.ready(10) == ()
    assert jobs.expire(later(1000)) == ()


def test_publishing_is_for_the_attempt_that_holds_the_step(jobs: SqlJobStore) -> None:
    """It may ask again; an attempt that lost its step may not."""
    job_id = jobs.create("echo", {})[0].id
    assert not jobs.publishing(job_id, "prepare", 0)
    claim(jobs, job_id)
    assert not jobs.publishing(job_id, "prepare", 2)
    assert jobs.publishing(job_id, "prepare", 1)
    assert jobs.publishing(job_id, "prepare", 1)
    assert jobs.steps(job_id)[0].state is StepState.PUBLISHING
    assert jobs.renew(job_id, "prepare", 1, lease=60) is Standing.WANTED
    jobs.expire(later(70))
    assert claim(jobs, job_id) == 2
    assert not jobs.publishing(job_id, "prepare", 1)
    assert jobs.publishing(job_id, "prepare", 2)


def test_who_asks_again_is_answered_the_same(jobs: SqlJobStore) -> None:
    """An answer that was lost on its way can be had again; nothing happens twice."""
    job_id = jobs.create("echo", {})[0].id
    claim(jobs, job_id)
    assert jobs.fail_step(job_id, "prepare", 1, "lost", retry=True)
    assert jobs.fail_step(job_id, "prepare", 1, "lost", retry=True)
    claim(jobs, job_id)
    for _ in range(2):
        assert jobs.done(job_id, "prepare", 2, None, [("finish", 1)])
    assert names(jobs.steps(job_id)) == ["prepare", "finish"]
    claim(jobs, job_id, "finish")
    for _ in range(2):
        assert jobs.succeed(job_id, "finish", 1, {"a": 1})
    ended = jobs.get(job_id)
    assert not jobs.fail_step(job_id, "finish", 1, "no")
    assert jobs.get(job_id) == ended


def test_a_step_and_what_follows_it_are_one_change(jobs: SqlJobStore) -> None:
    """Where the steps that follow cannot be added, the step is not done either."""
    job_id = jobs.create("echo", {})[0].id
    claim(jobs, job_id)
    with pytest.raises(Exception, match=r"(?i)unique"):
        jobs.done(job_id, "prepare", 1, None, [("2020-05", 1), ("2020-05", 1)])
    assert names(jobs.steps(job_id)) == ["prepare"]
    assert jobs.steps(job_id)[0].state is StepState.RUNNING
    assert jobs.done(job_id, "prepare", 1, None, [("2020-05", 1)])


def test_a_job_is_not_left_without_an_end(jobs: SqlJobStore) -> None:
    """The last step has to end the job, and no other step may."""
    job_id = jobs.create("echo", {})[0].id
    claim(jobs, job_id)
    with pytest.raises(ValueError, match="nothing follows"):
        jobs.done(job_id, "prepare", 1, None)
    other = prepare(jobs)
    claim(jobs, other, MONTHS[0])
    with pytest.raises(ValueError, match="2020-06, 2020-07, finish are not done"):
        jobs.succeed(other, MONTHS[0], 1, {})
    assert jobs.get(other).status is JobStatus.RUNNING


def test_progress_follows_from_the_steps(jobs: SqlJobStore) -> None:
    """It grows with every step, never falls when one is tried again, and is whole at the end."""
    job_id = jobs.create("echo", {})[0].id
    claim(jobs, job_id)
    seen = []

    def look() -> None:
        seen.append(jobs.get(job_id).progress)

    for fraction in (0.5, 0.2, 1.0, 7.0, float("nan")):
        jobs.report(job_id, "prepare", 1, fraction, "preparing")
        look()
    jobs.done(job_id, "prepare", 1, None, [("a", 1), ("b", 1)])
    look()
    claim(jobs, job_id, "a")
    jobs.report(job_id, "a", 1, 0.5, "half of a")
    look()
    jobs.expire(later(70))
    look()
    claim(jobs, job_id, "a")
    jobs.report(job_id, "a", 2, 0.1, "a again")
    look()
    jobs.done(job_id, "a", 2, None)
    look()
    claim(jobs, job_id, "b")
    jobs.report(job_id, "b", 1, 1.0, "all of b")
    look()
    assert seen == [25, 25, 50, 50, 50, 50, 62, 62, 62, 75, 99]
    jobs.succeed(job_id, "b", 1, {})
    assert jobs.get(job_id).progress == 100


def test_half_of_the_work_is_preparation() -> None:
    """A lone step is all of its job, unless it says what follows."""
    assert progress([("run", 0.5)]) == 50
    assert progress([("prepare", 0.5)]) == 25
    assert progress([("prepare", 1.0), ("a", 0.5), ("b", 0.0)]) == 62
    assert progress([("prepare", 1.0), ("a", 1.0)]) == 99
    assert progress([]) == 0
