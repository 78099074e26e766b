"""Every candidate learns, repeats itself, and is in its ONNX file to the last digit that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from pydantic import TypeAdapter

from engine.errors import ModelError, ParityError
from engine.models.blocks import block_folds
from engine.models.candidates import (
    ALGORITHMS,
    Candidate,
    NeuralNetworks,
    RandomForest,
    Sample,
    Stacking,
    SupportVectors,
    XGBoost,
    candidate,
)
from engine.models.inference import Session
from engine.models.parity import check_parity, held_out_rows
from engine.models.training import train
from engine.testing import toy_table, toy_task

if TYPE_CHECKING:
    from engine.models.candidates import Fitted
    from engine.models.table import Table

SMALL = {
    "rf": RandomForest(trees=20, trees_in_folds=10),
    "xgboost": XGBoost(most_trees=60, patience=8, learning_rate=0.1, depth=4),
    "svr": SupportVectors(cost=3, tube=0.1, width=0.5),
    "dnn": NeuralNetworks(
        layers=(16, 8), networks=2, networks_in_folds=1, learning_rate=5e-3, batch=32
    ),
}
SMALL["stacking"] = Stacking(bases=tuple(SMALL.values()))
FOUND = {
    "rf": set(),
    "xgboost": {"trees"},
    "svr": {"vectors"},
    "dnn": set(),
    "stacking": {"share of svr", "vectors of svr", "trees of xgboost"},
}


@pytest.fixture(scope="module")
def table() -> Table:
    """Give rows of four months on a square of 80 km."""
    return toy_table(cells=81, months=4).usable()


def folds_of(table: Table) -> np.ndarray:
    """Return the rows' block folds."""
    found = block_folds(table.x, table.y, seed=1)
    assert found is not None
    return found.number


@pytest.fixture(scope="module", params=ALGORITHMS)
def fitted(request: pytest.FixtureRequest, table: Table) -> Fitted:
    """Give each algorithm, fitted."""
    return SMALL[request.param].fit(table.values, table.truth, folds=folds_of(table))


def test_it_learns(fitted: Fitted, table: Table) -> None:
    """Fresh rows of the same law are predicted, whatever the algorithm."""
    values = np.random.default_rng(99).normal(size=(500, 4)).astype(np.float32)
    truth = 0.25 + values @ np.array([0.02, -0.01, 0.02, 0.0])
    error = fitted.predict(values) - truth
    assert 1 - (error**2).mean() / truth.var() > 0.7
    assert fitted.predict(values).dtype == np.float64
    assert fitted.predict(table.values[:0]).shape == (0,)


def test_the_file_repeats_it(fitted: Fitted, table: Table) -> None:
    """On unseen rows, some lacking values, far-off ones too, the file gives the same numbers."""
    content = fitted.to_onnx(table.features, table.target)
    assert check_parity(fitted, content, table.values) <= 1e-5
    far = 1000 * held_out_rows(table.values, seed=3)
    np.testing.assert_allclose(Session(content)(far), fitted.predict(far), atol=1e-5)


def test_a_file_that_differs_is_refused_with_the_numbers(fitted: Fitted, table: Table) -> None:
    """A constant that is off by a little is enough."""
    model = onnx.load_from_string(fitted.to_onnx(table.features, table.target))
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "leaf_weights":
                leaves = onnx.numpy_helper.to_array(attribute.t) + np.float32(1e-4)
                attribute.t.CopyFrom(onnx.numpy_helper.from_array(leaves))
    for constant in model.graph.initializer:
        if constant.name.endswith(("offsets2", "intercept")):
            off = onnx.numpy_helper.to_array(constant)
            constant.CopyFrom(
                onnx.numpy_helper.from_array(off + off.dtype.type(1e-3), constant.name)
            )
    with pytest.raises(ParityError, match=r"differs from its estimator by .* allowed: 1e-05"):
        check_parity(fitted, model.SerializeToString(), table.values)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_seed_gives_the_same_model(algorithm: str, table: Table) -> None:
    """With one thread or two, float64 or float32; another seed gives another where it matters."""
    settings, folds = SMALL[algorithm], folds_of(table)
    first = settings.fit(table.values, table.truth, folds=folds, threads=1)
    wide = table.values.astype(np.float64)
    second = settings.fit(wide, table.truth, folds=folds, threads=2)
    np.testing.assert_array_equal(first.predict(table.values), second.predict(wide))
    third = settings.fit(table.values, table.truth, folds=folds, seed=7)
    same = np.array_equal(first.predict(table.values), third.predict(table.values))
    assert same == (algorithm == "svr")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_missing_values_are_taken(algorithm: str, table: Table) -> None:
    """A column that a fold lacks wholly, and rows without anything, still give numbers."""
    values = table.values.copy()
    values[:, 3] = np.nan
    fitted = SMALL[algorithm].fit(values, table.truth, folds=folds_of(table))
    known = fitted.predict(table.values)
    assert np.isfinite(known).all()
    assert np.isfinite(fitted.predict(np.full((1, 4), np.nan))).all()
    if algorithm in ("svr", "dnn"):
        np.testing.assert_array_equal(known, fitted.predict(values))
    content = fitted.to_onnx(table.features, table.target)
    assert check_parity(fitted, content, table.values) <= 1e-5


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_any_candidate_becomes_a_stored_model(algorithm: str) -> None:
    """Its settings come back from the card as what they were, and the id names the algorithm."""
    table = toy_table()
    card = train(table, toy_task(table, settings=SMALL[algorithm])).card
    assert card.id.startswith(f"soil-moisture-{algorithm}-")
    assert card.model_validate_json(card.model_dump_json()) == card
    assert card.settings == SMALL[algorithm]
    assert set(card.found) >= FOUND[algorithm]
    known = [feature.importance for feature in card.features]
    if algorithm in ("svr", "dnn"):
        assert known == [None] * 4
    elif algorithm != "stacking":
        assert sum(share for share in known if share is not None) == pytest.approx(1, abs=1e-5)


