"""Tuning keeps to its time and its rows; the best algorithm is chosen by the honest split."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models.candidates import (
    ALGORITHMS,
    Best,
    RandomForest,
    Stacking,
    SupportVectors,
    best,
    candidate,
)
from engine.models.choice import choose
from engine.models.splits import deal
from engine.models.training import train, training
from engine.models.tuning import Range, search_space, tune
from engine.testing import toy_table, toy_task

TABLE = toy_table(cells=100, months=3).usable()
BLOCKS = deal(TABLE).blocks
BLIND = RandomForest(trees=5, trees_in_folds=5, min_samples_leaf=200)


def steps(seconds: float) -> itertools.count[float]:
    """Return a clock that moves by so much whenever it is looked at."""
    return itertools.count(0.0, seconds)


def test_better_settings_are_found() -> None:
    """From a forest that is blind, the search leads to one that sees."""
    clock = steps(1).__next__
    found = tune(BLIND, TABLE.values, TABLE.truth, BLOCKS, seconds=6, clock=clock)
    assert found.settings.min_samples_leaf < 200
    assert found.trials[0].settings == {}
    assert min(trial.rmse for trial in found.trials) < 0.8 * found.trials[0].rmse


def test_no_trial_starts_that_would_end_too_late() -> None:
    """The first trial is always made; with three seconds a trial, ten are enough for three."""
    for seconds, trials in ((0.1, 1), (10, 3)):
        clock = steps(3).__next__
        found = tune(BLIND, TABLE.values, TABLE.truth, BLOCKS, seconds=seconds, clock=clock)
        assert len(found.trials) == trials
    assert tune(BLIND, TABLE.values, TABLE.truth, BLOCKS, seconds=0).settings == BLIND


def test_equal_seeds_try_the_same() -> None:
    """A longer search begins like a shorter one."""

    def tried(seconds: float, seed: int) -> list[dict[str, object]]:
        clock = steps(1).__next__
        found = tune(
            BLIND,
            TABLE.values,
            TABLE.truth,
            BLOCKS,
            seconds=seconds,
            seed=seed,
            clock=clock,
        )
        return [trial.settings for trial in found.trials]

    assert tried(5, seed=1)[:3] == tried(3, seed=1)[:3]
    assert tried(3, seed=1) != tried(3, seed=2)


def test_a_stack_is_tuned_base_by_base() -> None:
    """Every base has a share of the time, and its trials say whose they are."""
    clock = steps(1).__next__
    stack = Stacking(bases=(BLIND, SupportVectors(rows=100, cost=1)))
    found = tune(stack, TABLE.values, TABLE.truth, BLOCKS, seconds=6, clock=clock)
    assert {trial.settings["base"] for trial in found.trials} == {"rf", "svr"}
    assert found.settings.bases[0].min_samples_leaf < 200


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "stacking"])
def test_the_space_holds_settings(algorithm: str) -> None:
    """What is drawn is allowed, and whole where it must be."""
    random = np.random.default_rng(0)
    settings = candidate("soil-moisture", algorithm)
    for _ in range(20):
        drawn = {name: limits.drawn(random) for name, limits in search_space(algorithm).items()}
        type(settings).model_validate(settings.model_dump() | drawn)


def test_logarithmic_ranges_are_even_in_their_logarithm() -> None:
    """Half of the draws lie below the geometric mean."""
    random = np.random.default_rng(0)
    limits = Range(low=0.01, high=100.0, logarithmic=True)
    drawn = np.array([limits.drawn(random) for _ in range(2000)])
    assert 0.45 < (drawn < 1).mean() < 0.55
    assert drawn.min() >= 0.01
    assert drawn.max() <= 100


def test_tuning_is_on_the_card() -> None:
    """Its time, its trials, and the settings that came of it; scores tune in their own folds."""
    task = toy_task(TABLE, settings=BLIND)
    tuned = replace(task, tuning_seconds=0.3)
    card = train(TABLE, tuned).card
    assert tuned.key != task.key
    assert card.tuning is not None
    assert card.tuning.seconds == 0.3
    assert card.tuning.trials[0].settings == {}
    assert card.settings.min_samples_leaf <= 200
    assert train(TABLE, task).card.tuning is None


def test_the_best_is_the_one_with_the_least_error_in_the_headline() -> None:
    """The random split, where another may win, does not decide; the reason has the numbers."""
    errors = {
        "rf": {"random": 0.010, "spatial-block": 0.02, "block-year": 0.0301},
        "svr": {"random": 0.015, "spatial-block": 0.02, "block-year": 0.0254},
    }
    choice = choose(errors)
    assert (choice.algorithm, choice.split) == ("svr", "block-year")
    assert choice.reason == (
        "svr has the least error on held-out rows of block-year: RMSE 0.0254, "
        "rf follows with 0.0301"
    )


def test_where_the_headline_is_missing_the_next_honest_split_decides() -> None:
    """It is one that all have, and the reason says so."""
    errors = {
        "rf": {"random": 0.01, "spatial-block": 0.02, "block-year": 0.03},
        "stacking": {"random": 0.02, "spatial-block": 0.01},
    }
    choice = choose(errors)
    assert (choice.algorithm, choice.split) == ("stacking", "spatial-block")
    assert "not all have scores of block-year" in choice.reason


@pytest.mark.parametrize("errors", [{}, {"rf": {"random": 0.1}, "svr": {"month": 0.1}}])
def test_nothing_to_choose_from_is_an_error(errors: dict[str, dict[str, float]]) -> None:
    """The error names what is needed."""
    with pytest.raises(ModelError, match="needed: one of block-year"):
        choose(errors)


def test_best_trains_the_winner_and_says_why() -> None:
    """Of a blind and a seeing candidate the seeing one becomes the model."""
    both = Best(candidates=(BLIND, SupportVectors(rows=300, cost=3, tube=0.1)))
    done = training(TABLE, toy_task(TABLE, settings=both))
    card = done.model.card
    assert card.algorithm == "svr"
    assert card.choice is not None
    assert card.choice.split == "spatial-block"
    assert card.choice.rmse["svr"] < card.choice.rmse["rf"]
    assert card.choice.reason.startswith("svr has the least error")
    assert np.isfinite(done.held_out["spatial-block"]).all()
    assert done.held_out.keys() == done.splits.found.keys()


def test_all_shipped_candidates_can_compete() -> None:
    """``best`` knows every algorithm."""
    assert [one.algorithm for one in best("soil-moisture").candidates] == list(ALGORITHMS)
