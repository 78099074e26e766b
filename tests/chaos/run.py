"""Kill every part of the service, again and again, while it works: ``make chaos ROUNDS=20``.

A real service (web server, scheduler, two workers, their fork servers and children) works on jobs
of 14 months over the tiny synthetic world, with its jobs in a real PostgreSQL where there is one.
In each round one part is killed with SIGKILL at a random moment; the database is stopped as by a
failing machine and comes back after some seconds, and the launcher, too, is killed and started
again. After each round work must go on within 30 s of the part's return, the job must still be on
its way or have succeeded, and the catalogue must be valid. A job that has succeeded must have all
its months, and must have done each of its steps once, however many attempts were lost.

With ``--work echo`` the jobs only wait; that takes a minute, and is part of the test suite.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from engine.world import build_world
from processes.errors import StoreUnavailableError
from processes.jobs.model import Ending, Job, JobStatus, StepState
from processes.jobs.store import open_store
from processes.jobs.sweep import sweep_temporaries
from processes.serving import free_port
from processes.settings import Settings
from processes.testing import PostgreSQL
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from processes.jobs.store import SqlJobStore

RESUMED_SECONDS = 30.0
"""Longest time from a part's return until work goes on."""
RETURN_SECONDS = 120.0
"""Longest time until a part is back, on a busy machine."""
GONE_SECONDS = 10.0
"""Longest time until everything has ended with its launcher."""
DATABASE_AWAY_SECONDS = 3.0
"""How long the database is away."""
JOB_SECONDS = 1800.0
"""Longest time of the last job, after the last kill."""
PARTS = {
    "web server": "processes.web",
    "scheduler": "processes.jobs.cluster scheduler",
    "worker": "processes.jobs.cluster worker",
    "fork server": "processes.jobs.forkserver",
}
"""Parts of the service, and what their command lines contain."""
CHILD, LAUNCHER, DATABASE = "child", "launcher", "database"


class ChaosError(AssertionError):
    """The service did not survive as it should."""


@dataclass(slots=True)
class Service:
    """The service under test, whose launcher may be killed and started again."""

    settings: Settings
    log: Path
    _launcher: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the launcher."""
        with self.log.open("ab") as log:
            self._launcher = subprocess.Popen(
                [sys.executable, "-m", "processes", "serve"],
                env=os.environ | self.settings.environment(),
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """Ask the service to end, and see that it does so whole."""
        launcher = self._root()
        parts = launcher.children(recursive=True)
        launcher.terminate()
        code = self._popen().wait(30)
        if code:
            raise ChaosError(f"the service ended with code {code}")
        see_end(parts)

    def pids(self, part: str) -> list[int]:
        """Return the processes that a part has now."""
        if part == LAUNCHER:
            return [self._root().pid]
        with suppress(psutil.NoSuchProcess):
            below = self._root().children(recursive=True)
            servers = [one for one in below if _runs(one, PARTS["fork server"])]
            forked = {child.pid for one in servers for child in one.children()}
            if part == CHILD:
                return sorted(forked)
            return sorted(p.pid for p in below if _runs(p, PARTS[part]) and p.pid not in forked)
        return []

    def at_work(self, pids: Sequence[int]) -> list[int]:
        """Return those of some processes below which a child is at work."""
        children = self.pids(CHILD)
        with suppress(psutil.NoSuchProcess):
            above = {parent.pid for pid in children for parent in psutil.Process(pid).parents()}
            return [pid for pid in pids if pid in above]
        return []

    def restart(self) -> None:
        """Kill the launcher; everything ends with it, and is then started again."""
        parts = self._root().children(recursive=True)
        self.kill()
        see_end(parts)
        self.start()

    def kill(self) -> None:
        """Kill the launcher, if it still runs."""
        self._popen().kill()
        self._popen().wait()

    def _popen(self) -> subprocess.Popen[bytes]:
        assert self._launcher is not None
        return self._launcher

    def _root(self) -> psutil.Process:
        return psutil.Process(self._popen().pid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one kill did."""

    number: int
    victim: str
    returned: float
    """Time until the part was back, seconds."""
    resumed: float
    """Time from then until work went on, seconds."""
    job: Job

    def __str__(self) -> str:
        job = self.job
        return (
            f"round {self.number:3}: {self.victim:11} back after {self.returned:4.1f} s, "
            f"work after {self.resumed:4.1f} s; job {job.status}, "
            f"{job.steps_done} of {job.steps} steps"
        )


