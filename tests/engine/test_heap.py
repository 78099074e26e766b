"""What is freed is used again, not taken from the system anew."""

from __future__ import annotations

import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
import numpy as np
from engine.heap import keep_freed_memory
if "kept" in sys.argv and not keep_freed_memory():
    sys.exit("no mallopt")
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(1_500_000, np.float32) for _ in range(8)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(sum(faults() for _ in range(5)))
"""


def _faults(*arguments: str) -> int:
    command = [sys.executable, "-c", _FAULTS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "no mallopt" in done.stderr:
        pytest.skip("this C library has no mallopt")
    return int(done.stdout)


def test_arrays_are_made_without_asking_the_system() -> None:
    """A second round of arrays finds its pages where those of the first one were."""
    assert _faults("kept") < _faults() / 10
