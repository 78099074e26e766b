"""What SIF is worth: the arms, and a world in which it is worth something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.ablation import ARMS, ablation, arm_table, with_columns
from engine.errors import ModelError
from engine.models.candidates import SupportVectors, XGBoost
from engine.models.splits import deal
from engine.models.table import Table, Variable
from engine.testing import toy_table

BOOSTING = XGBoost(most_trees=40, patience=5, learning_rate=0.2, depth=4)


def table_with_sif(worth: float) -> Table:
    """Return rows whose target follows SIF as far as asked; ``red`` is what SIF was made of."""
    table = toy_table(cells=324, months=3)
    random = np.random.default_rng(2)
    sif, red = (random.normal(size=len(table)).astype(np.float32) for _ in range(2))
    names = (("sif", "mW m-2 nm-1 sr-1"), ("red", "1"))
    return replace(
        table,
        features=(*table.features, *(Variable(name=name, units=unit) for name, unit in names)),
        values=np.column_stack([table.values, sif, red]),
        truth=(table.truth + worth * sif).astype(np.float32),
    )


def columns(table: Table) -> list[str]:
    return [feature.name for feature in table.features]


def test_arms_have_the_columns_they_say() -> None:
    """And all the same rows in the same order."""
    table = table_with_sif(0.01)
    arms = {arm: arm_table(table, arm, {"red", "nir"}, 1) for arm in ARMS}
    standard = ["ndvi", "lst_day", "precipitation", "elevation"]
    assert columns(arms["A"]) == standard
    assert columns(arms["B"]) == columns(arms["E1"]) == columns(arms["E2"]) == [*standard, "sif"]
    assert columns(arms["C"]) == [*standard[1:], "sif"]
    assert columns(arms["D"]) == [*standard, "red"]
    for arm in arms.values():
        np.testing.assert_array_equal(arm.truth, table.truth)


def test_shuffling_moves_sif_alone() -> None:
    """E2 keeps each month's values, E1 only all of them together; both follow the seed."""
    table = table_with_sif(0.01)
    plain, everywhere, within = (arm_table(table, arm, {"red"}, 4) for arm in ("B", "E1", "E2"))
    for shuffled in (everywhere, within):
        np.testing.assert_array_equal(shuffled.values[:, :4], plain.values[:, :4])
        assert not np.array_equal(shuffled.values[:, 4], plain.values[:, 4])
    for month in np.unique(table.time):
        rows = table.time == month
        np.testing.assert_array_equal(
            np.sort(within.values[rows, 4]), np.sort(plain.values[rows, 4])
        )
        assert not np.array_equal(
            np.sort(everywhere.values[rows, 4]), np.sort(plain.values[rows, 4])
        )
    again = arm_table(table, "E1", {"red"}, 4)
    np.testing.assert_array_equal(again.values, everywhere.values)


def test_sif_that_knows_something_is_found() -> None:
    """Its interval lies above 0, shuffled SIF's holds 0 or less."""
    table = table_with_sif(0.02)
    made = ablation(
        table,
        BOOSTING,
        deal(table),
        "spatial-block",
        sif_inputs={"red"},
        seeds=(1, 2),
        resamples=300,
    )
    assert [result.arm for result in made.arms] == list(ARMS)
    assert made.arm("A").against_none.r2.value == 0
    assert made.arm("B").against_none.r2.lower > 0.1
    assert made.arm("C").predictors == 4
    assert abs(made.arm("D").against_none.r2.value) < 0.05
    assert made.arm("E1").against_none.r2.value < 0.02
    assert made.against_shuffled is not None
    assert made.against_shuffled.r2.lower > 0.1


def test_a_column_that_never_varies_changes_nothing() -> None:
    """Support vectors' kernel is as wide in the arm that lacks it as in the arm that has it."""
    table = table_with_sif(0.0)
    table.values[:, 4] = 1.0
    machine = SupportVectors(rows=300)
    made = ablation(
        table, machine, deal(table), "spatial-block", sif_inputs={"red"}, seeds=(1,), resamples=50
    )
    for arm in ("B", "E1", "E2"):
        difference = made.arm(arm).against_none.r2
        assert max(abs(difference.lower), abs(difference.upper)) < 1e-6
    assert made.arm("C").predictors == 4


def test_without_sif_there_is_nothing_to_ask() -> None:
    """A table without the column is refused, and so are columns that are not there."""
    table = toy_table()
    with pytest.raises(ModelError, match="no column sif"):
        ablation(table, BOOSTING, deal(table), "random", sif_inputs=(), seeds=(1,))
    with pytest.raises(ModelError, match="has no sif, red; it has: ndvi"):
        with_columns(table, ["sif", "red"])
