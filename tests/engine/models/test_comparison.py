"""Algorithms side by side, on the same folds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.ablation import with_columns
from engine.errors import ModelError
from engine.models.candidates import RandomForest, XGBoost
from engine.models.comparison import compare
from engine.models.splits import deal
from engine.models.table import Table, Variable
from engine.testing import toy_table

FOREST = RandomForest(trees=15, trees_in_folds=15)
BOOSTING = XGBoost(most_trees=40, patience=5, learning_rate=0.2, depth=4)


def table_with_cell_id(hidden: float = 0.05) -> Table:
    """Return the toy rows with a column that is noise, but the same in every month of a cell."""
    table = toy_table(cells=144, months=12, hidden=hidden)
    noise = np.tile(np.random.default_rng(1).normal(size=144), 12).astype(np.float32)
    return replace(
        table,
        features=(*table.features, Variable(name="cell_id", units="1")),
        values=np.column_stack([table.values, noise]),
    )


def test_every_entry_has_its_place() -> None:
    """Algorithm by set by split, with what was left out and why."""
    table = toy_table(cells=324, months=3)
    tables = {"with": table, "without": with_columns(table, ["ndvi", "lst_day"])}
    splits = deal(table)
    made = compare(
        tables,
        {"rf": FOREST, "xgboost": BOOSTING},
        splits,
        wanted=lambda algorithm, _, split: (
            "costs too much" if (algorithm, split) == ("xgboost", "month") else None
        ),
        resamples=200,
    )
    found = {(e.algorithm, e.predictors, e.split) for e in made.entries}
    assert ("rf", "without", "spatial-block") in found
    assert ("xgboost", "with", "month") not in found
    assert made.left_out["xgboost, with, month"] == "costs too much"
    assert "2 years" in made.left_out["year"]
    entry = made.entry("rf", "with", "random")
    assert entry is not None
    assert entry.rows == len(table)
    assert entry.scores.r2.lower < entry.scores.r2.value < entry.scores.r2.upper
    assert made.entry("svr", "with", "random") is None


def test_a_cell_id_leaks_into_the_random_split_alone() -> None:
    """The canary: it raises the random split's R², where a cell's own past is in training."""
    table = table_with_cell_id()
    tables = {"canary": table, "plain": with_columns(table, [f.name for f in table.features[:-1]])}
    forest = FOREST.model_copy(update={"min_samples_leaf": 2, "max_features": 0.6})
    made = compare(tables, {"rf": forest}, deal(table), resamples=200)

    def gain(split: str) -> float:
        pair = [made.entry("rf", name, split) for name in ("canary", "plain")]
        return pair[0].scores.r2.value - pair[1].scores.r2.value  # type: ignore[union-attr]

    assert gain("random") > 0.02
    assert gain("spatial-block") < 0.01


def test_rows_must_agree() -> None:
    """Sets of predictors with other rows are refused."""
    table = toy_table()
    with pytest.raises(ModelError, match="other rows"):
        compare({"a": table, "b": table.rows(np.arange(len(table)) > 3)}, {}, deal(table))
    with pytest.raises(ModelError, match="no set"):
        compare({}, {}, deal(table))
