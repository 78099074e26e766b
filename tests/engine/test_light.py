"""Who only predicts does not pay for what learns and draws."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, sys
import engine.cog, engine.downscale, engine.feature_store, engine.models.inference
print(json.dumps(sorted({"sklearn", "xgboost", "matplotlib", "distributed"} & sys.modules.keys())))
"""


def test_mapping_loads_no_learner() -> None:
    """A month is mapped without scikit-learn, XGBoost, matplotlib or Dask's workers."""
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    assert json.loads(done.stdout) == []


def test_reading_products_loads_no_compiler() -> None:
    """Numba, which takes a second, comes when numbers are turned, not with the readers."""
    program = "import sys, engine.products; print('numba' in sys.modules)"
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "False"
