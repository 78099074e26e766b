"""Children that need not wait for the science to load: forked from a process that has loaded it.

A fresh interpreter takes seconds until xarray, rasterio and scikit-learn are there. So a *fork
server* loads them once, in its idle time, and forks a child per attempt, with a *keeper* between::

    fork server ── keeper ── child at work
                └─ keeper ── child at work

The workers of ``vadose serve`` share one; a worker of its own starts one of its own. What a
supervisor asks for ends when the supervisor does, with everything that was started by it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from processes.jobs.lineage import kill_tree, signal_group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROGRAM = "processes.jobs.preloaded"
"""The fork server as a module to run: ``DESCRIPTOR [MODULE…] PARENT``."""
LOOK_SECONDS = 0.1
"""How often it is asked, while a child is waited for, whether it still shall be."""
_SIZE = 64


class ForkServerLostError(RuntimeError):
    """The fork server, or the keeper of a child, has ended."""


@dataclass(slots=True)
class Child:
    """A forked process that leads a session of its own."""

    pid: int
    """Its identifier, and its group's."""
    connection: Connection
    """What it says."""
    code: int | None = None
    """How it ended: its exit code, or minus the signal's number."""

    def ask_to_end(self) -> None:
        """Send SIGTERM to the child and its group, if it still runs."""
        if self.code is None:
            signal_group(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the child and all that it started, if it still runs."""
        if self.code is None:
            kill_tree(self.pid)
            signal_group(self.pid, signal.SIGKILL)


def request_line() -> tuple[socket.socket, socket.socket]:
    """Return both ends of what requests go through: for a fork server, and for who asks it."""
    theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return theirs, ours


class ForkServer:
    """The supervisor's end: one child at a time.

    Parameters
    ----------
    requests
        Where a fork server is asked that somebody else looks after; by default one is started
        here.
    preload
        Modules that our own one loads ahead; by default those of the science.
    environment
        Variables of our own one, beyond ours.
    """

    def __init__(
        self,
        requests: socket.socket | None = None,
        *,
        preload: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._requests = requests
        self._is_shared = requests is not None
        self._preload = tuple(preload)
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._heard = b""

    def start(self) -> None:
        """Start the server, where none runs and none is shared."""
        if self._is_shared or (self._process is not None and self._process.poll() is None):
            return
        self.stop()
        theirs, self._requests = request_line()
        with theirs:
            arguments = [str(theirs.fileno()), *self._preload, str(os.getpid())]
            self._process = subprocess.Popen(  # noqa: S603  (our own program)
                [sys.executable, "-m", PROGRAM, *arguments],
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def stop(self) -> None:
        """End the child and all that it started, and the server where it is our own."""
        self._leave()
        if self._is_shared:
            return
        if self._requests is not None:
            self._requests.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._process = self._requests = None

    def fork(self, may_wait: Callable[[], bool] = lambda: True) -> Child:
        """Return a new child, which waits for its order.

        Parameters
        ----------
        may_wait
            Asked while the server still loads, which takes long on a slow machine.

        Raises
        ------
        ForkServerLostError
            Where the server ends meanwhile, or is not waited for. A shared one that is started
            again does what was asked for then.
        """
        self.start()
        self._leave()
        ours, theirs = socket.socketpair()
        self._control, told = socket.socketpair()
        try:
            with theirs, told:
                socket.send_fds(self._line(), [b"fork"], [told.fileno(), theirs.fileno()])
            kind, number = self._hear_birth(may_wait)
        except (ForkServerLostError, OSError) as error:
            ours.close()
            self._leave()
            raise ForkServerLostError(str(error)) from None
        if kind != "born":
            raise ForkServerLostError(f"it said {kind} {number}")
        return Child(number, Connection(ours.detach()))

    def fileno(self) -> int:
        """Return what becomes readable when the child, or its keeper, has ended."""
        return self._told().fileno()

    def wait(self, child: Child) -> None:
        """Wait until a child has ended and nothing of it is left; its code is set then.

        Raises
        ------
        ForkServerLostError
            Where the server or the keeper ended; the child did so too.
        """
        try:
            _, child.code = self._hear()
        except ForkServerLostError:
            # The kernel kills the child; this is for what the child has started.
            signal_group(child.pid, signal.SIGKILL)
            child.code = -signal.SIGKILL
            raise
        finally:
            self._leave()

    def _leave(self) -> None:
        """Let the keeper go, and with it the child where it still runs."""
        if self._control is not None:
            self._control.close()
        self._control, self._heard = None, b""

    def _line(self) -> socket.socket:
        if self._requests is None:
            raise ForkServerLostError("the fork server has not been started")
        return self._requests

    def _told(self) -> socket.socket:
        if self._control is None:
            raise ForkServerLostError("there is no child")
        return self._control

    def _hear_birth(self, may_wait: Callable[[], bool]) -> tuple[str, int]:
        while not wait([self._told()], LOOK_SECONDS):
            if not may_wait():
                raise ForkServerLostError("it was not waited for any longer")
        return self._hear()

    def _hear(self) -> tuple[str, int]:
        """Return the next line of the keeper: a word and a number."""
        while b"\n" not in self._heard:
            try:
                more = self._told().recv(_SIZE)
            except ConnectionError:
                more = b""
            if not more:
                raise ForkServerLostError("the fork server has ended")
            self._heard += more
        line, self._heard = self._heard.split(b"\n", 1)
        kind, number = line.split()
        return kind.decode(), int(number)
