"""Ratios come from rounds in which the ways take turns."""

from __future__ import annotations

import numpy as np
import pytest
from fields import FEATURES, SHAPE, predictors, target, with_gaps
from pairing import compared, turns


def test_ways_take_turns() -> None:
    """Each is done once unmeasured, then round by round."""
    done: list[str] = []
    ways = {name: (lambda name=name: done.append(name)) for name in ("ours", "theirs")}
    seconds = turns(ways, 3)
    assert done == ["ours", "theirs"] * 4
    assert {name: len(spent) for name, spent in seconds.items()} == {"ours": 3, "theirs": 3}


@pytest.mark.parametrize(
    ("goal", "below", "reached"),
    [(None, False, None), (2, False, True), (3, False, False), (3, True, True), (2, True, False)],
)
def test_the_median_of_the_rounds_counts(goal: float, below: bool, reached: bool) -> None:
    """The smallest and the largest ratio are its spread."""
    ratio = compared(
        "x",
        [1.0, 2.0, 1.0],
        [2.5, 4.0, 9.0],
        work="",
        against="",
        unit="s",
        goal=goal,
        below=below,
    )
    assert (ratio.ratio, ratio.least, ratio.most) == (2.5, 2, 9)
    assert ratio.reached is reached
    assert ratio.told()["reached"] is reached


def test_the_fields_are_rasters_with_something_to_learn() -> None:
    """Neighbours are alike, and the target varies more than its noise."""
    values = predictors(1)
    assert values.shape == (SHAPE[0] * SHAPE[1], len(FEATURES))
    raster = values[:, 0].reshape(SHAPE)
    assert np.corrcoef(raster[:, 1:].ravel(), raster[:, :-1].ravel())[0, 1] > 0.8
    assert target(values).std() > 0.05
    assert np.isnan(with_gaps(values, 0.02)).mean() == pytest.approx(0.02, rel=0.1)
