"""A program for the tests of the machinery, loaded by its children; it does what its input says."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from engine.errors import InputError
from engine.files import atomic_path
from processes.errors import StoreUnavailableError
from processes.program import StepOutcome

if TYPE_CHECKING:
    from engine.progress import Progress
    from processes.program import JobContext

LOGGER = logging.getLogger(__name__)


class Inputs(BaseModel):
    """What to do."""

    act: str = "months"
    folder: str = ""


class Toy:
    """Three steps with months between; or one act that goes wrong."""

    first = ("prepare",)

    def step(self, name: str, job: JobContext, progress: Progress) -> StepOutcome:
        """Do what the input says, then the step."""
        act = getattr(self, f"_{job.inputs.act}")
        act(job, progress)
        if name == "prepare":
            return StepOutcome(result={"months": 2}, then=[("2020-01", 1), ("2020-02", 1)])
        if name == "finish":
            return StepOutcome(outputs={"months": sorted(job.results)})
        job.fence()
        last = name == "2020-02"
        return StepOutcome(result=name, then=[("finish", 2)] if last else [])

    def _months(self, job: JobContext, progress: Progress) -> None:
        LOGGER.info("at work with %d results", len(job.results))
        progress(0.5, "half of it")

    def _refused(self, *_: object) -> None:
        raise InputError("act", "'refused'", "another")

    def _crash(self, *_: object) -> None:
        raise KeyError("/secret/path")

    def _die(self, *_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _die_once(self, job: JobContext, _: Progress) -> None:
        mark = Path(job.inputs.folder, "died")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def _database_away_once(self, job: JobContext, _: Progress) -> None:
        mark = Path(job.inputs.folder, "away")
        if not mark.exists():
            mark.touch()
            raise StoreUnavailableError("gone for a moment")

    def _exit(self, *_: object) -> None:
        os._exit(3)

    def _busy(self, job: JobContext, _: Progress) -> None:
        """Stay in C for minutes, with a child, and one that leads a session of its own."""
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        pids = [subprocess.Popen(command, start_new_session=own).pid for own in (False, True)]
        _note(job, *pids)
        ctypes.PyDLL(None).sleep(600)

    def _digest(self, job: JobContext, _: Progress) -> None:
        _note(job)
        hashlib.pbkdf2_hmac("sha256", b"a", b"b", 2**31 - 1)

    def _wait(self, job: JobContext, _: Progress) -> None:
        _note(job)
        with atomic_path(Path(job.inputs.folder, "map.tif")):
            time.sleep(600)

    def _greedy(self, *_: object) -> None:
        held = []
        while True:
            held.append(b"\1" * 10_000_000)
            time.sleep(0.005)

    def _write(self, job: JobContext, _: Progress) -> None:
        for number in range(100):
            Path(job.inputs.folder, f"{number}.bin").write_bytes(bytes(1_000_000))

    def _linger(self, job: JobContext, _: Progress) -> None:
        _note(job)
        deadline = time.monotonic() + 60
        while not Path(job.inputs.folder, "go").exists() and time.monotonic() < deadline:
            time.sleep(0.02)


def _note(job: JobContext, *pids: int) -> None:
    """Tell the test which processes there are."""
    with atomic_path(Path(job.inputs.folder, "pids")) as path:
        path.write_text(" ".join(str(pid) for pid in (os.getpid(), *pids)))


PROGRAM = Toy()
