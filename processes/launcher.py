"""Who starts the parts of the service, starts them again when they die, and ends them all."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from processes.errors import ServiceError
from processes.jobs.lineage import adopt_orphans, end_descendants

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

LOGGER = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
"""How often the parts are looked at."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Pauses before a part is started again: the first, and the last of those that double."""
STEADY_SECONDS = 20.0
"""A part that ran so long starts again after the first pause."""
END_SECONDS = 8.0
"""Time that parts get to end before they are killed: less than containers get."""
WRONG_SETTINGS = 2
"""Exit code of a part that says that its settings are at fault: it is not started again."""


class PartError(ServiceError, RuntimeError):
    """A part of the service cannot be started."""


@dataclass(slots=True, kw_only=True)
class Part:
    """One process that is to run for as long as the launcher does.

    Parameters
    ----------
    name
        For people.
    command
        What to run.
    environment
        Its variables.
    descriptors
        Open files that it inherits.
    outlives
        Whether it is asked to end only when all others have ended: they need it for that.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()
    outlives: bool = False
    _process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _pause: float = FIRST_PAUSE
    _start_at: float = 0.0

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        return None if self._process is None else self._process.pid

    def look_after(self) -> int | None:
        """Start the part where it does not run; return its exit code when it has just ended."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._start_at:
                self._start(now)
            return None
        code = self._process.poll()
        if code is not None:
            self._process = None
            self._pause = FIRST_PAUSE if now - self._started > STEADY_SECONDS else self._pause
            self._start_at = now + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            LOGGER.warning("the %s ended (code %d) and is started again", self.name, code)
        return code

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, deadline: float) -> None:
        """Wait until the part has ended; kill it where that takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            LOGGER.warning("the %s does not end and is killed", self.name)
            self._process.kill()
            self._process.wait()
        self._process = None

    def _start(self, now: float) -> None:
        self._started = now
        self._process = subprocess.Popen(  # noqa: S603  (our own programs)
            [*self.command, str(os.getpid())],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            pass_fds=self.descriptors,
            # A Ctrl-C is for us; we end the parts ourselves.
            start_new_session=True,
        )


@dataclass(slots=True)
class Launcher:
    """Looks after parts until it is told to stop.

    Parameters
    ----------
    parts
        In the order in which they start; they are asked to end all at once, but for those that
        outlive the others.
    """

    parts: Sequence[Part]
    _stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Keep the parts running until SIGTERM or SIGINT.

        Raises
        ------
        PartError
            Where a part says that its settings are at fault.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        adopt_orphans()
        try:
            while not self._stopping.is_set():
                self._round()
                self._stopping.wait(LOOK_SECONDS)
        finally:
            self._end()

    def _round(self) -> None:
        for part in self.parts:
            if part.look_after() == WRONG_SETTINGS:
                raise PartError(f"the {part.name} cannot be started; its message is above")
        # What a killed part has left has become our child: nobody answers for it any more.
        end_descendants(frozenset(part.pid for part in self.parts if part.pid is not None))

    def _end(self) -> None:
        deadline = time.monotonic() + END_SECONDS
        for last in (False, True):
            parts = [part for part in self.parts if part.outlives is last]
            for part in parts:
                part.ask_to_end()
            for part in parts:
                part.wait(deadline)
        end_descendants()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()
