"""Training: what is removed, how it is scored, and that it repeats itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.errors import InputError, ModelError
from engine.models.blocks import block_folds, spatial_blocks
from engine.models.candidates import RandomForest, candidate
from engine.models.scores import metrics
from engine.models.splits import SPLITS
from engine.models.table import Table, Variable, joined
from engine.models.training import train
from engine.testing import toy_table, toy_task

if TYPE_CHECKING:
    from numpy.typing import NDArray


def with_column(table: Table, name: str, values: NDArray) -> Table:
    """Return a table with one more column."""
    return replace(
        table,
        features=(*table.features, Variable(name=name, units="1")),
        values=np.column_stack([table.values, values.astype(np.float32)]),
    )


def score(table: Table, split: str) -> float:
    """Return the R² of a split."""
    found = train(table, toy_task(table)).card.score(split)
    assert found is not None
    assert found.pooled.r2 is not None
    return found.pooled.r2


def test_the_same_seed_gives_the_same_file_and_id() -> None:
    """Training twice, with one thread or two, gives one model."""
    table = toy_table()
    first = train(table, toy_task(table), threads=1)
    second = train(table, toy_task(table), threads=2)
    assert first.onnx == second.onnx
    assert first.card.id == second.card.id


def test_another_seed_gives_another_model() -> None:
    """The seed is part of the model."""
    table = toy_table()
    one, other = (train(table, toy_task(table, seed=seed)) for seed in (1, 2))
    assert one.card.sha256 != other.card.sha256
    assert one.card.key != other.card.key


def test_the_card_says_what_was_learnt() -> None:
    """Rows, removals, splits, versions, importance and parity are on the card."""
    table = toy_table()
    truth = table.truth.copy()
    truth[:7] = np.nan
    values = table.values.copy()
    values[7:10] = np.nan
    table = replace(table, truth=truth, values=values)
    card = train(table, toy_task(table)).card
    assert card.id.startswith("soil-moisture-rf-")
    assert len(card.id.rsplit("-", 1)[1]) == 12
    assert card.rows.used == len(table) - 10
    assert card.rows.removed == {
        "the target is missing": 7,
        "fewer than half of the features are there": 3,
    }
    assert {item.split for item in card.scores} == {"random", "spatial-block", "month"}
    random = card.score("random")
    assert random is not None
    assert "optimistic" in random.definition
    assert set(random.by_time) == {"2020-01", "2020-02"}
    assert sum(feature.importance for feature in card.features) == pytest.approx(1, abs=1e-5)
    assert card.file.parity < 1e-5
    assert card.synthetic


def test_predictors_that_never_vary_are_recorded() -> None:
    """A class that a small area lacks is taken out and named on the card, not refused."""
    table = with_column(toy_table(), "bare", np.zeros(len(toy_table())))
    card = train(table, toy_task(table)).card
    assert card.rows.constant == {"bare": 0.0}
    assert "bare" not in card.feature_names


def test_a_predictor_that_is_mostly_missing_is_an_error() -> None:
    """The error names the predictor."""
    values = np.full(len(toy_table()), np.nan)
    values[::4] = 1
    table = with_column(toy_table(), "lst_day", values)
    with pytest.raises(ModelError, match="lst_day is missing in 75% of the rows"):
        train(table, toy_task(table))


def test_too_few_rows_are_an_error() -> None:
    """The error says how many there are, why, and how many are needed."""
    table = toy_table()
    truth = np.full_like(table.truth, np.nan)
    truth[:49] = table.truth[:49]
    with pytest.raises(ModelError, match=r"only 49 rows .* the target is missing\); needed: 50"):
        train(replace(table, truth=truth), toy_task(table))


def test_nothing_that_varies_is_an_error() -> None:
    """Constant predictors alone teach nothing."""
    table = replace(toy_table(), values=np.ones_like(toy_table().values))
    with pytest.raises(ModelError, match="no predictor varies"):
        train(table, toy_task(table))


def test_no_month_is_an_error() -> None:
    """There must be something to join."""
    with pytest.raises(ModelError, match="no month"):
        joined(())


def test_a_place_learnt_by_heart_helps_random_folds_alone() -> None:
    """Leakage canary: a cell's own number lifts the random score, never that of unseen blocks."""
    table = toy_table(cells=144, months=10, hidden=0.03)
    number = np.unique(table.x + 1e6 * table.y, return_inverse=True)[1]
    noise = np.random.default_rng(0).permutation(number.max() + 1)[number]
    canary = with_column(table, "cell", noise)
    assert score(canary, "random") > score(table, "random") + 0.01
    assert score(canary, "spatial-block") < score(table, "spatial-block") + 0.01


