"""The short form of `make science`: everything runs and lands where it is looked for.

Its models are cut to a few trees and its world is tiny, so its scores say nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SECTIONS = (
    "comparison",
    "canary",
    "sif_effect",
    "importance",
    "layers",
    "sif_reconstruction",
    "scale_up",
    "paper",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """Give the file of results, and what was printed."""
    folder = tmp_path_factory.mktemp("science")
    command = [sys.executable, str(Path(__file__).parent), "--preset", "tiny", "--threads", "1"]
    command += ["--out", str(folder / "science.json"), "--worlds", str(folder / "worlds")]
    command += ["--sections", *SECTIONS]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "science.json").read_text(encoding="utf-8")), done.stdout


def test_the_comparison_is_where_it_is_looked_for(run: tuple[dict[str, Any], str]) -> None:
    """By algorithm, with and without SIF, by split, each number with its interval."""
    result, _ = run
    splits = {"random", "block", "month", "year", "block_year"}
    for sets in result["comparison"].values():
        for name in ("with", "without"):
            assert set(sets[name]) <= splits
            assert {"random", "block", "month"} <= set(sets[name])
            r2 = sets[name]["random"]["r2"]
            assert r2["lower"] <= r2["value"] <= r2["upper"]
    assert "cluster" in result["comparison_notes"]["intervals"]


def test_layers_are_scored_against_the_truth(run: tuple[dict[str, Any], str]) -> None:
    """Every layer, its weights, how much of the gap they close, and the interval."""
    result, _ = run
    (layers,) = result["layers"].values()
    assert {"bilinear", "nearest", "raw", "conserving", "blend", "shrunken", "best"} <= set(layers)
    assert layers["conserving"]["conservation_error"] < 1e-4
    assert layers["best"]["rmse"] <= min(layers["blend"]["rmse"], layers["raw"]["rmse"]) + 1e-4
    assert layers["nearest"]["subgrid_r"] == 0
    (weights,) = result["weights"].values()
    assert set(weights) == {"estimated", "with_truth", "gap_closed"}
    assert 0 <= result["interval"]["coverage"] <= 1
    assert result["interval"]["mean_width"] > 0


def test_all_arms_and_reports_are_there(run: tuple[dict[str, Any], str]) -> None:
    """SIF's arms, importance with its caveat, SIF's own scores, one scale up, the paper."""
    result, _ = run
    (effect,) = result["sif_effect"].values()
    assert [arm["arm"] for arm in effect["arms"]] == ["A", "B", "C", "D", "E1", "E2"]
    assert "forcing of the target" in result["importance"]["rf"]["caveat"]
    splits = result["sif_reconstruction"]["splits"]
    assert {"random", "spatial-block"} <= set(splits)
    assert splits["random"]["by_8_days"]
    lifted = result["scale_up"]["realistic"]["layers"]
    assert {"bilinear", "kriging", "forest_kriged", "daliri", "blend"} <= set(lifted)
    assert result["paper"]["rows"]
    assert set(result["canary"]["r2_gain"]) == {"all", "changing"}


def test_it_says_what_it_is(run: tuple[dict[str, Any], str]) -> None:
    """Synthetic in the file and on the terminal; caps, gates and where bilinear SMAP wins."""
    result, printed = run
    assert result["synthetic"].startswith("true")
    assert result["caps"]["resamples"] == 200
    assert all({"reached", "found", "wanted"} <= set(gate) for gate in result["gates"].values())
    for text in ("SYNTHETIC", "bilinear is better in", "What was to be reached", "caveat"):
        assert text in printed
    assert not result["complete"]
