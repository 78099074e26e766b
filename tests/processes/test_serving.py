"""The whole service as processes: quick answers, quick ends, two of them, and a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from processes.serving import free_port
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from processes.testing import PostgreSQL


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, serve: Callable) -> Iterator[list[httpx.Client]]:
    """Give clients of two services on one data folder."""
    settings = Settings.load(
        data=tmp_path_factory.mktemp("two"), jobs_at_once=1, lease=4, heartbeat=0.5
    )
    with ExitStack() as stack:
        yield [stack.enter_context(serve(settings)) for _ in range(2)]


def echo(client: httpx.Client, prefer: str = "respond-async", **inputs: object) -> httpx.Response:
    body = {"inputs": {"stringInput": "here", **inputs}, "outputs": {"stringInput": {}}}
    headers = {"Prefer": prefer}
    return client.post("/processes/echo/execution", json=body, headers=headers)


def test_an_answer_does_not_wait_for_rounds(two: list[httpx.Client]) -> None:
    """From request to result a light job passes all parts of the service in a moment."""
    times = []
    for _ in range(10):
        started = time.monotonic()
        assert echo(two[0], "wait=30").text == "here"
        times.append(time.monotonic() - started)
    # A fifth of a second on an idle machine; the best of ten leaves room for a busy one.
    assert min(times) < 1


def test_dismissal_ends_the_work_within_a_second(
    two: list[httpx.Client], within_a_second: Callable
) -> None:
    """From the request to the end of the process, through all parts."""

    def dismiss() -> float:
        job = echo(two[0], pause=60).json()["jobID"]
        child = at_work(job)
        started = time.monotonic()
        assert two[0].delete(f"/jobs/{job}").json()["status"] == "dismissed"
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() - started < 30
            time.sleep(0.01)
        return time.monotonic() - started

    within_a_second(dismiss)


def at_work(job: str) -> psutil.Process:
    """Wait for the child of a job's attempt, which has a keeper between it and the fork server."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        # Processes of others may end while one looks at them.
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process().children(recursive=True):
                if "processes.jobs.preloaded" in process.cmdline() and not process.children():
                    above = process.parents()[1]
                    if "processes.jobs.preloaded" in above.cmdline():
                        return process
        time.sleep(0.02)
    raise AssertionError(f"nobody works on {job}")


def test_two_services_share_the_work_and_do_no_harm(
    two: list[httpx.Client], wait_for: Callable
) -> None:
    """Whoever takes a job does it once, and both show it."""
    jobs = [echo(client, pause=0.5).json()["jobID"] for client in two for _ in range(4)]
    first, second = two

    def ended(client: httpx.Client) -> bool:
        return all(client.get(f"/jobs/{job}").json()["status"] == "successful" for job in jobs)

    wait_for(lambda: ended(first) and ended(second))


@contextmanager
def running(*command: str, environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run a command beside the test."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=output, stderr=output
        )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(60) in (0, -15), log.read_text()


def test_a_cluster_works_for_a_service(
    postgresql: PostgreSQL, serve: Callable, wait_for: Callable, tmp_path: Path
) -> None:
    """With a scheduler and workers of their own, and jobs that all see, it is the same service."""
    scheduler = f"tcp://127.0.0.1:{free_port()}"
    settings = Settings.load(
        data=tmp_path,
        scheduler=scheduler,
        jobs_database=postgresql.url(postgresql.new_database()),
    )
    environment, log = settings.environment(), tmp_path / "log"
    host, port = scheduler.removeprefix("tcp://").split(":")
    dask = [sys.executable, "-m", "dask", "scheduler", "--host", host, "--port", port]
    worker = [sys.executable, "-m", "processes", "worker", "--scheduler", scheduler]
    with (
        running(*dask, "--no-dashboard", environment=environment, log=log),
        running(*worker, environment=environment, log=log),
        serve(settings) as client,
    ):
        address = echo(client).headers["Location"]
        wait_for(lambda: client.get(address).json()["status"] == "successful")
