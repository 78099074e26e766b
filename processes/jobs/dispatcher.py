"""Who sees to it that every step that is ready finds a worker, and that none is lost.

It remembers nothing: each round it asks the store what is ready and the cluster who is idle. So
it may die and come back, the cluster too, and there may be several at once: they give each other
hints twice at worst, and the store lets one of two supervisors have a step.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from processes.errors import StoreUnavailableError
from processes.jobs.sweep import forget_old_jobs, sweep_temporaries, sweep_work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from processes.jobs.model import Step
    from processes.jobs.protocol import JobStore
    from processes.settings import Settings

LOGGER = logging.getLogger(__name__)

ROUND_SECONDS = 0.5
"""Longest time between two looks at the store."""
SWEEP_SECONDS = 600
"""Time between two sweeps."""
STALE_SECONDS = 3600
"""Age of a temporary file that nobody writes any more."""


class Runner(Protocol):
    """Runs what waits in the store."""

    def start(self) -> None:
        """Begin to take jobs."""
        ...

    def wake(self) -> None:
        """Look at the store now: a job was accepted, or one was dismissed."""
        ...

    def stop(self) -> None:
        """Take no more jobs."""
        ...


class Placer(Protocol):
    """Hands steps to workers."""

    def idle(self) -> Sequence[str]:
        """Return the workers that have nothing to do, or raise ClusterError."""
        ...

    def place(self, step: Step, worker: str) -> None:
        """Hand a step to a worker, or raise ClusterError."""
        ...

    def close(self) -> None:
        """Let go of the workers; what they do goes on."""
        ...


class Dispatcher:
    """A thread that places steps.

    Parameters
    ----------
    store
        Where the steps are.
    connect
        Makes the placer, which calls what it is given when a worker becomes idle; called in the
        thread, since Dask takes a second to load.
    settings
        Leases, and the folders to keep clean.
    """

    def __init__(
        self,
        store: JobStore,
        connect: Callable[[Callable[[], None]], Placer],
        settings: Settings,
    ) -> None:
        self._store, self._connect, self._settings = store, connect, settings
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._placer: Placer | None = None
        self._trusting_until = 0.0
        self._last_round = 0.0
        self._last_sweep: float | None = None
        self._complaint = ""

    def start(self) -> None:
        """Begin to place steps."""
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look at the store now."""
        self._awake.set()

    def stop(self) -> None:
        """Place no more steps; what is placed goes on."""
        self._stopping.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._awake.clear()
            self._round()
            self._awake.wait(ROUND_SECONDS)
        if self._placer is not None:
            self._placer.close()

    def _round(self) -> None:
        try:
            self._expire()
            self._place()
            self._sweep()
        except StoreUnavailableError as error:
            self._trust()
            self._complain(str(error))
        except Exception as error:  # Dask's and the disk's: the next round tries again.
            self._complain(str(error))
            LOGGER.debug("the dispatcher stumbled", exc_info=True)
        else:
            self._complaint = ""

    def _expire(self) -> None:
        """Give up attempts that were silent for too long, unless nobody could be heard."""
        now = time.monotonic()
        if now - self._last_round > self._settings.lease / 2:
            self._trust()
        self._last_round = now
        if now < self._trusting_until:
            return
        for step in self._store.expire(most_attempts=self._settings.most_attempts):
            LOGGER.warning(
                "job %s: attempt %d of step %s was lost", step.job_id, step.attempt, step.name
            )

    def _trust(self) -> None:
        """Give every supervisor time to renew its lease: the silence may have been ours."""
        self._trusting_until = time.monotonic() + 3 * self._settings.heartbeat

    def _place(self) -> None:
        if self._placer is None:
            self._placer = self._connect(self.wake)
        idle = self._placer.idle()
        if not idle:
            return
        for step, worker in zip(self._store.ready(len(idle)), idle, strict=False):
            self._placer.place(step, worker)

    def _sweep(self) -> None:
        now = time.monotonic()
        if self._last_sweep is not None and now - self._last_sweep < SWEEP_SECONDS:
            return
        self._last_sweep = now
        settings = self._settings
        sweep_work(settings.work_folder, self._store)
        if settings.keep_jobs_days is not None:
            forget_old_jobs(self._store, settings.work_folder, settings.keep_jobs_days)
        for folder in (settings.catalog_folder, settings.model_folder, settings.feature_folder):
            with suppress(OSError):
                sweep_temporaries(folder, STALE_SECONDS)

    def _complain(self, text: str) -> None:
        """Log a trouble once, however often it comes in a row."""
        if text != self._complaint:
            LOGGER.warning("%s", text)
        self._complaint = text
