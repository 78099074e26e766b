"""The short form of ``make chaos``, as it runs in CI."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROUNDS = 20


def test_the_service_survives_the_death_of_each_of_its_parts() -> None:
    """In 20 rounds all jobs succeed, each month is made once, and the service ends whole."""
    program = Path(__file__).with_name("run.py")
    command = [sys.executable, str(program), str(ROUNDS), "--quick", "--seed", "1"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"\d+ jobs, all successful", run.stdout)
    kills = re.findall(r"^(.{11}) +(\d+) kills", run.stdout, re.MULTILINE)
    assert sum(int(count) for _, count in kills) == ROUNDS
    assert len(kills) >= 7  # Eight, where the jobs are in PostgreSQL.
