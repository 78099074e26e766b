"""Round after round: choose a part, kill it, and see that work goes on."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from service import CHILD, DATABASE, KEEPER, LAUNCHER, PARTS, ChaosError

from processes.errors import StoreUnavailableError
from processes.jobs.model import Ending, Job, JobStatus, StepState
from stac.validate import validate_catalog

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from service import Service

    from processes.jobs.store import SqlJobStore
    from processes.testing import PostgreSQL

PROCESS = "reconstruct-sif"
"""What the jobs execute."""
RESUMED_SECONDS = 30.0
"""Longest time from a part's return until work goes on."""
RETURN_SECONDS = 120.0
"""Longest time until a part is back, on a busy machine."""
DATABASE_AWAY_SECONDS = 3.0
"""How long the database is away."""
JOB_SECONDS = 1800.0
"""Longest time of the last job, after the last kill."""


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


@dataclass(slots=True, kw_only=True)
class Chaos:
    """The whole test."""

    service: Service
    """What is killed."""
    store: SqlJobStore
    """Its jobs, seen past it."""
    database: PostgreSQL | None
    """Where they are; None for a file, which cannot be killed."""
    body: dict[str, Any]
    """What each job is to do."""
    longest_pause: float
    """Longest time between work that goes on and the next kill, seconds."""
    chance: random.Random
    """Chooses."""
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
            time.sleep(self.chance.uniform(0.2, self.longest_pause))
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
            others = [DATABASE] if self.database else []
            self._turns = [*PARTS, KEEPER, CHILD, LAUNCHER, *others]
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
        if victim in {KEEPER, CHILD}:
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
        """Whether work goes on since some time.

        Each of some steps is done or an attempt of it shows a sign of life; or every worker is
        at work on others, for which they have to wait.
        """
        settings = self.service.settings
        then = time.time() - (time.monotonic() - since)
        with suppress(StoreUnavailableError):
            steps = self.store.steps(self.job_id)
            done = {step.name for step in steps if step.state is StepState.DONE}
            alive = {
                step.name
                for step in steps
                if step.lease_until and step.lease_until.timestamp() - settings.lease > then
            }
            return names <= done | alive or len(alive) >= settings.jobs_at_once
        return False

    def _keep_busy(self) -> None:
        """See to it that there is a job at work."""
        if self.job_id and not self.store.get(self.job_id).status.terminal:
            return
        if self.job_id and self.job_id not in self.finished:
            self._check_job()
        headers = {"Prefer": "respond-async", "Cache-Control": "no-cache"}
        reply = httpx.post(
            f"{self._address()}/processes/{PROCESS}/execution",
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
        if len(outputs["items"]["features"]) != len(months):  # type: ignore[index,call-overload,arg-type]
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


def tell(text: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
