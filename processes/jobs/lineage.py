"""Parents and children among processes: nobody outlives who answers for them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress

import psutil

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
"""Of Linux's ``prctl``."""
_LOOK_SECONDS = 0.2


def die_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Let this process be sent a signal when its parent ends, however that ends.

    Parameters
    ----------
    parent
        The parent's identifier; where it has ended already, the signal comes at once.
    number
        The signal.

    Notes
    -----
    On Linux the kernel does it, and for the parent's *thread* that started this process; so
    that thread should be the main one. Elsewhere a thread of ours looks after the parent.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)
    else:
        arguments = (parent, number)
        threading.Thread(target=_watch, args=arguments, name="parent-watch", daemon=True).start()


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, where the system knows that."""
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_descendants(keep: frozenset[int] = frozenset()) -> None:
    """Kill every descendant of this process but some, and wait until they are gone.

    Parameters
    ----------
    keep
        Children to leave alone, with their descendants.
    """
    while strays := [child for child in psutil.Process().children() if child.pid not in keep]:
        for stray in strays:
            kill_tree(stray.pid)
        for stray in strays:
            # Whose own children come to us now, for the next round.
            with suppress(ChildProcessError):
                os.waitpid(stray.pid, 0)


def kill_tree(pid: int) -> None:
    """Kill a process and all its descendants, those that left its group included."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for member in (*process.children(recursive=True), process):
            with suppress(psutil.NoSuchProcess):
                member.kill()


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to the group that a process leads, and to itself where it leads none yet."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(leader, number)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) failed")


def _watch(parent: int, number: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), number)
