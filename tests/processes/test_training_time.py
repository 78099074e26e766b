"""What a training is expected to cost."""

from __future__ import annotations

from engine.models.candidates import ALGORITHMS, best, candidate
from processes.training_time import fitting_seconds

ROWS = 4071 * 44
"""Of the whole province in the months of the paper."""


def test_all_together_cost_what_each_costs() -> None:
    """The best of all has to try all."""
    each = [fitting_seconds(candidate("soil-moisture", name), ROWS) for name in ALGORITHMS]
    assert fitting_seconds(best("soil-moisture"), ROWS) == sum(each)
    assert max(each) == fitting_seconds(candidate("soil-moisture", "stacking"), ROWS)


def test_rows_that_are_not_learnt_from_cost_nothing() -> None:
    """Beyond the most rows of a fold the time stays; below it grows with them."""
    forest = candidate("soil-moisture")
    assert fitting_seconds(forest, ROWS) == fitting_seconds(forest, 2 * ROWS)
    assert fitting_seconds(forest, 1000) < fitting_seconds(forest, 10_000)
