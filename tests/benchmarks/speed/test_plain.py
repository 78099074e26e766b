"""The naive pipeline, which knows nothing of vadose, finds the features that vadose finds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import plain
import pytest
from pipeline import Pipelines

from engine.grids import block_mean

if TYPE_CHECKING:
    from engine.world import World


@pytest.fixture(scope="module")
def ways(tiny_world: World, tmp_path_factory: pytest.TempPathFactory) -> Pipelines:
    """Give the ways from the tiny world's archive."""
    return Pipelines(tiny_world, tmp_path_factory.mktemp("ways"))


def test_the_features_agree_with_ours(ways: Pipelines, tmp_path: Path) -> None:
    """At 1 km as far as GDAL's means allow; where these errors cancel out, at 9 km, far nearer."""
    month = ways.months[0]
    made = plain.features(ways.archive.root, month.period.start, ways.target)
    assert list(made.data_vars) == ways.names
    for name, ours in zip(ways.names, ways.ours(month, tmp_path), strict=True):
        theirs = made[name].to_numpy()
        assert correlation(ours, theirs) > 0.88, name
        assert correlation(block_mean(ours), block_mean(theirs)) > 0.97, name


def test_the_naive_code_knows_nothing_of_ours() -> None:
    """Otherwise it would be no independent check, and no baseline."""
    assert "engine" not in Path(plain.__file__).read_text(encoding="utf-8")


def correlation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the correlation of two maps where both are known."""
    both = np.isfinite(ours) & np.isfinite(theirs)
    assert both.mean() > 0.9
    return float(np.corrcoef(ours[both], theirs[both])[0, 1])
