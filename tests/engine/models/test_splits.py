"""What each split holds out, and what it says where it cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.grids import COARSE_PIXEL
from engine.models.splits import SPLITS, deal, drawn
from engine.testing import toy_table

if TYPE_CHECKING:
    from engine.models.table import Table


def years_of(table: Table) -> np.ndarray:
    return np.array([time[:4] for time in table.time])


@pytest.fixture(scope="module")
def table() -> Table:
    """Give 300 km squared and 30 months from 2020 on."""
    return toy_table(cells=33**2, months=30)


def test_every_row_is_tested_once(table: Table) -> None:
    """But for block × year, which tests each row at most once."""
    splits = deal(table)
    assert set(splits.found) == set(SPLITS)
    for name, split in splits.found.items():
        tested = sum(fold.test.astype(int) for fold in split.folds)
        assert (tested <= 1).all()
        assert name == "block-year" or (tested == 1).all()
        assert not any((fold.test & fold.train).any() for fold in split.folds)


def test_random_folds_are_five_and_even(table: Table) -> None:
    """As in the paper's kind of score; the definition says what that is worth."""
    split = deal(table)["random"]
    sizes = [int(fold.test.sum()) for fold in split.folds]
    assert len(sizes) == 5
    assert max(sizes) - min(sizes) <= 1
    assert "optimistic" in split.definition


def test_blocks_years_and_months_are_held_out_whole(table: Table) -> None:
    """What is tested shares no cell, no month or no year with what is learnt from."""
    splits = deal(table)
    cell = table.x + 1e7 * table.y
    shared = {"spatial-block": cell, "month": table.time, "year": years_of(table)}
    for name, what in shared.items():
        for fold in splits[name].folds:
            assert not set(what[fold.test]) & set(what[fold.train])
            other = fold.train | fold.test
            assert other.all()


def test_block_year_has_seen_neither(table: Table) -> None:
    """Every block and every year is tested, and neither is in the training rows."""
    splits = deal(table)
    cell, year = table.x + 1e7 * table.y, years_of(table)
    seen: set[str] = set()
    blocks: set[int] = set()
    for fold in splits["block-year"].folds:
        assert not set(cell[fold.test]) & set(cell[fold.train])
        assert not set(year[fold.test]) & set(year[fold.train])
        seen |= set(year[fold.test])
        blocks |= set(splits.blocks[fold.test])
    assert seen == set(year)
    assert blocks == set(splits.blocks)


def test_cells_far_from_the_edges_are_far_from_training(table: Table) -> None:
    """Blocks are no smaller than asked for, so the middle of one is half a side away."""
    side = 12 * COARSE_PIXEL
    splits = deal(table, side=side)
    assert splits.side == side
    fold = splits["spatial-block"].folds[0]
    tested = np.unique(np.column_stack([table.x, table.y])[fold.test], axis=0)
    learnt = np.unique(np.column_stack([table.x, table.y])[fold.train], axis=0)
    away = np.abs(tested[:, None] - learnt).max(axis=2).min(axis=1)
    assert away.max() >= side / 2


def test_one_year_has_no_year_split_and_says_so() -> None:
    """The reason names what was found and what is needed; others are there."""
    splits = deal(toy_table(cells=20**2, months=12))
    assert set(splits.found) == {"random", "spatial-block", "month"}
    assert splits.left_out["year"] == "all rows are of 2020; needed: 2 years"
    assert "needed: 2 years" in splits.left_out["block-year"]
    assert splits.headline.name == "spatial-block"
    with pytest.raises(ModelError, match="split year is not possible: all rows are of 2020"):
        splits["year"]


def test_one_month_in_one_place_has_random_folds_alone() -> None:
    """All other splits say why they are missing."""
    table = toy_table(cells=64, months=1)
    table = replace(table, x=np.zeros(len(table)), y=np.zeros(len(table)))
    splits = deal(table)
    assert set(splits.found) == {"random"}
    assert splits.left_out["month"] == "all rows are of 2020-01; needed: 2 months"
    assert splits.left_out["spatial-block"] == "all rows lie in one place"
    assert (splits.blocks == 0).all()


def test_too_few_rows_for_a_split_say_how_many() -> None:
    """A fold must leave enough to learn from."""
    table = toy_table(cells=36, months=13)
    few = table.rows(np.arange(len(table)) % 10 == 0)
    splits = deal(few)
    assert "rows to train on; needed: 25" in splits.left_out["block-year"]


def test_long_archives_share_years() -> None:
    """Ten years make six groups of neighbours, not ten folds."""
    table = toy_table(cells=64, months=120)
    assert len(deal(table)["year"].folds) == 6


def test_periods_of_eight_days_belong_to_their_months() -> None:
    """Days of a month are held out together."""
    table = toy_table(cells=64, months=4)
    days = np.array([f"{time}-{1 + 8 * (row % 3):02d}" for row, time in enumerate(table.time)])
    for fold in deal(replace(table, time=days))["month"].folds:
        tested = {day[:7] for day in days[fold.test]}
        assert not tested & {day[:7] for day in days[fold.train]}


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 14), st.integers(1, 40), st.integers(0, 2**31))
def test_all_splits_hold_for_any_table(side: int, months: int, seed: int) -> None:
    """Whatever the table, a split is there or has a reason, and folds never overlap."""
    table = toy_table(cells=side**2, months=months)
    splits = deal(table, seed=seed)
    assert set(splits.found) | set(splits.left_out) == set(SPLITS)
    assert not set(splits.found) & set(splits.left_out)
    for split in splits.found.values():
        assert all(fold.test.any() and fold.train.sum() >= 25 for fold in split.folds)
        assert not any((fold.test & fold.train).any() for fold in split.folds)


def test_the_same_seed_deals_alike(table: Table) -> None:
    """Folds are the same for all algorithms; another seed deals otherwise."""
    one, again, other = deal(table, seed=3), deal(table, seed=3), deal(table, seed=4)
    assert (one.blocks == again.blocks).all()
    for name in SPLITS:
        pairs = zip(one[name].folds, again[name].folds, strict=True)
        assert all((a.test == b.test).all() for a, b in pairs)
    assert (one["random"].folds[0].test != other["random"].folds[0].test).any()


def test_drawn_rows_stay_in_their_folds() -> None:
    """Of fewer rows each is held out with the same others as before."""
    table = toy_table(cells=64, months=4)
    splits = deal(table)
    fewer, folds = drawn(table, splits, 100, seed=3)
    assert len(fewer) == folds.blocks.size == 100
    place = {key: row for row, key in enumerate(zip(table.x, table.y, table.time, strict=True))}
    rows = [place[key] for key in zip(fewer.x, fewer.y, fewer.time, strict=True)]
    for name, split in splits.found.items():
        for whole, part in zip(split.folds, folds[name].folds, strict=True):
            np.testing.assert_array_equal(part.test, whole.test[rows])
            np.testing.assert_array_equal(part.train, whole.train[rows])
    assert drawn(table, splits, None, seed=3)[0] is table
