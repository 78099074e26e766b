"""Children that need not wait for the science to load: forked from a process that has loaded it.

A fresh interpreter takes seconds until xarray, rasterio and scikit-learn are there. So every
supervisor keeps a *fork server*: a process of one thread that loads them once, in its idle time,
and forks a child per attempt. It ends when its supervisor does, and takes everything with it that
its children started.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import warnings
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, NoReturn

from processes.jobs.lineage import (
    adopt_orphans,
    die_with_parent,
    end_descendants,
    kill_tree,
    signal_group,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

LOGGER = logging.getLogger(__name__)

NICENESS = 10
"""How far the work stands back behind the service that answers."""
PRELOAD = (
    "processes.jobs.child",
    "processes.echo",
    "numpy",
    "pandas",
    "scipy.stats",
    "xarray",
    "pyproj",
    "rasterio",
    "sklearn.ensemble",
    "onnxruntime",
    "engine.models.compiled.kernel",
    "engine.sparse_sums",
    "engine.pixel_sums",
    "matplotlib.figure",
    "processes.inputs",
    "processes.run",
)
"""What is loaded ahead, one after another while nobody asks for a child."""
_CHILD = "processes.jobs.child"
_SIZE = 64


class ForkServerLostError(RuntimeError):
    """The fork server has ended."""


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


class ForkServer:
    """The supervisor's end: one child at a time.

    Parameters
    ----------
    preload
        Modules to load ahead.
    environment
        Variables of the server, beyond our own.
    """

    def __init__(
        self, preload: Sequence[str] = PRELOAD, environment: Mapping[str, str] | None = None
    ) -> None:
        self._preload = tuple(preload)
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._heard = b""

    def start(self) -> None:
        """Start the server, where none runs."""
        if self._process is not None and self._process.poll() is None:
            return
        self.stop()
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = [str(theirs.fileno()), str(os.getpid()), *self._preload]
            command = [sys.executable, "-m", __name__, *arguments]
            self._process = subprocess.Popen(  # noqa: S603  (our own program)
                command,
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._control, self._heard = ours, b""

    def stop(self) -> None:
        """End the server, its child, and all that it started."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.wait()
        self._process = self._control = None

    def fork(self) -> Child:
        """Return a new child, which waits for its order.

        Raises
        ------
        ForkServerLostError
            Where the server ends meanwhile.
        """
        self.start()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._socket(), [b"fork"], [theirs.fileno()])
            kind, number = self._hear()
        except (ForkServerLostError, OSError) as error:
            ours.close()
            raise ForkServerLostError(str(error)) from None
        if kind != "born":
            raise ForkServerLostError(f"it said {kind} {number}")
        return Child(number, Connection(ours.detach()))

    def fileno(self) -> int:
        """Return what becomes readable when the child, or the server, has ended."""
        return self._socket().fileno()

    def wait(self, child: Child) -> None:
        """Wait until a child has ended and nothing of it is left; its code is set then.

        Raises
        ------
        ForkServerLostError
            Where the server ended; the child did so too.
        """
        try:
            _, child.code = self._hear()
        except ForkServerLostError:
            # The kernel kills the child; this is for what the child has started.
            signal_group(child.pid, signal.SIGKILL)
            child.code = -signal.SIGKILL
            self.stop()
            raise

    def _socket(self) -> socket.socket:
        if self._control is None:
            raise ForkServerLostError("the fork server has not been started")
        return self._control

    def _hear(self) -> tuple[str, int]:
        """Return the next line of the server: a word and a number."""
        while b"\n" not in self._heard:
            try:
                more = self._socket().recv(_SIZE)
            except ConnectionError:
                more = b""
            if not more:
                raise ForkServerLostError("the fork server has ended")
            self._heard += more
        line, self._heard = self._heard.split(b"\n", 1)
        kind, number = line.split()
        return kind.decode(), int(number)


class _Server:
    """The server's end."""

    def __init__(self, control: socket.socket, preload: Sequence[str]) -> None:
        self._control = control
        self._to_load = list(preload)
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def run(self) -> None:
        """Fork a child per request until the supervisor is gone."""
        while True:
            events = self._selector.select(0 if self._to_load else None)
            for key, _ in events:
                if key.fileobj is not self._control:
                    self._bury(key.fd, key.data)
                elif not self._answer():
                    return
            if not events and self._to_load:
                self._load(self._to_load.pop(0))

    def _answer(self) -> bool:
        """Fork a child that gets the end of a pipe; False where nobody asks any more."""
        try:
            request, descriptors, _, _ = socket.recv_fds(self._control, _SIZE, 1)
        except ConnectionError:
            return False
        if not request:
            return False
        parent = os.getpid()
        with warnings.catch_warnings():
            # The threads that Python counts are OpenBLAS's, which is made for this.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            self._become_child(parent, descriptors[0])
        os.close(descriptors[0])
        self._selector.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)
        self._say("born", pid)
        return True

    def _become_child(self, parent: int, descriptor: int) -> NoReturn:
        code = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.setsid()
            die_with_parent(parent)
            self._control.close()
            self._selector.close()
            code = import_module(_CHILD).main(descriptor)
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _bury(self, descriptor: int, pid: int) -> None:
        """Kill what a child that ended has left running, and tell how it ended."""
        self._selector.unregister(descriptor)
        os.close(descriptor)
        # Not reaped yet, so the number is still the child's own.
        signal_group(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        end_descendants()
        self._say("ended", os.waitstatus_to_exitcode(status))

    def _say(self, kind: str, number: int) -> None:
        self._control.sendall(f"{kind} {number}\n".encode())

    def _load(self, name: str) -> None:
        try:
            import_module(name)
        except ImportError as error:
            # The child that needs it says so, to whom it concerns.
            LOGGER.warning("%s cannot be loaded ahead: %s", name, error)


def main(descriptor: int, parent: int, preload: Sequence[str]) -> None:
    """Serve the supervisor at the other end of a socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    # The closed socket tells it, too, but not before a module that is being loaded is there.
    die_with_parent(parent, signal.SIGTERM)
    os.nice(NICENESS)
    adopt_orphans()
    try:
        with socket.socket(fileno=descriptor) as control:
            _Server(control, preload).run()
    except BrokenPipeError:
        pass
    finally:
        end_descendants()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    end_descendants()
    os._exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
