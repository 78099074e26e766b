"""Jobs are kept, and of two writers exactly one wins."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from processes.errors import NoSuchJobError
from processes.jobs.model import Delivery, JobFilter, JobStatus
from processes.jobs.store import SqlJobStore

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = {"datetime": "2020-05"}
WANTED = Delivery(response="raw", outputs={"items": "reference"})


def test_a_job_goes_from_line_to_success(store: SqlJobStore) -> None:
    """Accepted, claimed, reported on, and ended with its results."""
    job = store.create("reconstruct-sif", INPUTS, WANTED)
    assert (job.status, job.progress, job.started) == (JobStatus.ACCEPTED, 0, None)
    claimed = store.claim()
    assert claimed is not None
    assert (claimed.id, claimed.status, claimed.attempt) == (job.id, JobStatus.RUNNING, 1)
    assert store.report(job.id, 1, 40, "month 2 of 5")
    assert store.succeed(job.id, 1, {"report": {"months": 5}})
    ended = store.get(job.id)
    assert (ended.status, ended.progress, ended.delivery) == (JobStatus.SUCCESSFUL, 100, WANTED)
    assert ended.finished is not None
    assert ended.finished.utcoffset() is not None
    assert store.results(job.id) == {"report": {"months": 5}}


def test_jobs_are_claimed_in_the_order_they_came(store: SqlJobStore) -> None:
    """First come, first served; an empty line gives nothing."""
    ids = [store.create("reconstruct-sif", INPUTS).id for _ in range(3)]
    claimed = [store.claim() for _ in range(4)]
    assert [job and job.id for job in claimed] == [*ids, None]


def test_progress_never_falls_and_is_whole_only_at_the_end(store: SqlJobStore) -> None:
    """A late or overeager report does not turn the bar back or finish it."""
    job = store.create("reconstruct-sif", INPUTS)
    store.claim()
    store.report(job.id, 1, 60, "later")
    store.report(job.id, 1, 20, "earlier")
    assert store.get(job.id).progress == 60
    store.report(job.id, 1, 100, "nearly")
    assert store.get(job.id).progress == 99


def test_a_dismissed_job_stays_dismissed(store: SqlJobStore) -> None:
    """Neither progress nor a late success brings a dismissed job back."""
    job = store.create("reconstruct-sif", INPUTS)
    store.claim()
    assert store.dismiss(job.id)
    assert not store.report(job.id, 1, 50, "on")
    assert not store.succeed(job.id, 1, {})
    assert not store.fail(job.id, 1, "no")
    assert not store.dismiss(job.id)
    assert store.get(job.id).status is JobStatus.DISMISSED
    assert store.results(job.id) is None


def test_an_older_attempt_cannot_write(store: SqlJobStore) -> None:
    """Only the attempt that runs may say how the job goes."""
    job = store.create("reconstruct-sif", INPUTS)
    store.claim()
    assert not store.succeed(job.id, 0, {})
    assert not store.report(job.id, 2, 10, "from elsewhere")


def test_only_ended_jobs_are_forgotten(store: SqlJobStore) -> None:
    """Deleting asks for an end first, and is final."""
    job = store.create("reconstruct-sif", INPUTS)
    assert not store.delete(job.id)
    store.dismiss(job.id)
    assert store.delete(job.id)
    with pytest.raises(NoSuchJobError):
        store.get(job.id)


def test_lists_are_filtered_and_paged_newest_first(store: SqlJobStore) -> None:
    """Status, process, limit and offset restrict; the total counts what a filter matches."""
    sif = [store.create("reconstruct-sif", INPUTS).id for _ in range(3)]
    moisture = store.create("downscale-smap", INPUTS).id
    jobs, total = store.find(JobFilter(limit=2))
    assert ([job.id for job in jobs], total) == ([moisture, sif[2]], 4)
    jobs, total = store.find(JobFilter(process_ids=("reconstruct-sif",), offset=1))
    assert ([job.id for job in jobs], total) == ([sif[1], sif[0]], 3)
    store.claim()
    jobs, total = store.find(JobFilter(statuses=(JobStatus.RUNNING,)))
    assert ([job.id for job in jobs], total) == ([sif[0]], 1)
    assert store.waiting() == 3


def test_jobs_outlive_the_store_that_made_them(store: SqlJobStore, tmp_path: Path) -> None:
    """Another process finds the job; one that ran there is failed with the reason."""
    running, waiting = (store.create("reconstruct-sif", INPUTS).id for _ in range(2))
    store.claim()
    store.close()
    other = SqlJobStore.open(tmp_path / "jobs.sqlite")
    assert other.fail_lost("the service ended") == (running,)
    assert other.get(running).message == "the service ended"
    assert other.get(waiting).status is JobStatus.ACCEPTED
    other.close()


def test_two_runners_never_claim_the_same_job(store: SqlJobStore) -> None:
    """Claims from several threads share the jobs out without a double."""
    ids = {store.create("reconstruct-sif", INPUTS).id for _ in range(20)}
    claimed: list[str] = []

    def claim_all() -> None:
        while (job := store.claim()) is not None:
            claimed.append(job.id)

    threads = [threading.Thread(target=claim_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 20
    assert set(claimed) == ids