def test_blocks_are_about_72_km_and_folds_are_even() -> None:
    """A Henan-sized area gives blocks near the wanted size, dealt into five even folds."""
    x, y = (v.ravel() * 9008.0 for v in np.meshgrid(np.arange(69), np.arange(59)))
    folds = block_folds(x, y, seed=1)
    assert folds is not None
    _, sides = spatial_blocks(x, y)
    assert all(72e3 < side < 90e3 for side in sides)
    counts = np.bincount(folds.number)
    assert counts.size == 4
    assert counts.max() < 1.1 * counts.min()
    assert "56 blocks of 78 × 76 km" in str(folds)


def test_a_small_area_is_cut_in_two() -> None:
    """Six by seven cells still hold out one half at a time."""
    x, y = (v.ravel() * 9008.0 for v in np.meshgrid(np.arange(7), np.arange(6)))
    folds = block_folds(x, y, seed=1)
    assert folds is not None
    assert folds.count == 2
    assert "2 blocks of 32 × 54 km" in str(folds)


def test_blocks_hold_all_months_of_a_cell() -> None:
    """No cell is in two folds."""
    table = toy_table()
    folds = block_folds(table.x, table.y, seed=3)
    assert folds is not None
    cells = np.unique(np.stack([table.x, table.y]), axis=1, return_inverse=True)[1]
    assert all(np.unique(folds.number[cells == cell]).size == 1 for cell in np.unique(cells))


def test_one_place_has_no_block_score_and_says_so() -> None:
    """The card gives the reason for a missing split."""
    table = toy_table()
    table = replace(table, x=np.zeros(len(table)), y=np.zeros(len(table)))
    card = train(table, toy_task(table)).card
    assert card.score("spatial-block") is None
    assert card.splits_left_out["spatial-block"] == "all rows lie in one place"


def test_metrics_know_their_identities() -> None:
    """RMSE² = bias² + ubRMSE²; R² of the mean is 0; a constant reference has no R²."""
    generator = np.random.default_rng(0)
    y = generator.normal(size=500)
    x = 0.7 * y + 0.3 + generator.normal(size=500)
    result = metrics(x, y)
    assert result.rmse**2 == pytest.approx(result.bias**2 + result.ubrmse**2, rel=1e-12)
    assert result.r == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert metrics(np.full(500, y.mean()), y).r2 == pytest.approx(0)
    assert metrics(x, np.ones(500)).r2 is None


def test_max_samples_bounds_the_draws() -> None:
    """The settings bound the rows of a tree only where there are more."""
    settings = candidate("sif")
    assert settings.estimator(100_000).max_samples == 20_000
    assert settings.estimator(10_000).max_samples is None


def test_unknown_settings_are_refused() -> None:
    """A misspelt setting is an error, as is an algorithm that is not there."""
    with pytest.raises(ValueError, match="tres"):
        RandomForest.model_validate({"tres": 5})
    with pytest.raises(InputError, match="allowed: dnn, rf, stacking, svr, xgboost"):
        candidate("sif", "lstm")


def test_sif_is_asked_for_its_worth_where_rows_are_enough() -> None:
    """Whether it helps stands on the card, with intervals; small tables would not know."""
    table = toy_table(cells=144, months=8)
    sif = Variable(name="sif", units="mW m-2 nm-1 sr-1")
    table = replace(table, features=(*table.features[:3], sif))
    card = train(table, toy_task(table)).card
    assert card.ablation is not None
    assert [arm.arm for arm in card.ablation.arms] == ["A", "B", "C", "E1", "E2"]
    assert card.ablation.split == "spatial-block"
    few = table.rows(table.time < "2020-03")
    assert train(few, toy_task(few)).card.ablation is None


def test_scores_have_intervals_that_hold_them() -> None:
    """Of every split, and the number is that of the pooled rows."""
    table = toy_table(cells=144, months=14)
    card = train(table, toy_task(table)).card
    assert {score.split for score in card.scores} == set(SPLITS)
    for score in card.scores:
        assert score.intervals is not None
        for name in ("r2", "rmse", "mae", "r", "bias"):
            interval = getattr(score.intervals, name)
            assert interval.value == pytest.approx(getattr(score.pooled, name), abs=1e-6)
            assert interval.lower < interval.value < interval.upper
