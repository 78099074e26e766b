"""Jobs are kept, found, listed and forgotten, in both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from processes.errors import NoSuchJobError, QueueFullError
from processes.jobs.model import Delivery, JobFilter, JobStatus, Subscriber
from processes.jobs.store import open_store

if TYPE_CHECKING:
    from processes.jobs.model import Job
    from processes.jobs.store import SqlJobStore

INPUTS = {"datetime": "2020-05", "text": "NUL \0, half a pair \ud800, all of 月", "n": 10**300}
WANTED = Delivery(response="raw", outputs={"items": "reference"})


def accept(jobs: SqlJobStore, process: str = "reconstruct-sif") -> str:
    """Accept a job of one step."""
    return jobs.create(process, {})[0].id


def start(jobs: SqlJobStore, job_id: str) -> None:
    """Begin the first attempt of a job's one step."""
    assert jobs.claim(job_id, "prepare", holder="test", lease=60)


def end(jobs: SqlJobStore, job_id: str, outputs: dict[str, object] | None = None) -> Job:
    """Run a job of one step to its end."""
    start(jobs, job_id)
    assert jobs.succeed(job_id, "prepare", 1, outputs or {})
    return jobs.get(job_id)


def test_a_job_goes_from_line_to_success(jobs: SqlJobStore) -> None:
    """Accepted, claimed, reported on, and ended with its outputs; every time has its zone."""
    told = Subscriber(success="https://example.org/done")
    job, new = jobs.create("reconstruct-sif", INPUTS, WANTED, subscriber=told, request_hash="a1")
    assert new
    assert UUID(job.id).version == 4
    assert (job.status, job.progress, job.started) == (JobStatus.ACCEPTED, 0, None)
    assert (job.inputs, job.delivery, job.subscriber) == (INPUTS, WANTED, told)
    start(jobs, job.id)
    running = jobs.get(job.id)
    assert (running.status, running.attempt) == (JobStatus.RUNNING, 1)
    assert jobs.report(job.id, "prepare", 1, 0.8, "month 2 of 5")
    assert (jobs.get(job.id).progress, jobs.get(job.id).message) == (40, "month 2 of 5")
    assert jobs.results(job.id) is None
    assert jobs.succeed(job.id, "prepare", 1, {"report": {"months": 5}, "none": None})
    ended = jobs.get(job.id)
    assert (ended.status, ended.progress, ended.steps_done) == (JobStatus.SUCCESSFUL, 100, 1)
    times = [ended.created, ended.started, ended.finished, ended.updated]
    assert all(time is not None and time.utcoffset() == timedelta(0) for time in times)
    assert sorted(times[:3]) == times[:3]
    assert jobs.results(job.id) == {"report": {"months": 5}, "none": None}


def test_outputs_have_their_size_and_checksum(jobs: SqlJobStore) -> None:
    """Whoever has the value can check it: ``printf '{"a":1}' | sha256sum`` says the same."""
    job = end(jobs, accept(jobs), {"z": {"a": 1}, "a": "x"})
    first, second = jobs.outputs(job.id)
    assert (first.name, first.value, first.media_type) == ("z", {"a": 1}, "application/json")
    known = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    assert (first.size, first.sha256) == (7, known)
    assert (second.name, second.size) == ("a", 3)


def test_what_is_no_json_is_refused(jobs: SqlJobStore) -> None:
    """A result that nobody could read again is a mistake here, not later."""
    job_id = accept(jobs)
    start(jobs, job_id)
    with pytest.raises(ValueError, match="not JSON compliant"):
        jobs.succeed(job_id, "prepare", 1, {"a": float("nan")})
    assert jobs.get(job_id).status is JobStatus.RUNNING


@pytest.mark.parametrize("unknown", ["", "no-such", "\0", "\ud800", "x" * 5000, "' OR 1=1 --"])
def test_unknown_jobs_are_unknown(jobs: SqlJobStore, unknown: str) -> None:
    """Whatever stands in an address, the answer is that there is no such job."""
    accept(jobs)
    with pytest.raises(NoSuchJobError):
        jobs.get(unknown)
    assert jobs.results(unknown) is None
    assert jobs.claim(unknown, "prepare", holder="test", lease=60) is None
    assert not jobs.dismiss(unknown)
    assert not jobs.delete(unknown)
    assert jobs.find(JobFilter(process_ids=(unknown,))) == ((), 0)
    jobs.log(unknown, "prepare", 1, ())
    assert (jobs.log_lines(unknown), jobs.steps(unknown), jobs.attempts(unknown)) == ((), (), ())


def test_the_same_request_is_done_once_while_it_is_active(jobs: SqlJobStore) -> None:
    """An accepted or running job answers an equal request; an ended one does not."""
    first, _ = jobs.create("echo", {}, request_hash="same")
    assert jobs.create("echo", {}, request_hash="same") == (first, False)
    assert jobs.create("echo", {}, request_hash="other")[1]
    assert jobs.create("echo", {})[1]
    start(jobs, first.id)
    found, new = jobs.create("echo", {}, request_hash="same")
    assert (found.id, found.status, new) == (first.id, JobStatus.RUNNING, False)
    jobs.succeed(first.id, "prepare", 1, {})
    second, new = jobs.create("echo", {}, request_hash="same")
    assert (new, second.force) == (True, False)
    assert second.id != first.id


def test_work_can_be_forced(jobs: SqlJobStore) -> None:
    """Who asks for it gets a job of his own, and equal requests get the newest."""
    first, _ = jobs.create("echo", {}, request_hash="same")
    forced, new = jobs.create("echo", {}, request_hash="same", reuse=False)
    assert (new, forced.force, first.force) == (True, True, False)
    assert forced.id != first.id
    assert jobs.create("echo", {}, request_hash="same")[0].id == forced.id


