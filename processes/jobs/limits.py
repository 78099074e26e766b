"""What one attempt may take: time, memory; and whether the machine itself ran out of it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from processes.settings import Settings

LOOK_SECONDS = 0.5
"""How often memory is measured."""
SHARE = 0.8
"""Part of the machine's memory that all attempts together may take."""
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_KERNEL_COUNTERS = Path("/proc/vmstat")
_GIB = 2**30


@dataclass(slots=True, kw_only=True)
class Limits:
    """The limits of an attempt, from now on."""

    memory: int
    """Most memory of its processes together, bytes."""
    seconds: float
    """Longest time."""
    _started: float = field(default_factory=time.monotonic)
    _kills: int = field(default_factory=lambda: kernel_kills())  # noqa: PLW0108  (defined below)
    _next_look: float = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits that settings give."""
        return cls(memory=memory_limit(settings), seconds=settings.attempt_seconds)

    def broken_by(self, pid: int) -> str | None:
        """Return which limit a process and its descendants break, or None."""
        now = time.monotonic()
        if now - self._started > self.seconds:
            return f"the work took longer than the {self.seconds:g} s allowed"
        if now < self._next_look:
            return None
        self._next_look = now + LOOK_SECONDS
        if memory_of(pid, self.memory) > self.memory:
            return f"the work took more memory than the {self.memory / _GIB:.1f} GiB allowed"
        return None

    def machine_ran_out(self) -> bool:
        """Whether the kernel has killed for want of memory since the start."""
        return kernel_kills() > self._kills


def memory_limit(settings: Settings) -> int:
    """Return how much memory an attempt may take, bytes."""
    if settings.attempt_memory is not None:
        return int(settings.attempt_memory)
    return int(SHARE * machine_memory() / settings.jobs_at_once)


def machine_memory() -> int:
    """Return how much memory the machine has, or its container, bytes."""
    total = int(psutil.virtual_memory().total)
    with suppress(OSError, ValueError):
        return min(total, int(_CGROUP_LIMIT.read_text()))
    return total


def memory_of(pid: int, enough: int) -> int:
    """Return the memory of a process and its descendants, bytes.

    What they share with others is counted in part; that is looked up only where the simpler sum,
    which counts it whole, is more than ``enough``.
    """
    with suppress(psutil.NoSuchProcess):
        leader = psutil.Process(pid)
        members = [leader, *leader.children(recursive=True)]
        simple = sum(_resident(member) for member in members)
        return simple if simple <= enough else sum(_proportional(member) for member in members)
    return 0


def kernel_kills() -> int:
    """Return how often the kernel has killed for want of memory since it was booted."""
    with suppress(OSError):
        for line in _KERNEL_COUNTERS.read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _proportional(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.uss))
    return 0
