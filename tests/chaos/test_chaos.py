"""The short form of ``make chaos``: jobs that only wait, each part killed once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROUNDS = 7


def test_the_service_survives_the_death_of_each_of_its_parts() -> None:
    """Every job succeeds, each step is done once, and the service ends whole."""
    program = Path(__file__).with_name("run.py")
    command = [sys.executable, str(program), str(ROUNDS), "--work", "echo", "--seed", "1"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "all successful" in run.stdout
