"""Who answers for an attempt: claims it, has it done by a child, and writes down how it ended.

The supervisor owns the attempt's lease and speaks with the database; the child knows neither. So
a database that is away for a while costs nothing: the child works on, and what it said is written
when the database is back. What the child may publish the database decides, though.
"""

from __future__ import annotations

import logging
import shutil
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from processes.errors import NoSuchJobError, StoreUnavailableError
from processes.jobs.attempts import order_for, write_down
from processes.jobs.forkserver import ForkServerLostError
from processes.jobs.limits import Limits
from processes.jobs.messages import Failed, Fenced, Finished, Progressed
from processes.jobs.model import JobStatus, LogEntry, Standing
from processes.telemetry.traces import attempt_span

if TYPE_CHECKING:
    from collections.abc import Callable

    from processes.jobs.forkserver import Child, ForkServer
    from processes.jobs.messages import Order, Said
    from processes.jobs.model import Step
    from processes.jobs.protocol import JobStore
    from processes.settings import Settings

LOGGER = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
"""How often an attempt is looked at: wanted, within its limits?"""
WRITE_SECONDS = 0.5
"""How often progress and log are written."""
GRACE_SECONDS = 0.25
"""Time between asking a child to end and killing it."""
AGAIN_SECONDS = 0.5
"""Pause between two calls of a database that does not answer."""
BIRTH_SECONDS = 300.0
"""Longest wait for a process to do the work: a fork server that loads on a slow machine."""
MOST_LINES = 1000
"""Lines of a log that wait for the database; of more the oldest go."""
STOPPED = "the service was stopped"


class StoppedError(RuntimeError):
    """The supervisor was told to stop while it waited for the database."""


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Does one attempt at a time."""

    store: JobStore
    """Where the steps are."""
    settings: Settings
    """For the children, and limits."""
    forkserver: ForkServer
    """Makes the children."""
    holder: str
    """Name of this supervisor, for people."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when this supervisor is to end."""
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def supervise(self, job_id: str, step: str) -> None:
        """Make the next attempt of a step, if it is still to be had.

        Never raises: what went wrong is in the log, and the step's lease runs out.
        """
        with self._busy:
            if self.stopping.is_set():
                return
            try:
                claimed = self.store.claim(
                    job_id, step, holder=self.holder, lease=self.settings.lease
                )
                if claimed is not None:
                    with attempt_span(self.settings, claimed):
                        self._attempt(claimed)
            except (StoreUnavailableError, NoSuchJobError, StoppedError) as error:
                LOGGER.warning("job %s, step %s: %s", job_id, step, error)
            except Exception:
                LOGGER.exception("job %s, step %s: the supervisor stumbled", job_id, step)

    def keep_ready(self) -> None:
        """Start the fork server where it has died while nothing was to do."""
        if not self.stopping.is_set() and self._busy.acquire(blocking=False):
            try:
                self.forkserver.start()
            finally:
                self._busy.release()

    def stop(self) -> None:
        """Take no more steps, and end what runs; its step waits for another attempt."""
        self.stopping.set()
        with self._busy:
            self.forkserver.stop()

    def _attempt(self, step: Step) -> None:
        LOGGER.info("job %s: attempt %d of step %s", step.job_id, step.attempt, step.name)
        insist = _Insistence(self.stopping)
        order = insist(lambda: order_for(step, self.store, self.settings))
        hold = _Hold(self, step)
        ending: Finished | Failed | None
        try:
            child = self.forkserver.fork(hold.lasts)
        except ForkServerLostError as error:
            ending = hold.without_child(error)
        else:
            with child.connection:
                ending = _Watch(self, step, child, hold).to_the_end(order)
        self._write_down(step, ending, insist)
        self._tidy(step)

    def _write_down(
        self, step: Step, ending: Finished | Failed | None, insist: _Insistence
    ) -> None:
        """Write how an attempt ended; None where nobody wants to know."""
        if ending is None:
            return
        if self.stopping.is_set() and not isinstance(ending, Finished):
            with suppress(StoreUnavailableError):
                self.store.give_back(step.job_id, step.name, step.attempt, STOPPED)
            return
        if isinstance(ending, Failed):
            LOGGER.warning("job %s, step %s: %s", step.job_id, step.name, ending.message)
        insist(lambda: write_down(step, ending, self.store, self.settings))

    def _tidy(self, step: Step) -> None:
        """Remove the folder of a job that has ended without results, now that nobody writes."""
        with suppress(StoreUnavailableError):
            try:
                status = self.store.get(step.job_id).status
            except NoSuchJobError:
                status = JobStatus.DISMISSED
            if status in (JobStatus.DISMISSED, JobStatus.FAILED):
                shutil.rmtree(self.settings.work_folder / step.job_id, ignore_errors=True)


