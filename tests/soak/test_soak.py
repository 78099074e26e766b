"""The short form of ``make soak``, as it runs in CI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_hundreds_of_jobs_leave_nothing_behind() -> None:
    """Memory, open files and threads stay as they are, and SIGTERM during a job loses nothing."""
    program = str(Path(__file__).with_name("run.py"))
    command = [sys.executable, program, "150", "--seconds", "60"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "jobs are there" in run.stdout
