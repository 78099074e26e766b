"""Load the service and say how quickly it answers: ``make load``.

A real service (web server, scheduler, workers) gets a store of 20,000 ended jobs and works on two
jobs of maps over the tiny synthetic world. Meanwhile one client asks for the status of a job, one
for pages of the job list, and then 200 clients at once ask and execute. The figures hold for the
machine and what else it does: the last column is what they are to reach on a quiet one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
from sqlalchemy import insert

from engine.world import build_world
from processes.jobs.model import JobStatus
from processes.jobs.schema import JOBS
from processes.jobs.store import open_store
from processes.jobs.store_database import Database
from processes.serving import free_port
from processes.settings import Settings
from processes.testing import PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

JOBS_IN_ALL = 20_000
CLIENTS = 200
REQUESTS_EACH = 5
TARGET_MS = 20.0
START_SECONDS = 120.0
MAPS = {"inputs": {"datetime": "../.."}}
ECHO = {"inputs": {"stringInput": "still here"}}
AT_ONCE = {"Prefer": "respond-async", "Cache-Control": "no-cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured, in milliseconds."""

    name: str
    times: Sequence[float]
    target: float | None = None

    def __str__(self) -> str:
        middle, high, most = np.percentile(self.times, (50, 99, 100))
        aim = "" if self.target is None else f"p99 < {self.target:.0f} ms"
        return (
            f"{self.name:44} n={len(self.times):5}  p50 {middle:7.1f}  p99 {high:7.1f}  "
            f"max {most:7.1f} ms  {aim}"
        )


def main() -> int:
    """Do what the command line says; return 0 where no request went wrong."""
    parser = argparse.ArgumentParser(description="Load the service.")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--looks", type=int, default=1000, help="requests of each kind")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vadose-load-")))
        settings = _settings(folder, arguments.database, stack)
        _fill(settings)
        client = stack.enter_context(_serve(settings))
        tell(f"jobs in {arguments.database}; load of the machine {os.getloadavg()[0]:.1f}")
        return _measure(client, arguments.looks)


