"""Who runs the jobs: a dispatcher that gives every job a process group of its own."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from processes.jobs.model import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from processes.jobs.model import Job
    from processes.jobs.store import SqlJobStore

LOGGER = logging.getLogger(__name__)

GRACE_SECONDS = 3.0
"""Time between asking a job's processes to end and ending them."""
POLL_SECONDS = 0.2
"""How often a running child is looked at."""
LOST = "the service ended while the job ran; execute it again"


class Runner(Protocol):
    """Runs what waits in the store."""

    def start(self) -> None:
        """Begin to take jobs."""
        ...

    def wake(self) -> None:
        """Look at the store now: a job was accepted, or one was dismissed."""
        ...

    def stop(self) -> None:
        """Take no more jobs, and end those that run."""
        ...


@dataclass(slots=True)
class _Child:
    job: Job
    process: subprocess.Popen[bytes]


class ProcessRunner:
    """Runs each job in a child process that leads a session of its own.

    Dismissal kills the whole group, so nothing that a job started goes on. A child ends by
    itself when its end of the pipe from here closes: none outlives the service, however that
    ended.

    Parameters
    ----------
    store
        Where jobs wait and what they become.
    environment
        Settings for the children, as environment variables.
    work
        Folder whose ``<job>/months`` is a child's scratch, removed when the child is gone.
    at_once
        Most children at a time.
    command
        Program of a child; the job's identifier and attempt are appended.
    """

    def __init__(
        self,
        store: SqlJobStore,
        environment: Mapping[str, str],
        *,
        work: Path | None = None,
        at_once: int = 1,
        command: Sequence[str] = (sys.executable, "-m", "processes.worker"),
    ) -> None:
        self._store = store
        self._environment = dict(environment)
        self._work = work
        self._at_once = at_once
        self._command = tuple(command)
        self._children: list[_Child] = []
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Fail the jobs that an earlier service lost, then take those that wait."""
        for job_id in self._store.fail_lost(LOST):
            LOGGER.warning("job %s was lost by an earlier service", job_id)
        self._thread = threading.Thread(target=self._run, name="job-runner", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look at the store now."""
        self._awake.set()

    def stop(self) -> None:
        """Take no more jobs, and end those that run."""
        self._stopping.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                self._reap()
                self._fill()
            except Exception:
                # The store may be locked or its disk full: the next round tries again.
                LOGGER.exception("the job runner stumbled")
            self._awake.wait(POLL_SECONDS)
        for child in self._children:
            self._end(child)
            self._store.fail(child.job.id, child.job.attempt, LOST)

    def _fill(self) -> None:
        """Start jobs while there is room."""
        while len(self._children) < self._at_once and not self._stopping.is_set():
            job = self._store.claim()
            if job is None:
                return
            self._children.append(_Child(job, self._spawn(job)))

    def _spawn(self, job: Job) -> subprocess.Popen[bytes]:
        LOGGER.info("job %s: attempt %d of %s", job.id, job.attempt, job.process_id)
        return subprocess.Popen(  # noqa: S603  (our own program, an identifier of ours)
            [*self._command, job.id, str(job.attempt)],
            env=os.environ | self._environment,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def _reap(self) -> None:
        """Look after every child: ended, unwanted, or at work."""
        for child in tuple(self._children):
            code = child.process.poll()
            current = self._still_wanted(child)
            if code is None and current:
                continue
            self._end(child)
            self._children.remove(child)
            if current and code is not None:
                self._store.fail(child.job.id, child.job.attempt, _ending(code))
            elif self._dismissed(child) and self._work is not None:
                shutil.rmtree(self._work / child.job.id, ignore_errors=True)

    def _still_wanted(self, child: _Child) -> bool:
        """Whether the store still says that this very attempt runs."""
        try:
            known = self._store.get(child.job.id)
        except LookupError:
            return False
        return not known.status.terminal and known.attempt == child.job.attempt

    def _dismissed(self, child: _Child) -> bool:
        with suppress(LookupError):
            return self._store.get(child.job.id).status is JobStatus.DISMISSED
        return True

    def _end(self, child: _Child) -> None:
        """End a child and all that it started; one that has ended leaves none behind."""
        if child.process.poll() is None and child.process.stdin is not None:
            _signal_group(child.process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(GRACE_SECONDS)
        _signal_group(child.process.pid, signal.SIGKILL)
        child.process.wait()
        if child.process.stdin is not None:
            child.process.stdin.close()
        if self._work is not None:
            shutil.rmtree(self._work / child.job.id / "months", ignore_errors=True)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _ending(code: int) -> str:
    if code < 0:
        return f"the job's process was ended by signal {signal.Signals(-code).name}"
    return f"the job's process ended without a result (code {code})"
