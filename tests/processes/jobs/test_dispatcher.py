"""Steps that are ready find idle workers, and none is lost, whatever comes and goes."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from processes.errors import StoreUnavailableError
from processes.jobs.cluster import ClusterError
from processes.jobs.dispatcher import Dispatcher
from processes.jobs.model import JobStatus, StepState
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from processes.jobs.model import Step
    from processes.jobs.store import SqlJobStore


class Workers:
    """A cluster that notes what it is given; its workers claim when they are told to."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.placed: list[tuple[str, str]] = []
        self.away = False
        self.closed = False

    def idle(self) -> list[str]:
        """Return the workers without a step."""
        if self.away:
            raise ClusterError("the scheduler does not answer")
        busy = {worker for _, worker in self.placed}
        return [name for name in self.names if name not in busy]

    def place(self, step: Step, worker: str) -> None:
        """Note a step."""
        self.placed.append((step.job_id, worker))

    def close(self) -> None:
        """Note the end."""
        self.closed = True


@pytest.fixture
def dispatch(store: SqlJobStore, tmp_path: Path) -> Iterator[Callable[..., Dispatcher]]:
    """Give the means to start a dispatcher for some workers."""
    started: list[Dispatcher] = []

    def start(workers: Workers, **settings: float) -> Dispatcher:
        found = Dispatcher(store, lambda _: workers, Settings.load(data=tmp_path, **settings))
        found.start()
        started.append(found)
        return found

    yield start
    for dispatcher in started:
        dispatcher.stop()


def test_steps_are_placed_in_the_order_of_their_jobs(
    store: SqlJobStore, dispatch: Callable, wait_for: Callable
) -> None:
    """Each idle worker gets one step; the rest waits until another is idle."""
    first, second, third = (store.create("echo", {}, steps=("run",))[0].id for _ in range(3))
    workers = Workers("a", "b")
    dispatcher = dispatch(workers)
    wait_for(lambda: len(workers.placed) == 2)
    assert workers.placed == [(first, "a"), (second, "b")]
    for job_id in (first, second):
        store.claim(job_id, "run", holder="a", lease=60)
    workers.placed.clear()
    dispatcher.wake()
    wait_for(lambda: workers.placed == [(third, "a")])


def test_an_accepted_job_is_placed_at_once(
    store: SqlJobStore, dispatch: Callable, wait_for: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the next round who wakes the dispatcher."""
    monkeypatch.setattr("processes.jobs.dispatcher.ROUND_SECONDS", 30)
    workers = Workers("a")
    dispatcher = dispatch(workers)
    time.sleep(0.3)
    store.create("echo", {}, steps=("run",))
    dispatcher.wake()
    started = time.monotonic()
    wait_for(lambda: bool(workers.placed))
    assert time.monotonic() - started < 5


def test_a_hint_that_was_lost_is_given_again(
    store: SqlJobStore, dispatch: Callable, wait_for: Callable
) -> None:
    """A step that nobody claimed is placed again; the scheduler may have died with it."""
    store.create("echo", {}, steps=("run",))
    workers = Workers("a")
    dispatch(workers)
    wait_for(lambda: bool(workers.placed))
    workers.placed.clear()
    wait_for(lambda: bool(workers.placed))


def test_silent_attempts_are_given_up(
    store: SqlJobStore, dispatch: Callable, wait_for: Callable
) -> None:
    """When its lease has run out a step waits again, until its attempts are used up."""
    job, _ = store.create("echo", {}, steps=("run",))
    dispatch(Workers(), heartbeat=0.05, most_attempts=2)
    for attempt in (1, 2):
        assert store.claim(job.id, "run", holder="gone", lease=0.1).attempt == attempt
        wait_for(lambda: store.steps(job.id)[0].state is not StepState.RUNNING)
    assert store.get(job.id).status is JobStatus.FAILED


def test_nobody_is_given_up_for_a_silence_of_ours(
    store: SqlJobStore, dispatch: Callable, wait_for: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the database was away, supervisors get the time for three signs of life."""
    job, _ = store.create("echo", {}, steps=("run",))
    dispatch(Workers(), heartbeat=0.7)
    time.sleep(2.5)
    expire, away = store.expire, [True]

    def flaky(**named: object) -> object:
        if away:
            raise StoreUnavailableError("away")
        return expire(**named)

    monkeypatch.setattr(store, "expire", flaky)
    time.sleep(1)
    store.claim(job.id, "run", holder="cut off", lease=0.01)
    away.clear()
    time.sleep(1)
    assert store.steps(job.id)[0].state is StepState.RUNNING
    wait_for(lambda: store.steps(job.id)[0].state is StepState.WAITING)


def test_a_cluster_that_is_away_is_asked_again(
    store: SqlJobStore, dispatch: Callable, wait_for: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    """Meanwhile jobs wait, and the log tells it once."""
    store.create("echo", {}, steps=("run",))
    workers = Workers("a")
    workers.away = True
    dispatcher = dispatch(workers)
    for _ in range(3):
        time.sleep(0.1)
        dispatcher.wake()
    workers.away = False
    wait_for(lambda: bool(workers.placed))
    assert caplog.text.count("the scheduler does not answer") == 1
    dispatcher.stop()
    assert workers.closed


def test_folders_of_jobs_without_results_are_swept(
    store: SqlJobStore, dispatch: Callable, wait_for: Callable, tmp_path: Path
) -> None:
    """What a killed service left goes; folders of other jobs and of nobody stay."""
    gone, kept = (store.create("echo", {}, steps=("run",))[0].id for _ in range(2))
    unknown = str(uuid4())
    work = tmp_path / "work"
    for name in (gone, kept, unknown, "pygeoapi"):
        (work / name / "months").mkdir(parents=True)
    store.dismiss(gone)
    dispatch(Workers())
    wait_for(lambda: not (work / gone).exists())
    assert {path.name for path in work.iterdir()} == {kept, unknown, "pygeoapi"}


def test_temporary_files_of_the_dead_are_swept(
    dispatch: Callable, wait_for: Callable, tmp_path: Path
) -> None:
    """A file whose writer was killed goes after an hour; one that may be written stays."""
    folder = tmp_path / "catalog" / "sif"
    folder.mkdir(parents=True)
    old, young = folder / ".map-0123456789ab.tif", folder / ".map-0123456789ac.tif"
    other = folder / ".hidden"
    for path in (old, young, other):
        path.touch()
    long_ago = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    for path in (old, other):
        os.utime(path, (long_ago, long_ago))
    dispatch(Workers())
    wait_for(lambda: not old.exists())
    assert young.exists()
    assert other.exists()
