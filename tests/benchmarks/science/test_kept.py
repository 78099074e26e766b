"""What a run has finished is there for the next one, as long as nothing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kept
import numpy as np
import pytest
from kept import Kept

from engine.models.candidates import RandomForest
from engine.models.crossval import held_out_predictions
from engine.models.splits import deal
from engine.models.table import Table, Variable

if TYPE_CHECKING:
    from pathlib import Path

    from engine.models.splits import Splits

QUICK = RandomForest(trees=3, trees_in_folds=3)


@pytest.fixture(scope="module")
def table() -> Table:
    """Give rows of a plane over 20 × 20 cells and two years."""
    random = np.random.default_rng(5)
    y, x = (9000.0 * one.ravel() for one in np.indices((20, 20)))
    values = random.normal(size=(800, 2))
    return Table.of(
        features=[Variable(name=name, units="1") for name in ("one", "other")],
        target=Variable(name="soil_moisture", units="m3 m-3"),
        values=values,
        truth=values @ [0.02, 0.01] + 0.25,
        x=np.tile(x, 2),
        y=np.tile(y, 2),
        time=np.repeat(["2019-07", "2020-07"], 400),
    )


@pytest.fixture(scope="module")
def splits(table: Table) -> Splits:
    """Give its splits."""
    return deal(table)


class Counted:
    """Counts how often a part is made."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, Any]:
        """Make the part."""
        self.times += 1
        return {"found": self.times}


def test_a_part_is_made_once(tmp_path: Path) -> None:
    """Another run finds it, and counts the time that it had taken."""
    make = Counted()
    first, second = Kept(tmp_path), Kept(tmp_path)
    assert first.part("layers", {"seed": 7}, make) == {"found": 1}
    assert first.saved == 0
    assert second.part("layers", {"seed": 7}, make) == {"found": 1}
    assert make.times == 1
    assert second.saved > 0


def test_other_inputs_make_it_anew(tmp_path: Path) -> None:
    """What it depends on is a part of its name."""
    make, store = Counted(), Kept(tmp_path)
    assert store.part("layers", {"seed": 7}, make) != store.part("layers", {"seed": 11}, make)


def test_what_other_code_made_is_taken_up_only_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it says whose it was."""
    make = Counted()
    Kept(tmp_path).part("layers", {}, make)
    monkeypatch.setattr(kept, "code_hash", lambda: "changed")
    asked = Kept(tmp_path, any_code=True)
    assert asked.part("layers", {}, make) == {"found": 1}
    assert len(asked.foreign) == 1
    assert Kept(tmp_path).part("layers", {}, make) == {"found": 2}


def test_predictions_are_those_of_the_fit(
    table: Table, splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit, the second time without a fit; another seed or split is another fit."""
    fits = []

    def counting(*arguments: Any, **options: Any) -> Any:
        fits.append(options["seed"])
        return held_out_predictions(*arguments, **options)

    monkeypatch.setattr(kept, "held_out_predictions", counting)
    random, block = splits["random"], splits["spatial-block"]
    store = Kept(tmp_path)
    first = store.predictions(QUICK, table, random, splits)
    np.testing.assert_array_equal(first, held_out_predictions(QUICK, table, random, splits))
    np.testing.assert_array_equal(first, Kept(tmp_path).predictions(QUICK, table, random, splits))
    assert fits == [QUICK.seed]
    store.predictions(QUICK, table, random, splits, seed=3)
    store.predictions(QUICK, table, block, splits)
    assert len(fits) == 3


def test_a_search_within_a_time_is_not_kept(table: Table, splits: Splits, tmp_path: Path) -> None:
    """It would not find the same twice."""
    with pytest.raises(ValueError, match="not the same twice"):
        Kept(tmp_path).predictions(
            QUICK, table, splits["random"], splits, tuned=lambda settings, *_: settings
        )
