"""What a training is expected to cost."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from engine.models.candidates import ALGORITHMS, best, candidate
from engine.months import Month
from processes.training_time import fitting_seconds, training_seconds

if TYPE_CHECKING:
    from engine.feature_store import FeatureStore

_SPLITS = 5

ROWS = 4071 * 44
"""Of the whole province in the months of the paper."""


def test_all_together_cost_what_each_costs() -> None:
    """The best of all has to try all."""
    each = [fitting_seconds(candidate("soil-moisture", name), ROWS) for name in ALGORITHMS]
    assert fitting_seconds(best("soil-moisture"), ROWS) == sum(each)
    assert max(each) == fitting_seconds(candidate("soil-moisture", "stacking"), ROWS)


def test_tuning_costs_its_time_in_every_fold() -> None:
    """An estimate without it would let a request through that nobody expects to be so long."""
    store = cast(
        "FeatureStore", SimpleNamespace(area=SimpleNamespace(shape=SimpleNamespace(y=270, x=270)))
    )
    months, forest = [Month(2020, 5), Month(2020, 6)], candidate("soil-moisture")
    plain, tuned, all_tuned = (
        training_seconds(store, months, settings, tuning_seconds=seconds)
        for settings, seconds in ((forest, 0), (forest, 10), (best("soil-moisture"), 10))
    )
    assert tuned - plain > 10 * _SPLITS
    assert all_tuned - tuned > (len(ALGORITHMS) - 1) * 10 * _SPLITS


def test_rows_that_are_not_learnt_from_cost_nothing() -> None:
    """Beyond the most rows of a fold the time stays; below it grows with them."""
    forest = candidate("soil-moisture")
    assert fitting_seconds(forest, ROWS) == fitting_seconds(forest, 2 * ROWS)
    assert fitting_seconds(forest, 1000) < fitting_seconds(forest, 10_000)
