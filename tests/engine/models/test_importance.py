"""What a model leans on, on blocks that it has not seen."""

from __future__ import annotations

import pytest

from engine.models.candidates import RandomForest, SupportVectors
from engine.models.importance import importance
from engine.models.splits import deal
from engine.testing import toy_table


def test_what_makes_the_target_comes_first() -> None:
    """Two equal predictors dealt together lose most; one that does nothing loses nothing."""
    table = toy_table(cells=324, months=3)
    made = importance(
        table,
        RandomForest(trees=15, trees_in_folds=15, max_features=0.5),
        deal(table),
        groups={"both": ("ndvi", "precipitation"), "absent": ("sif",)},
        repeats=4,
        resamples=200,
    )
    losses = {share.group: share.loss for share in made.shares}
    assert list(losses) == ["both", "lst_day", "elevation"]
    assert losses["both"].excludes_zero
    assert losses["elevation"].value == pytest.approx(0, abs=0.02)
    assert made.impurity["ndvi"] > made.impurity["elevation"]
    assert sum(made.impurity.values()) == pytest.approx(1, abs=1e-6)
    assert made.shares[0].impurity == pytest.approx(
        made.impurity["ndvi"] + made.impurity["precipitation"]
    )
    assert "forcing of the target" in made.caveat


def test_models_without_splits_have_no_impurity() -> None:
    """Permutation asks any model; impurity only trees."""
    table = toy_table(cells=324, months=1)
    made = importance(
        table, SupportVectors(rows=300), deal(table), "random", repeats=2, resamples=100
    )
    assert made.impurity == {}
    assert all(share.impurity is None for share in made.shares)