def test_the_line_is_bounded(jobs: SqlJobStore) -> None:
    """A full line takes no new job, but still finds the one that does the same work."""
    job, _ = jobs.create("echo", {}, request_hash="same", most_waiting=1)
    with pytest.raises(QueueFullError):
        jobs.create("echo", {}, most_waiting=1)
    assert jobs.create("echo", {}, request_hash="same", most_waiting=1) == (job, False)
    start(jobs, job.id)
    assert jobs.waiting() == 0
    assert jobs.create("echo", {}, most_waiting=1)[1]


def test_a_dismissed_job_stays_dismissed(jobs: SqlJobStore) -> None:
    """Neither progress nor a late success brings a dismissed job back."""
    job_id = accept(jobs)
    start(jobs, job_id)
    assert jobs.publishing(job_id, "prepare", 1)
    assert jobs.dismiss(job_id)
    dismissed = jobs.get(job_id)
    assert not jobs.report(job_id, "prepare", 1, 0.5, "on")
    assert not jobs.publishing(job_id, "prepare", 1)
    assert not jobs.done(job_id, "prepare", 1, None, [("finish", 1)])
    assert not jobs.succeed(job_id, "prepare", 1, {"a": 1})
    assert not jobs.fail_step(job_id, "prepare", 1, "no")
    assert not jobs.dismiss(job_id)
    assert jobs.get(job_id) == dismissed
    assert dismissed.status is JobStatus.DISMISSED
    assert jobs.results(job_id) is None


def test_dismissing_an_ended_job_drops_its_results(jobs: SqlJobStore) -> None:
    """Its end stays when it was, its outputs and the results of its steps go."""
    job_id = accept(jobs)
    start(jobs, job_id)
    jobs.succeed(job_id, "prepare", 1, {"a": 1}, result={"path": "x"})
    ended = jobs.get(job_id)
    assert jobs.step_results(job_id) == {"prepare": {"path": "x"}}
    assert jobs.dismiss(job_id)
    job = jobs.get(job_id)
    assert (job.status, job.finished) == (JobStatus.DISMISSED, ended.finished)
    assert (jobs.results(job_id), jobs.outputs(job_id)) == (None, ())
    assert jobs.step_results(job_id) == {"prepare": None}


def test_only_ended_jobs_are_forgotten(jobs: SqlJobStore) -> None:
    """Deleting asks for an end first, and is final."""
    job_id = accept(jobs)
    assert not jobs.delete(job_id)
    end(jobs, job_id, {"a": 1})
    assert jobs.delete(job_id)
    with pytest.raises(NoSuchJobError):
        jobs.get(job_id)
    assert (jobs.steps(job_id), jobs.attempts(job_id), jobs.outputs(job_id)) == ((), (), ())
    assert not jobs.delete(job_id)


def test_lists_are_filtered_and_paged_newest_first(jobs: SqlJobStore) -> None:
    """Status, process, limit and offset restrict; the total counts what a filter matches."""
    sif = [accept(jobs) for _ in range(3)]
    moisture = accept(jobs, "downscale-smap")

    def ids(**restrictions: object) -> tuple[list[str], int]:
        found, total = jobs.find(JobFilter(**restrictions))  # type: ignore[arg-type]
        return [job.id for job in found], total

    assert ids(limit=2) == ([moisture, sif[2]], 4)
    assert ids(process_ids=("reconstruct-sif",), offset=1) == ([sif[1], sif[0]], 3)
    start(jobs, sif[0])
    assert ids(statuses=(JobStatus.RUNNING,)) == ([sif[0]], 1)
    assert ids(statuses=(JobStatus.ACCEPTED, JobStatus.RUNNING), limit=1) == ([moisture], 4)
    assert ids(offset=10**9) == ([], 4)
    assert jobs.waiting() == 3


def test_lists_are_filtered_by_time(jobs: SqlJobStore) -> None:
    """By when jobs were accepted, half-open, to the millisecond."""
    job = jobs.create("echo", {})[0]
    soon = job.created + timedelta(milliseconds=1)

    def count(**restrictions: object) -> int:
        return jobs.find(JobFilter(**restrictions))[1]  # type: ignore[arg-type]

    assert count(created_from=job.created, created_before=soon) == 1
    assert count(created_from=soon) == 0
    assert count(created_before=job.created) == 0
    assert count(created_from=datetime(1, 1, 1, tzinfo=UTC)) == 1


def test_lists_are_filtered_by_duration(jobs: SqlJobStore) -> None:
    """How long an ended job ran, or a running one has; jobs that never started have none."""
    ended, running, waiting = (accept(jobs) for _ in range(3))
    end(jobs, ended)
    start(jobs, running)
    never = accept(jobs)
    jobs.dismiss(never)

    def ids(**restrictions: float) -> set[str]:
        return {job.id for job in jobs.find(JobFilter(**restrictions))[0]}  # type: ignore[arg-type]

    assert ids(least_seconds=0) == {ended, running}
    assert ids(least_seconds=60) == set()
    assert ids(most_seconds=60) == {ended, running}
    assert ids(least_seconds=10**18) == set()
    assert ids(most_seconds=10**18) == {ended, running}
    assert ids() == {ended, running, waiting, never}


def test_jobs_outlive_the_store_that_made_them(jobs: SqlJobStore, database: str) -> None:
    """Another process finds everything as it was."""
    job_id = accept(jobs)
    start(jobs, job_id)
    known = jobs.get(job_id)
    jobs.close()
    other = open_store(database)
    assert other.get(job_id) == known
    assert other.report(job_id, "prepare", 1, 0.5, "on")
    other.close()
