"""The service that is to survive: its launcher, and the processes that each part has now."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from processes.settings import Settings

GONE_SECONDS = 10.0
"""Longest time until everything has ended with its launcher."""
PARTS = {
    "web server": "processes.web",
    "scheduler": "processes.jobs.cluster scheduler",
    "worker": "processes.jobs.cluster worker",
    "fork server": "processes.jobs.preloaded",
}
"""Parts of the service, and what their command lines contain."""
KEEPER, CHILD, LAUNCHER, DATABASE = "keeper", "child", "launcher", "database"


class ChaosError(AssertionError):
    """The service did not survive as it should."""


@dataclass(slots=True)
class Service:
    """The service under test, whose launcher may be killed and started again."""

    settings: Settings
    log: Path
    _launcher: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the launcher."""
        with self.log.open("ab") as log:
            self._launcher = subprocess.Popen(
                [sys.executable, "-m", "processes", "serve"],
                env=os.environ | self.settings.environment(),
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """Ask the service to end, and see that it does so whole."""
        launcher = self._root()
        parts = launcher.children(recursive=True)
        launcher.terminate()
        code = self._popen().wait(30)
        if code:
            raise ChaosError(f"the service ended with code {code}")
        see_end(parts)

    def pids(self, part: str) -> list[int]:
        """Return the processes that a part has now."""
        if part == LAUNCHER:
            return [self._root().pid]
        with suppress(psutil.NoSuchProcess):
            below = self._root().children(recursive=True)
            running = [one for one in below if _runs(one, PARTS["fork server"])]
            # A keeper and its child, which are forked, have the same command line.
            server = [one for one in running if one.parent() not in running]
            keepers = [child for one in server for child in one.children()]
            children = [child for one in keepers for child in one.children()]
            forked = {"fork server": server, KEEPER: keepers, CHILD: children}
            if part not in forked:
                forked[part] = [one for one in below if _runs(one, PARTS[part])]
            return sorted(process.pid for process in forked[part])
        return []

    def at_work(self, pids: Sequence[int]) -> list[int]:
        """Return those of some processes below which a child is at work."""
        children = self.pids(CHILD)
        with suppress(psutil.NoSuchProcess):
            above = {parent.pid for pid in children for parent in psutil.Process(pid).parents()}
            return [pid for pid in pids if pid in above]
        return []

    def restart(self) -> None:
        """Kill the launcher; everything ends with it, and is then started again."""
        parts = self._root().children(recursive=True)
        self.kill()
        see_end(parts)
        self.start()

    def kill(self) -> None:
        """Kill the launcher, if it still runs."""
        self._popen().kill()
        self._popen().wait()

    def _popen(self) -> subprocess.Popen[bytes]:
        assert self._launcher is not None
        return self._launcher

    def _root(self) -> psutil.Process:
        return psutil.Process(self._popen().pid)


def see_end(processes: Sequence[psutil.Process]) -> None:
    """Wait until processes have ended that shall not outlive their launcher."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := [process for process in processes if _lives(process)]:
        if time.monotonic() > deadline:
            raise ChaosError(f"these outlived the launcher: {left}")
        time.sleep(0.05)


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _runs(process: psutil.Process, words: str) -> bool:
    with suppress(psutil.Error):
        return words in " ".join(process.cmdline())
    return False
