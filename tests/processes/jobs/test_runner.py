"""Jobs run in process groups of their own, are killed whole, and never outlive the service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from processes.jobs.model import JobStatus
from processes.jobs.runner import LOST, ProcessRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from processes.jobs.store import SqlJobStore

INPUTS = {"datetime": "2020-05"}

SUCCEED = """
import sys
from pathlib import Path
from processes.jobs.store import SqlJobStore
store = SqlJobStore.open(Path("{database}"))
store.succeed(sys.argv[1], int(sys.argv[2]), {{"report": {{}}}})
store.close()
"""
SLEEP = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open("{folder}/" + sys.argv[1], "w") as pids:
    pids.write(str(child.pid))
time.sleep(600)
"""


@pytest.fixture
def start(store: SqlJobStore, tmp_path: Path) -> Iterator[Callable[..., ProcessRunner]]:
    """Give the means to start a runner whose children are a script."""
    runners: list[ProcessRunner] = []

    def start_runner(script: str, at_once: int = 1) -> ProcessRunner:
        text = script.format(database=tmp_path / "jobs.sqlite", folder=tmp_path)
        command = (sys.executable, "-c", text)
        runner = ProcessRunner(store, {}, at_once=at_once, command=command)
        runner.start()
        runners.append(runner)
        return runner

    yield start_runner
    for runner in runners:
        runner.stop()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(command, capture_output=True, text=True, check=False)
    return state.returncode == 0 and not state.stdout.startswith("Z")


def grandchild(folder: Path, job_id: str) -> int | None:
    path = folder / job_id
    text = path.read_text() if path.exists() else ""
    return int(text) if text else None


def test_waiting_jobs_run_to_their_end(
    store: SqlJobStore, start: Callable, wait_for: Callable
) -> None:
    """Every job in line is run, one after the other."""
    ids = [store.create("reconstruct-sif", INPUTS).id for _ in range(2)]
    start(SUCCEED).wake()
    wait_for(lambda: all(store.get(i).status is JobStatus.SUCCESSFUL for i in ids))


def test_no_more_jobs_run_than_allowed(
    store: SqlJobStore, start: Callable, wait_for: Callable, tmp_path: Path
) -> None:
    """With one place, the second job waits in line."""
    first, second = (store.create("reconstruct-sif", INPUTS).id for _ in range(2))
    start(SLEEP)
    wait_for(lambda: grandchild(tmp_path, first) is not None)
    assert store.get(second).status is JobStatus.ACCEPTED


def test_dismissal_kills_all_that_a_job_started(
    store: SqlJobStore, start: Callable, wait_for: Callable, tmp_path: Path
) -> None:
    """A dismissed job's own children end too, and the next job starts."""
    job_id = store.create("reconstruct-sif", INPUTS).id
    runner = start(SLEEP)
    wait_for(lambda: grandchild(tmp_path, job_id) is not None)
    pid = grandchild(tmp_path, job_id)
    assert alive(pid)
    store.dismiss(job_id)
    runner.wake()
    wait_for(lambda: not alive(pid))
    assert store.get(job_id).status is JobStatus.DISMISSED


def test_a_child_that_dies_fails_its_job(
    store: SqlJobStore, start: Callable, wait_for: Callable
) -> None:
    """An exit without a result is a failure that says how the process ended."""
    job_id = store.create("reconstruct-sif", INPUTS).id
    start("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    wait_for(lambda: store.get(job_id).status is JobStatus.FAILED)
    assert "SIGKILL" in store.get(job_id).message


def test_stopping_ends_and_fails_what_runs(
    store: SqlJobStore, start: Callable, wait_for: Callable, tmp_path: Path
) -> None:
    """A service that stops leaves no process behind and says what became of the job."""
    job_id = store.create("reconstruct-sif", INPUTS).id
    runner = start(SLEEP)
    wait_for(lambda: grandchild(tmp_path, job_id) is not None)
    runner.stop()
    assert not alive(grandchild(tmp_path, job_id))
    assert (store.get(job_id).status, store.get(job_id).message) == (JobStatus.FAILED, LOST)


def test_jobs_lost_by_an_earlier_service_are_failed(store: SqlJobStore, start: Callable) -> None:
    """At its start a runner fails the jobs that nobody runs any more."""
    job_id = store.create("reconstruct-sif", INPUTS).id
    store.claim()
    start(SUCCEED)
    assert store.get(job_id).message == LOST


def test_a_worker_ends_when_its_service_is_killed(wait_for: Callable, tmp_path: Path) -> None:
    """However the service ends, its workers do not go on without it."""
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', "
        "'from processes.worker import end_with_parent; import time; "
        "end_with_parent(); time.sleep(600)'], stdin=subprocess.PIPE, start_new_session=True)\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    service = subprocess.Popen([sys.executable, "-c", script])
    wait_for(lambda: grandchild(tmp_path, "pid") is not None)
    pid = grandchild(tmp_path, "pid")
    assert alive(pid)
    os.kill(service.pid, signal.SIGKILL)
    service.wait()
    wait_for(lambda: not alive(pid))
