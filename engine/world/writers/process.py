"""MODIS granules written by a process of their own.

It packs and compresses while the world is simulated on. HDF4 also notes the path that a file was
opened by, and only a process without other threads may change its directory to keep that short.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from queue import Queue
from threading import Thread
from typing import IO, TYPE_CHECKING, Self

from engine.world.writers.modis_hdf4 import write_modis

if TYPE_CHECKING:
    from pathlib import Path

    from engine.world.operators.observation import Observation

    type _Task = tuple[Observation, Path, str]

_WAITING = 6
"""Observations that may wait to be written; each may take 100 MB."""


class ModisProcess:
    """Hands observations to a process that writes them.

    Parameters
    ----------
    mark
        Text that says that the data are synthetic.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._tasks: Queue[_Task | None] = Queue(_WAITING)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "engine.world.writers.process"]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._feeder = Thread(target=self._feed, name="modis-feeder", daemon=True)
        self._feeder.start()
        return self

    def __exit__(self, kind: object, *others: object) -> None:
        if kind is not None:
            self._process.kill()
        self._tasks.put(None)
        self._feeder.join()
        _, errors = self._process.communicate()
        if kind is None and self._process.returncode:
            raise RuntimeError(f"writing MODIS granules failed:\n{errors.decode()}")

    def write(self, observation: Observation, folder: Path) -> None:
        """Have one granule written below a folder by year."""
        if self._process.poll() is not None:
            raise RuntimeError("the process that writes MODIS granules has ended")
        self._tasks.put((observation, folder.resolve(), self._mark))

    def _feed(self) -> None:
        """Pass tasks on until there are no more; once the process has died, drop them."""
        stdin = self._process.stdin
        while (task := self._tasks.get()) is not None:
            try:
                if stdin is not None:
                    pickle.dump(task, stdin, pickle.HIGHEST_PROTOCOL)
            except BrokenPipeError:
                stdin = None


def write_all(tasks: IO[bytes]) -> None:
    """Write granules until there are no more tasks."""
    while True:
        try:
            observation, folder, mark = pickle.load(tasks)  # noqa: S301 - from our own parent
        except EOFError:
            return
        write_modis(observation, folder, mark)


if __name__ == "__main__":
    write_all(sys.stdin.buffer)