@dataclass(slots=True)
class Chaos:
    """The whole test."""

    service: Service
    store: SqlJobStore
    database: PostgreSQL | None
    body: dict[str, Any]
    process: str
    chance: random.Random
    job_id: str = ""
    rounds: list[Round] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    _turns: list[str] = field(default_factory=list)

    def run(self, rounds: int) -> None:
        """Do a job in peace, kill so often, then let the last job end."""
        self._until(self._healthy, RETURN_SECONDS, "the service does not start")
        # The first job trains the model, undisturbed; later ones find it and make months.
        self._keep_busy()
        self._await_job()
        for number in range(1, rounds + 1):
            self._keep_busy()
            time.sleep(self.chance.uniform(0.2, 3.0))
            self.rounds.append(self._round(number))
            self._check_catalog()
            tell(str(self.rounds[-1]))
        self._await_job()

    def report(self) -> None:
        """Tell what happened, by victim."""
        for victim, count in sorted(Counter(r.victim for r in self.rounds).items()):
            times = [r.resumed for r in self.rounds if r.victim == victim]
            mean = sum(times) / count
            tell(
                f"{victim:11} {count:3} kills, work after {mean:4.1f} s, {max(times):4.1f} at most"
            )
        attempts = [a for job_id in self.finished for a in self.store.attempts(job_id)]
        endings = Counter(str(a.ending) for a in attempts)
        tell(f"{len(self.finished)} jobs, all successful; attempts: {dict(endings)}")

    def _round(self, number: int) -> Round:
        victim, names = self._choose(), self._interrupted()
        killed = time.monotonic()
        self._kill(victim)
        back = time.monotonic()
        self._until(
            lambda: self._go_on(names, back), RESUMED_SECONDS, f"no work after the {victim}"
        )
        return Round(
            number=number,
            victim=victim,
            returned=back - killed,
            resumed=time.monotonic() - back,
            job=self.store.get(self.job_id),
        )

    def _choose(self) -> str:
        """Return a part that there is now; all have their turn before one has it again."""
        if not self._turns:
            self._turns = [*PARTS, CHILD, LAUNCHER, *([DATABASE] if self.database else [])]
            self.chance.shuffle(self._turns)
        there = [one for one in self._turns if one == DATABASE or self.service.pids(one)]
        victim = there[0] if there else LAUNCHER
        if there:
            self._turns.remove(victim)
        return victim

    def _kill(self, victim: str) -> None:
        """Kill a part, and wait until it is back."""
        if victim == DATABASE:
            assert self.database is not None
            self.database.stop()
            time.sleep(DATABASE_AWAY_SECONDS)
            self.database.start()
        elif victim == LAUNCHER:
            self.service.restart()
            self._until(self._healthy, RETURN_SECONDS, "the service does not come back")
        else:
            self._kill_one(victim)

    def _kill_one(self, victim: str) -> None:
        before = self.service.pids(victim)
        with suppress(ProcessLookupError, IndexError):
            os.kill(self.chance.choice(self.service.at_work(before) or before), 9)
        if victim == CHILD:
            return  # Whether there is another shows in the work that goes on.
        self._until(
            lambda: (
                len(self.service.pids(victim)) >= len(before)
                and self.service.pids(victim) != before
            ),
            RETURN_SECONDS,
            f"the {victim} does not come back",
        )
        if victim == "web server":
            self._until(self._healthy, RETURN_SECONDS, "the web server does not answer")

    def _interrupted(self) -> set[str]:
        """Return the steps that were begun and are not done; each is to go on after a kill."""
        steps = self.store.steps(self.job_id)
        return {step.name for step in steps if step.attempt and step.state is not StepState.DONE}

    def _go_on(self, names: set[str], since: float) -> bool:
        """Whether each of some steps is done, or an attempt of it shows a sign of life since."""
        with suppress(StoreUnavailableError):
            then = time.time() - (time.monotonic() - since)
            lease = self.service.settings.lease
            alive = {
                step.name
                for step in self.store.steps(self.job_id)
                if step.state is StepState.DONE
                or (step.lease_until and step.lease_until.timestamp() - lease > then)
            }
            return names <= alive
        return False

    def _keep_busy(self) -> None:
        """See to it that there is a job at work."""
        if self.job_id and not self.store.get(self.job_id).status.terminal:
            return
        if self.job_id and self.job_id not in self.finished:
            self._check_job()
        headers = {"Prefer": "respond-async", "Cache-Control": "no-cache"}
        reply = httpx.post(
            f"{self._address()}/processes/{self.process}/execution",
            json=self.body,
            headers=headers,
            timeout=RETURN_SECONDS,
            trust_env=False,
        )
        if reply.status_code != 201:
            raise ChaosError(f"the job is not accepted: {reply.status_code} {reply.text}")
        self.job_id = reply.json()["jobID"]
        self._until(
            lambda: self.store.get(self.job_id).status is not JobStatus.ACCEPTED,
            RESUMED_SECONDS,
            "the job does not start",
        )

    def _await_job(self) -> None:
        self._until(
            lambda: self.store.get(self.job_id).status.terminal, JOB_SECONDS, "the job does not end"
        )
        if self.job_id not in self.finished:
            self._check_job()
        self._check_catalog()

    def _check_job(self) -> None:
        """See that a job has succeeded, and has done each of its steps once."""
        job = self.store.get(self.job_id)
        if job.status is not JobStatus.SUCCESSFUL:
            raise ChaosError(f"job {job.id} {job.status}: {job.message}")
        steps = self.store.steps(job.id)
        done = Counter(a.step for a in self.store.attempts(job.id) if a.ending is Ending.DONE)
        if any(step.state is not StepState.DONE for step in steps):
            raise ChaosError(f"job {job.id} has steps that are not done: {steps}")
        if done != Counter(step.name for step in steps):
            raise ChaosError(f"job {job.id} did steps more than once, or not: {done}")
        outputs = self.store.results(job.id) or {}
        months = [name for name in done if name[:1].isdigit()]
        if months and len(outputs["items"]["features"]) != len(months):  # type: ignore[index,call-overload,arg-type]
            raise ChaosError(f"job {job.id} has other items than months")
        self.finished.append(job.id)

    def _check_catalog(self) -> None:
        root = self.service.settings.catalog_folder
        if (root / "catalog.json").exists() and (problems := validate_catalog(root)):
            raise ChaosError("the catalogue is not valid: " + "; ".join(map(str, problems)))

    def _healthy(self) -> bool:
        try:
            reply = httpx.get(f"{self._address()}/health", timeout=5, trust_env=False)
        except httpx.TransportError:
            return False
        return reply.is_success

    def _address(self) -> str:
        return f"http://127.0.0.1:{self.service.settings.port}"

    def _until(self, condition: Callable[[], bool], seconds: float, wrong: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise ChaosError(f"{wrong} within {seconds:.0f} s; see {self.service.log}")
            time.sleep(0.05)


def see_end(processes: Sequence[psutil.Process]) -> None:
    """Wait until processes have ended that shall not outlive their launcher."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := [process for process in processes if _lives(process)]:
        if time.monotonic() > deadline:
            raise ChaosError(f"these outlived the launcher: {left}")
        time.sleep(0.05)


def main() -> int:
    """Do what the command line says; return 0 where the service survived."""
    parser = argparse.ArgumentParser(description="Kill parts of the service while it works.")
    parser.add_argument("rounds", type=int, nargs="?", default=20)
    parser.add_argument("--work", choices=("maps", "echo"), default="maps")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--data", type=Path, help="folder to work in and keep")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = arguments.data or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="vadose-chaos-"))
        )
        database = _database(stack)
        tell(f"seed {arguments.seed}; jobs in {'SQLite' if database is None else 'PostgreSQL'}")
        settings = _settings(folder, arguments.work, database)
        service = Service(settings, folder / "service.log")
        service.start()
        store = stack.enter_context(closing(open_store(settings.job_database)))
        process, body = _work(arguments.work)
        chance = random.Random(arguments.seed)  # noqa: S311  (no secret)
        chaos = Chaos(service, store, database, body, process, chance)
        try:
            chaos.run(arguments.rounds)
        except BaseException:
            tell((folder / "service.log").read_text()[-20_000:])
            service.kill()
            raise
        service.stop()
        chaos.report()
        for kept in (settings.catalog_folder, settings.model_folder, settings.feature_folder):
            tell(f"{sweep_temporaries(kept, 0)} files half-written in {kept.name}, swept")
    return 0


def tell(text: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _database(stack: ExitStack) -> PostgreSQL | None:
    try:
        return stack.enter_context(PostgreSQL.find())
    except pytest.skip.Exception as error:
        tell(f"{error}; SQLite instead, which cannot be killed")
        return None


def _settings(folder: Path, work: str, database: PostgreSQL | None) -> Settings:
    settings: dict[str, object] = {
        "data": folder,
        "port": free_port(),
        # A job of many rounds is hit more often than one should be in years.
        "most_attempts": 1000,
    }
    if database is not None:
        settings["jobs_database"] = database.url(database.new_database())
    if work == "maps":
        world = build_world("tiny", 7, folder)
        settings |= {"regions": world.region.parent, "region": world.region.stem}
    return Settings.load(**settings)


def _work(work: str) -> tuple[str, dict[str, Any]]:
    if work == "echo":
        return "echo", {"inputs": {"stringInput": "still here", "pause": 8}}
    return "reconstruct-sif", {"inputs": {"datetime": "../.."}}


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _runs(process: psutil.Process, words: str) -> bool:
    with suppress(psutil.Error):
        return words in " ".join(process.cmdline())
    return False


if __name__ == "__main__":
    sys.exit(main())