def test_all_rows_in_one_fold_can_still_stop_early_and_stack(table: Table) -> None:
    """An area too small for two blocks is no error."""
    nowhere = np.zeros(len(table), dtype=np.int64)
    for settings in SMALL.values():
        fitted = settings.fit(table.values, table.truth, folds=nowhere)
        assert np.isfinite(fitted.predict(table.values)).all()


def test_early_stopping_holds_out_whole_blocks(table: Table) -> None:
    """What is held out is one of the folds given, all of it, and each in turn."""
    sample = Sample(
        values=table.values, truth=table.truth.astype(float), folds=folds_of(table) * 7 + 3
    )
    seen = []
    for number in range(2):
        shown, held_out = sample.hold_out(number, seed=0)
        (fold,) = np.unique(held_out.folds)
        assert fold not in shown.folds
        assert len(shown) + len(held_out) == len(sample)
        seen.append(int(fold))
    assert sorted(seen) == np.unique(sample.folds).tolist()


def test_a_bounded_sample_is_like_the_whole(table: Table) -> None:
    """Folds and the target's distribution stay, no row comes twice, small tables stay whole."""
    sample = Sample(values=table.values, truth=table.truth.astype(float), folds=folds_of(table))
    some = sample.at_most(100, seed=1)
    assert len(some) == 100
    assert len(np.unique(some.values, axis=0)) == 100
    share = np.bincount(some.folds) / 100
    np.testing.assert_allclose(share, np.bincount(sample.folds) / len(sample), atol=0.015)
    quantiles = [0.1, 0.5, 0.9]
    np.testing.assert_allclose(
        np.quantile(some.truth, quantiles), np.quantile(sample.truth, quantiles), atol=0.004
    )
    assert sample.at_most(len(sample), seed=1) is sample


def test_stacking_finds_who_is_right(table: Table) -> None:
    """Shares are never negative, and a base that has learnt nothing changes nothing."""
    blind = RandomForest(trees=5, trees_in_folds=5, min_samples_leaf=10_000)
    folds = folds_of(table)
    settings = Stacking(bases=(blind, SMALL["svr"]), penalty=0)
    stack = settings.fit(table.values, table.truth, folds=folds)
    alone = SMALL["svr"].fit(table.values, table.truth, folds=folds)
    assert (stack.shares > 0).all()
    assert stack.shares.sum() == pytest.approx(1)
    assert dict(zip(stack.names, stack.shares, strict=True))["svr"] > 0.9
    apart = stack.predict(table.values) - alone.predict(table.values)
    assert apart.std() < 0.1 * table.truth.std()


def test_a_strong_penalty_makes_shares_equal(table: Table) -> None:
    """Where held-out folds are too few to tell the bases apart, their mean is the safe mixture."""
    bases = (SMALL["rf"], SMALL["xgboost"], SMALL["svr"])
    settings = Stacking(bases=bases, penalty=1e4)
    stack = settings.fit(table.values, table.truth, folds=folds_of(table))
    np.testing.assert_allclose(stack.shares, 1 / 3, atol=1e-3)
    parts = [fitted.predict(table.values) for fitted in stack.fitted]
    np.testing.assert_allclose(stack.predict(table.values), np.mean(parts, axis=0), atol=1e-4)


def test_lighter_settings_stay_as_light(table: Table) -> None:
    """What folds use is lighter for every algorithm, and made lighter twice the same."""
    del table
    for algorithm in ALGORITHMS:
        settings = candidate("soil-moisture", algorithm)
        light = settings.in_folds()
        assert light != settings
        assert light.in_folds() == light
        assert light.rows is not None
        assert light.told() != ""


@pytest.mark.parametrize("kind", ["soil-moisture", "sif"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_shipped_settings_are_told_apart(kind: str, algorithm: str) -> None:
    """Settings know their algorithm, in the file and back from JSON."""
    settings = candidate(kind, algorithm)
    assert settings.algorithm == algorithm
    read: TypeAdapter[Candidate] = TypeAdapter(Candidate)
    assert read.validate_json(settings.model_dump_json()) == settings


def test_infinite_predictors_are_an_error() -> None:
    """The error names the predictor and says how many rows."""
    table = toy_table()
    table.values[:3, 1] = np.inf
    with pytest.raises(ModelError, match="lst_day is infinite in 3 rows"):
        train(table, toy_task(table))
