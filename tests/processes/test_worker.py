"""One attempt of a job: its end is written down, whatever it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from engine.errors import GranuleError, MissingDataError
from processes.errors import DismissedError
from processes.jobs.model import JobStatus
from processes.results import Results
from processes.settings import Settings
from processes.worker import INTERNAL, execute, reporter

if TYPE_CHECKING:
    from pathlib import Path

    from processes.jobs.model import Job
    from processes.jobs.store import SqlJobStore

RESULTS = Results(items={"type": "FeatureCollection", "features": []}, model={}, report={})


def attempt(store: SqlJobStore, run: Any, **inputs: object) -> Job:
    """Claim a job, run it with a stand-in for the engine, and return what became of it."""
    job = store.create("reconstruct-sif", {"datetime": "2020-05"} | inputs)
    store.claim()
    assert execute(store, Settings(), job.id, 1, run) == 0
    return store.get(job.id)


def test_a_result_is_kept(store: SqlJobStore) -> None:
    """A run that returns is successful, with its outputs."""

    def run(*arguments: object) -> Results:
        progress = arguments[-1]
        progress(0.5, "month 1 of 2")
        return RESULTS

    job = attempt(store, run)
    assert (job.status, job.progress) == (JobStatus.SUCCESSFUL, 100)
    assert store.results(job.id) == RESULTS.outputs()


@pytest.mark.parametrize(
    ("error", "by_client"),
    [
        (MissingDataError("SPL4SMGP", "2020-05", "files"), True),
        ("granule", False),
    ],
)
def test_an_error_of_ours_is_the_message(
    store: SqlJobStore, tmp_path: Path, error: Exception | str, by_client: bool
) -> None:
    """The job fails with the error's own text, and knows whose fault it was."""
    raised = GranuleError(tmp_path / "a.hdf", "truncated", "HDF4") if error == "granule" else error

    def run(*_: object) -> Results:
        raise raised

    job = attempt(store, run)
    assert (job.status, job.message, job.by_client) == (JobStatus.FAILED, str(raised), by_client)
    assert str(tmp_path) not in job.message


def test_a_crash_hides_its_internals(store: SqlJobStore, caplog: pytest.LogCaptureFixture) -> None:
    """An unforeseen error goes to the log with its traceback; the client gets a clean text."""

    def run(*_: object) -> Results:
        raise KeyError("/secret/path")

    job = attempt(store, run)
    assert (job.status, job.message) == (JobStatus.FAILED, INTERNAL)
    assert "/secret/path" in caplog.text


def test_a_dismissed_run_writes_nothing(store: SqlJobStore) -> None:
    """The next report of a dismissed job ends its run, and nothing brings it back."""

    def run(*arguments: object) -> Results:
        store.dismiss(str(arguments[-2]))
        arguments[-1](0.5, "month 2 of 4")
        raise AssertionError("it went on")

    assert attempt(store, run).status is JobStatus.DISMISSED


def test_reports_of_one_step_are_thinned(store: SqlJobStore) -> None:
    """The same message in quick succession is written once; a new one at once."""
    job = store.create("reconstruct-sif", {"datetime": "2020-05"})
    store.claim()
    report = reporter(store, job.id, 1)
    report(0.10, "reading")
    report(0.20, "reading")
    assert store.get(job.id).progress == 10
    report(0.30, "fitting")
    assert (store.get(job.id).progress, store.get(job.id).message) == (30, "fitting")
    store.dismiss(job.id)
    with pytest.raises(DismissedError):
        report(0.4, "predicting")
