"""Who stays with one child: tells the supervisor that it is born and how it ended, then ends, too.

A keeper is a process of its own and leads nobody else's child, so that what a child has left
behind, in whatever session, is known to be that child's.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from processes.jobs.lineage import adopt_orphans, die_with_parent, end_descendants, signal_group

if TYPE_CHECKING:
    import socket
    from types import FrameType

_CHILD = "processes.jobs.child"


def fork() -> int:
    """Fork this process, as :func:`os.fork` does."""
    with warnings.catch_warnings():
        # The threads that Python counts are OpenBLAS's, which is made for this.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def keep(parent: int, control: socket.socket, descriptor: int) -> None:
    """Fork a child and stay until nothing of it is left.

    Parameters
    ----------
    parent
        Our own parent: we end with it.
    control
        The supervisor hears here of the child; when it is gone, so shall be the child.
    descriptor
        The child's end of what it says and hears.
    """
    signal.signal(signal.SIGTERM, _end)
    die_with_parent(parent, signal.SIGTERM)
    adopt_orphans()
    try:
        ours = os.getpid()
        pid = fork()
        if pid == 0:
            _become_child(ours, control, descriptor)
        os.close(descriptor)
        _stay(control, pid)
    except BrokenPipeError:
        pass
    finally:
        end_descendants()


def _become_child(parent: int, control: socket.socket, descriptor: int) -> NoReturn:
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        die_with_parent(parent)
        control.close()
        code = import_module(_CHILD).main(descriptor)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _stay(control: socket.socket, pid: int) -> None:
    """Wait for the child's end, or the supervisor's."""
    _say(control, "born", pid)
    child = os.pidfd_open(pid)
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(child, selectors.EVENT_READ)
        ended = child in {key.fd for key, _ in selector.select()}
    os.close(child)
    if ended:
        _bury(control, pid)


def _bury(control: socket.socket, pid: int) -> None:
    """Kill what a child that ended has left running, and tell how it ended."""
    # Not reaped yet, so the number is still the child's own.
    signal_group(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    end_descendants()
    _say(control, "ended", os.waitstatus_to_exitcode(status))


def _say(control: socket.socket, kind: str, number: int) -> None:
    control.sendall(f"{kind} {number}\n".encode())


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    end_descendants()
    os._exit(128 + signal.SIGTERM)
