"""Features that were made once, also where several processes make them at once."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine.feature_cache import FeatureCache

if TYPE_CHECKING:
    from pathlib import Path

BUILDERS = """
import json, os, signal, sys, time
from pathlib import Path
import numpy as np
import xarray as xr
from engine.feature_cache import FeatureCache

cache, whole = FeatureCache(Path(sys.argv[1])), np.arange(200_000.0)

def build():
    time.sleep(0.05)
    return xr.Dataset({"a": ("x", whole)})

def work(dies):
    for turn in range(6):
        if dies and turn == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        got = cache.get("one", str(turn), build)["a"].to_numpy()
        if not np.array_equal(got, whole):
            os._exit(1)
    os._exit(0)

children = []
for number in range(4):
    child = os.fork()
    if not child:
        work(dies=number == 0)
    children.append(child)
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]))
"""


def test_processes_that_make_the_same_file_agree(tmp_path: Path) -> None:
    """Each gets whole features, whoever was first, and one that is killed hurts none."""
    arguments = [sys.executable, "-W", "ignore", "-c", BUILDERS, str(tmp_path)]
    done = subprocess.run(arguments, check=True, capture_output=True, timeout=120)
    assert json.loads(done.stdout) == [-9, 0, 0, 0]
    assert len(list(tmp_path.glob("one-*.npz"))) == 6


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    """What is truncated is not there."""
    cache = FeatureCache(tmp_path)
    values = xr.Dataset({"a": ("x", np.arange(1000.0))})
    cache.get("one", "key", lambda: values)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:3000])
    assert cache.get("one", "key", lambda: values).equals(values)
    assert cache.get("one", "key", xr.Dataset).equals(values)