class _Insistence:
    """Calls until the database answers, or the supervisor is to stop."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping

    def __call__[T](self, call: Callable[[], T]) -> T:
        while True:
            try:
                return call()
            except StoreUnavailableError:
                if self._stopping.wait(AGAIN_SECONDS):
                    raise StoppedError(STOPPED) from None


class _Hold:
    """The lease of one attempt, renewed as often as a heartbeat."""

    def __init__(self, supervisor: Supervisor, step: Step) -> None:
        self._store, self._settings = supervisor.store, supervisor.settings
        self._stopping = supervisor.stopping
        self._key = (step.job_id, step.name, step.attempt)
        self._begun = self._renewed = time.monotonic()

    def lasts(self) -> bool:
        """Whether to go on waiting for a process to do the work."""
        late = time.monotonic() - self._begun > BIRTH_SECONDS
        return not late and not self._stopping.is_set() and self.standing() is Standing.WANTED

    def without_child(self, error: ForkServerLostError) -> Failed | None:
        """Return how an attempt ends that no process was found for; None: unwanted."""
        if self.standing() is Standing.UNWANTED:
            return None
        return Failed(message=f"no process could be started ({error})", retry=True)

    def standing(self) -> Standing:
        """Return whether the attempt is wanted, as far as the database can be asked."""
        now = time.monotonic()
        try:
            if now - self._renewed < self._settings.heartbeat:
                return self._store.standing(*self._key)
            standing = self._store.renew(*self._key, lease=self._settings.lease)
        except StoreUnavailableError:
            return Standing.WANTED
        self._renewed = now
        return standing


class _Watch:
    """One child at work."""

    def __init__(self, supervisor: Supervisor, step: Step, child: Child, hold: _Hold) -> None:
        self._store, self._settings = supervisor.store, supervisor.settings
        self._forkserver, self._stopping = supervisor.forkserver, supervisor.stopping
        self._step, self._child, self._hold = step, child, hold
        self._key = (step.job_id, step.name, step.attempt)
        self._limits = Limits.of(self._settings)
        self._ending: Finished | Failed | None = None
        self._unwanted = self._silent = False
        self._progress: Progressed | None = None
        self._lines: list[LogEntry] = []
        self._written = self._looked = time.monotonic()
        self._killed_at: float | None = None

    def to_the_end(self, order: Order) -> Finished | Failed | None:
        """Give the child its order and stay until nothing of it is left; None: unwanted."""
        with suppress(OSError):
            self._child.connection.send(order)
        while self._child.code is None:
            self._listen()
            self._look_after()
        self._hear_all()
        self._write()
        if self._unwanted:
            return None
        return self._ending or Failed(message=self._manner_of_death(), retry=self._may_retry())

    def _listen(self) -> None:
        """Wait a moment for what the child says, or for its end."""
        said, ended = self._child.connection, self._forkserver.fileno()
        heard = wait([ended] if self._silent else [ended, said], LOOK_SECONDS)
        if said in heard:
            self._hear_all()
        if ended in heard:
            try:
                self._forkserver.wait(self._child)
            except ForkServerLostError as error:
                LOGGER.warning("job %s: %s", self._step.job_id, error)

    def _hear_all(self) -> None:
        """Take all that the child has said."""
        try:
            while self._child.connection.poll():
                self._hear(self._child.connection.recv())
        except (EOFError, OSError):
            self._silent = True

    def _hear(self, said: Said) -> None:
        match said:
            case Progressed():
                self._progress = said
            case LogEntry():
                self._lines = [*self._lines, said][-MOST_LINES:]
            case Fenced():
                self._child.connection.send(self._may_publish())
            case Finished() | Failed():
                self._ending = said

    def _may_publish(self) -> bool:
        """Ask the database, for as long as it takes, while the child waits."""
        insist = _Insistence(self._stopping)
        try:
            allowed = insist(lambda: self._store.publishing(*self._key))
        except StoppedError:
            return False
        self._unwanted = self._unwanted or not allowed
        return allowed

    def _look_after(self) -> None:
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._unwanted = self._unwanted or self._hold.standing() is Standing.UNWANTED
            self._end_if_needed(now)
        if now - self._written >= WRITE_SECONDS:
            self._written = now
            self._write()

    def _end_if_needed(self, now: float) -> None:
        """Ask a child to end that is unwanted, breaks a limit, or has been overtaken by our end."""
        if self._killed_at is not None:
            if now - self._killed_at > GRACE_SECONDS:
                self._child.kill()
            return
        broken = None if self._ending else self._limits.broken_by(self._child.pid)
        if broken is not None:
            self._ending = Failed(message=broken)
        if broken or self._unwanted or self._stopping.is_set():
            self._child.ask_to_end()
            self._killed_at = now

    def _write(self) -> None:
        """Write what the child has said of its progress, and its log."""
        progress, lines = self._progress, self._lines
        try:
            if lines:
                self._store.log(*self._key, lines)
                self._lines = []
            if progress is not None and not self._unwanted:
                self._store.report(*self._key, progress.fraction, progress.message)
                self._progress = None
        except StoreUnavailableError:
            pass  # Next time.

    def _manner_of_death(self) -> str:
        code = self._child.code or 0
        if code >= 0:
            return f"the work's process ended without a result (code {code})"
        if self._out_of_memory():
            return "the machine ran out of memory, and the work was ended for it"
        return f"the work's process was ended by {signal.Signals(-code).name}"

    def _may_retry(self) -> bool:
        return not self._out_of_memory()

    def _out_of_memory(self) -> bool:
        return self._child.code == -signal.SIGKILL and self._limits.machine_ran_out()