def _measure(client: httpx.Client, looks: int) -> int:
    ended = client.get("/jobs", params={"limit": 1}).json()["jobs"][0]["jobID"]
    tell(Figure(name="status, idle", times=_look(client, f"/jobs/{ended}", looks)))
    tell(Figure(name="list of 50, idle", times=_look(client, "/jobs?limit=50", looks // 5)))
    running = [_execute(client, name) for name in ("reconstruct-sif", "reconstruct-sif")]
    for job in running:
        _await(client, job, "running")
    name = "status, two jobs at work"
    tell(Figure(name=name, times=_look(client, f"/jobs/{running[0]}", looks), target=TARGET_MS))
    name = "list of 50 of 20,000, two jobs at work"
    times = _look(client, "/jobs?limit=50", looks // 5)
    tell(Figure(name=name, times=times, target=TARGET_MS))
    states = [client.get(f"/jobs/{job}").json() for job in running]
    tell("  meanwhile: " + ", ".join(f"{job['status']} {job['progress']} %" for job in states))
    for job in running:
        client.delete(f"/jobs/{job}")
    return asyncio.run(_crowd(str(client.base_url), ended))


def _look(client: httpx.Client, address: str, count: int) -> list[float]:
    """Ask one after another; return how long each answer took, milliseconds."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        client.get(address).raise_for_status()
        times.append(1000 * (time.perf_counter() - start))
    return times


def _execute(client: httpx.Client, process: str) -> str:
    reply = client.post(f"/processes/{process}/execution", json=MAPS, headers=AT_ONCE)
    reply.raise_for_status()
    return str(reply.json()["jobID"])


def _await(client: httpx.Client, job: str, status: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while (found := client.get(f"/jobs/{job}").json())["status"] != status:
        if found["status"] in ("failed", "dismissed") or time.monotonic() > deadline:
            raise RuntimeError(f"job {job} is not {status}: {found}")
        time.sleep(0.1)


async def _crowd(address: str, job: str) -> int:
    """Let many clients ask and execute at once; return 0 where all were answered well."""
    limits = httpx.Limits(max_connections=CLIENTS)
    options: dict[str, Any] = {"limits": limits, "timeout": 120, "trust_env": False}
    async with httpx.AsyncClient(base_url=address, **options) as client:
        started = time.perf_counter()
        gets = await _all_at_once(client, [f"/jobs/{job}", "/jobs?limit=50", "/processes"])
        seconds = time.perf_counter() - started
        posts = await asyncio.gather(*(_post(client) for _ in range(CLIENTS)))
    tell(Figure(name=f"{CLIENTS} clients at once, GET", times=[took for _, took in gets]))
    tell(f"  {len(gets) / seconds:.0f} answers a second: {_counted(gets)}")
    tell(Figure(name=f"{CLIENTS} clients at once, execute", times=[took for _, took in posts]))
    tell(f"  {_counted(posts)}; 503 is the bounded line that is full")
    wrong = [code for code, _ in gets if code != "200"]
    wrong += [code for code, _ in posts if code not in ("200", "201", "503")]
    return min(len(wrong), 1)


async def _all_at_once(
    client: httpx.AsyncClient, addresses: Sequence[str]
) -> list[tuple[str, float]]:
    async def one(number: int) -> list[tuple[str, float]]:
        turn = [addresses[(number + look) % len(addresses)] for look in range(REQUESTS_EACH)]
        return [await _timed(client, "GET", address) for address in turn]

    found = await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    return [answer for answers in found for answer in answers]


async def _post(client: httpx.AsyncClient) -> tuple[str, float]:
    return await _timed(client, "POST", "/processes/echo/execution", json=ECHO, headers=AT_ONCE)


async def _timed(
    client: httpx.AsyncClient, method: str, address: str, **options: Any
) -> tuple[str, float]:
    """Return the status of an answer (or what went wrong) and how long it took, milliseconds."""
    start = time.perf_counter()
    try:
        code = str((await client.request(method, address, **options)).status_code)
    except httpx.TransportError as error:
        code = type(error).__name__
    return code, 1000 * (time.perf_counter() - start)


def _counted(answers: Sequence[tuple[str, float]]) -> str:
    counts = Counter(code for code, _ in answers)
    return ", ".join(f"{count} × {code}" for code, count in sorted(counts.items()))


def _settings(folder: Path, database: str, stack: ExitStack) -> Settings:
    world = build_world("tiny", 7, folder)
    values: dict[str, object] = {
        "data": folder,
        "port": free_port(),
        "regions": world.region.parent,
        "region": world.region.stem,
    }
    if database == "postgresql":
        server = stack.enter_context(PostgreSQL.find())
        values["jobs_database"] = server.url(server.new_database())
    return Settings.load(**values)


def _fill(settings: Settings) -> None:
    """Leave 20,000 ended jobs in the store."""
    open_store(settings.job_database).close()
    first = datetime.now(UTC) - timedelta(minutes=JOBS_IN_ALL)
    statuses = (JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED)
    rows = [
        {
            "id": f"00000000-0000-4000-8000-{number:012d}",
            "process_id": ("downscale-smap", "reconstruct-sif", "echo")[number % 3],
            "inputs": {"datetime": "2020-05"},
            "delivery": {"response": "document", "outputs": {}},
            "force": False,
            "status": statuses[number % 3],
            "progress": 100,
            "message": "done",
            "steps": 3,
            "steps_done": 3,
            "attempt": 1,
            "by_client": False,
            "created": first + timedelta(minutes=number),
            "started": first + timedelta(minutes=number),
            "finished": first + timedelta(minutes=number + 1),
            "updated": first + timedelta(minutes=number + 1),
            "seconds": 60.0,
            "log_seq": 0,
        }
        for number in range(JOBS_IN_ALL)
    ]
    with closing(Database.at(settings.job_database)) as database, database.writing() as connection:
        connection.execute(insert(JOBS), rows)


@contextmanager
def _serve(settings: Settings) -> Iterator[httpx.Client]:
    command = [sys.executable, "-m", "processes", "serve"]
    environment = os.environ | settings.environment()
    log = settings.data / "service.log"
    with log.open("wb") as lines:
        service = subprocess.Popen(command, env=environment, stdout=lines, stderr=lines)
    address = f"http://127.0.0.1:{settings.port}"
    try:
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            _await_health(client)
            yield client
    except BaseException:
        tell(log.read_text()[-5000:])
        raise
    finally:
        service.terminate()
        service.wait(60)


def _await_health(client: httpx.Client) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if client.get("/health").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError("the service does not start")


def tell(what: object) -> None:
    """Print a line, at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
