"""Hints that steps are ready, with a real scheduler and real workers of Dask."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dask
from distributed import Scheduler, Worker

from processes.jobs.cluster import CONFIGURATION, DaskPlacer, SupervisorPlugin
from processes.jobs.code import code_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from processes.jobs.store import SqlJobStore


class Supervisor:
    """Notes what it is asked to supervise, and is busy until it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.free = threading.Event()

    def supervise(self, _job_id: str, step: str) -> None:
        """Note the step and stay."""
        self.asked.append(step)
        self.free.wait(60)


@contextmanager
def cluster(supervisors: list[Supervisor], folder: Path) -> Iterator[str]:
    """Run a scheduler and a worker per supervisor in a thread; give the address."""
    ready: list[str] = []
    started, over = threading.Event(), threading.Event()

    async def run() -> None:
        async with Scheduler(host="127.0.0.1", dashboard=False, dashboard_address=":0") as head:
            workers = [
                Worker(
                    head.address,
                    nthreads=1,
                    host="127.0.0.1",
                    dashboard=False,
                    memory_limit=0,
                    local_directory=str(folder / str(number)),
                    plugins=(SupervisorPlugin(supervisor),),  # type: ignore[arg-type]
                )
                for number, supervisor in enumerate(supervisors)
            ]
            await asyncio.gather(*workers)
            ready.append(head.address)
            started.set()
            while not over.is_set():
                await asyncio.sleep(0.02)
            await asyncio.gather(*(worker.close() for worker in workers))

    with dask.config.set(CONFIGURATION):
        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        try:
            assert started.wait(60)
            yield ready[0]
        finally:
            for supervisor in supervisors:
                supervisor.free.set()
            over.set()
            thread.join(60)


def test_a_hint_that_waits_at_a_busy_worker_keeps_nobody_from_the_step(
    store: SqlJobStore, tmp_path: Path, wait_for: Callable[[Callable[[], bool]], None]
) -> None:
    """The same hint is given to another worker, and that one gets it."""
    store.create("echo", {})
    (step,) = store.ready(1)
    supervisors = [Supervisor(), Supervisor()]
    with cluster(supervisors, tmp_path) as address:
        placer = DaskPlacer(address, lambda: None)
        try:
            first, second = placer.idle()
            placer.place(step, first)
            wait_for(lambda: len(placer.idle()) == 1)
            assert placer.idle() == [second]
            placer.place(step, second)
            wait_for(lambda: all(one.asked == [step.name] for one in supervisors))
        finally:
            placer.close()


def test_a_worker_of_other_code_gets_no_steps(
    store: SqlJobStore,
    tmp_path: Path,
    wait_for: Callable[[Callable[[], bool]], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It refuses the first one, the log says why, and it is not asked again."""
    store.create("echo", {})
    (step,) = store.ready(1)
    supervisor = Supervisor()
    with cluster([supervisor], tmp_path) as address:
        placer = DaskPlacer(address, lambda: None)
        try:
            (worker,) = placer.idle()
            # The service has looked at its code already; from here on it is the worker that looks.
            monkeypatch.setattr("processes.jobs.cluster.code_version", lambda: "0.0.9 (of old)")
            placer.place(step, worker)
            wait_for(lambda: "0.0.9" in caplog.text)
            assert f"worker {worker} runs version 0.0.9 (of old) of vadose" in caplog.text
            assert f"the service {code_version()}" in caplog.text
            wait_for(lambda: not placer.idle())
            assert not supervisor.asked
            assert store.ready(1)
        finally:
            placer.close()


def test_the_code_has_one_version() -> None:
    """It names the release, and stays what it is."""
    assert code_version() == code_version()
    assert code_version().startswith("0.")
