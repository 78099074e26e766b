"""Run thousands of short jobs, and see that the service keeps no more than before: ``make soak``.

A real service runs jobs of ``echo`` through HTTP, several at a time. After a first share, in which
everything is loaded and every pool is filled, the memory (USS), open files and threads of the web
server, the scheduler, the workers and their fork server are counted, and again at the end: neither
sum may have grown by more than five in a hundred. Then a job is interrupted by SIGTERM; the service
that is started again brings it to its end, and still knows every job.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import psutil

from processes.jobs.forkserver import PROGRAM
from processes.serving import free_port
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_GROWTH = 0.05
"""Growth of memory, open files or threads that is still none."""
WARM = 0.3
"""Share of the jobs after which the first count is made."""
AT_ONCE = 8
"""Jobs that are on their way at a time."""
SAMPLES = 5
"""Counts, of which the median is taken: jobs end, and collectors run, in between."""
RESTS = 10
"""Looks in a row that find the fork server idle, before anything is counted."""
LONG_SECONDS = 20
"""Length of the job that is interrupted."""
ENDED = {"successful", "failed", "dismissed"}


class SoakError(AssertionError):
    """The service grew, or lost something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a service holds, with all of its processes."""

    memory: float
    """Memory that is its own alone (USS), MB."""
    files: float
    """Open files and connections."""
    threads: float
    """Threads."""

    def growth_since(self, before: Held) -> dict[str, float]:
        """Return by how much each has grown, as a share."""
        return {
            name: getattr(self, name) / getattr(before, name) - 1
            for name in ("memory", "files", "threads")
        }


def main() -> int:
    """Do what the command line says; return 0 where the service did not grow."""
    parser = argparse.ArgumentParser(description="Soak the service.")
    parser.add_argument("jobs", type=int, nargs="?", default=5000)
    parser.add_argument("--seconds", type=float, default=3600, help="longest time of the jobs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vadose-soak-") as folder:
        settings = Settings.load(
            data=Path(folder), port=free_port(), jobs_at_once=2, log_level="WARNING"
        )
        log = Path(folder) / "service.log"
        with serving(settings, log) as (process, client):
            done, growth = soak(process, client, arguments.jobs, arguments.seconds)
            interrupted = execute(client, pause=LONG_SECONDS)
            wait_for(client, interrupted, {"running"})
            known = known_jobs(client)
            if len(known) <= done:
                raise SoakError(f"of {done} jobs and one more {len(known)} are known")
        with serving(settings, log) as (_, client):
            wait_for(client, interrupted, {"successful"})
            if lost := known - known_jobs(client):
                raise SoakError(f"lost by SIGTERM: {lost}")
            said = "SIGTERM during a job: it succeeded after the start"
            tell(f"{said}; all {len(known)} jobs are there")
    return int(any(share > MOST_GROWTH for share in growth.values()))


def soak(
    process: psutil.Process, client: httpx.Client, jobs: int, seconds: float
) -> tuple[int, dict[str, float]]:
    """Run jobs, for no longer than some time; return how many, and the growth in the later ones."""
    await_rest(process)
    started = time.monotonic()
    done = run_jobs(client, int(jobs * WARM), started + seconds * WARM)
    before = held(process)
    tell(f"after {done} jobs: {before}")
    done += run_jobs(client, jobs - done, started + seconds)
    after = held(process)
    took = time.monotonic() - started
    tell(f"after {done} jobs, {took:.0f} s, {done / took:.1f} a second: {after}")
    growth = after.growth_since(before)
    tell("growth: " + ", ".join(f"{name} {100 * share:+.1f} %" for name, share in growth.items()))
    return done, growth


def run_jobs(client: httpx.Client, jobs: int, deadline: float) -> int:
    """Run jobs, some at a time, until a number have ended or time is over; return how many did."""
    line: list[str] = []
    done = 0
    while done < jobs and (time.monotonic() < deadline or line):
        if len(line) < AT_ONCE and done + len(line) < jobs and time.monotonic() < deadline:
            line.append(execute(client))
        else:
            wait_for(client, line.pop(0), {"successful"})
            done += 1
    return done


def execute(client: httpx.Client, pause: float = 0) -> str:
    """Ask for a job; return its id."""
    # Each its own: a request that equals one at work joins its job.
    body = {"inputs": {"stringInput": uuid4().hex, "pause": pause}}
    answer = client.post(
        "/processes/echo/execution", json=body, headers={"Prefer": "respond-async"}
    )
    answer.raise_for_status()
    return str(answer.json()["jobID"])


def wait_for(client: httpx.Client, job: str, wanted: set[str]) -> None:
    """Wait until a job is as wanted."""
    deadline = time.monotonic() + 300
    while (status := client.get(f"/jobs/{job}").json())["status"] not in wanted:
        if status["status"] in ENDED or time.monotonic() > deadline:
            raise SoakError(f"a job is not {wanted}: {status}")
        time.sleep(0.02)


def known_jobs(client: httpx.Client) -> set[str]:
    """Return the jobs that the service knows, page after page."""
    jobs: set[str] = set()
    address: str | None = "/jobs?limit=1000"
    while address is not None:
        page = client.get(address).json()
        jobs |= {job["jobID"] for job in page["jobs"]}
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    return jobs


def await_rest(process: psutil.Process) -> None:
    """Wait until the fork server has loaded all that it loads ahead."""
    deadline = time.monotonic() + 600
    rests = 0
    while rests < RESTS:
        if time.monotonic() > deadline:
            raise SoakError("the service does not come to rest")
        time.sleep(0.2)
        servers = [one for one in process.children() if PROGRAM in one.cmdline()]
        rests = 0 if not servers or any(map(_is_busy, servers)) else rests + 1


def _is_busy(process: psutil.Process) -> bool:
    """Whether it works, waits for its turn or for a disk."""
    return process.status() in {psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP}


def held(process: psutil.Process) -> Held:
    """Count what a service holds, in the middle of several looks."""
    looks = []
    for _ in range(SAMPLES):
        time.sleep(1)
        looks.append(_look(process))
    middle = [sorted(values)[SAMPLES // 2] for values in zip(*looks, strict=True)]
    return Held(memory=round(middle[0] / 1e6, 1), files=middle[1], threads=middle[2])


def _look(process: psutil.Process) -> tuple[int, int, int]:
    memory = files = threads = 0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            memory += one.memory_full_info().uss
            files += one.num_fds()
            threads += one.num_threads()
    return memory, files, threads


@contextmanager
def serving(settings: Settings, log: Path) -> Iterator[tuple[psutil.Process, httpx.Client]]:
    """Run the service until SIGTERM; it has to end by itself, with code 0."""
    command = [sys.executable, "-m", "processes", "serve"]
    environment = os.environ | settings.environment()
    with (
        log.open("ab") as said,
        subprocess.Popen(command, env=environment, stdout=said, stderr=said) as service,
    ):
        try:
            address = f"http://127.0.0.1:{settings.port}"
            with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
                _await_ready(client)
                yield psutil.Process(service.pid), client
            service.terminate()
            if code := service.wait(30):
                raise SoakError(f"the service ended with code {code}")
        finally:
            service.kill()


def tell(text: str) -> None:
    """Say something while the work goes on."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _await_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            answer = client.get("/health/ready")
            if answer.json().get("status") == "ready":
                return
        time.sleep(0.1)
    raise SoakError("the service is not ready after 120 s")


if __name__ == "__main__":
    sys.exit(main())
