"""Five ways of holding rows out, from the kindest to the most honest.

==================  ============================================================================
``random``          rows drawn at random; comparable with the paper, optimistic
``spatial-block``   cells never seen in training, in months that were
``month``           months never seen, in cells that were
``year``            years never seen, in cells that were
``block-year``      neither the cells nor the year seen: the headline
==================  ============================================================================

All algorithms and all sets of predictors are compared on the same folds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from engine.errors import ModelError
from engine.models.blocks import BLOCK_SIDE, block_folds
from engine.models.table import MIN_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from engine.models.blocks import BlockFolds
    from engine.models.table import Table

SplitName = Literal["random", "spatial-block", "month", "year", "block-year"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
HEADLINE: SplitName = "block-year"
"""The split that candidates are chosen by."""
HONESTY: tuple[SplitName, ...] = (HEADLINE, "spatial-block", "month", "year", "random")
"""All splits, the one to be believed most first."""

_RANDOM_FOLDS = 5
_MONTH_FOLDS = 4
_YEAR_FOLDS = 6
_LEAST_TRAINING = MIN_ROWS // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What is learnt from, and what is predicted."""

    train: NDArray[np.bool_]
    """``(n,)``"""
    test: NDArray[np.bool_]
    """``(n,)``; with ``block-year`` many rows are in neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One way of holding rows out."""

    name: SplitName
    definition: str
    """What is held out together, for cards and reports."""
    folds: tuple[Fold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """All splits of a table."""

    blocks: NDArray[np.int64]
    """``(n,)`` fold of spatial blocks of each row, which candidates hold out while they learn."""
    found: Mapping[SplitName, Split]
    left_out: Mapping[SplitName, str]
    """Splits that the table does not allow, and why."""
    side: float = BLOCK_SIDE
    """Side of a block that was asked for, metres."""

    def __getitem__(self, name: SplitName) -> Split:
        """Return a split.

        Raises
        ------
        ModelError
            Where the table does not allow it; with what was found and what is needed.
        """
        if name not in self.found:
            raise ModelError(f"the split {name} is not possible: {self.left_out[name]}")
        return self.found[name]

    @property
    def headline(self) -> Split:
        """The most honest split that the table allows."""
        return self[next(name for name in HONESTY if name in self.found)]


@dataclass(slots=True)
class _Dealing:
    """Splits as they are found, or not."""

    rows: int
    found: dict[SplitName, Split] = field(default_factory=dict)
    left_out: dict[SplitName, str] = field(default_factory=dict)

    def take(self, name: SplitName, definition: str, folds: Iterable[Fold]) -> None:
        """Keep a split if every fold leaves enough to learn from."""
        tested = tuple(fold for fold in folds if fold.test.any())
        fewest = min((int(fold.train.sum()) for fold in tested), default=0)
        if fewest < _LEAST_TRAINING:
            self.left_out[name] = (
                f"a fold would leave {fewest} rows to train on; needed: {_LEAST_TRAINING}"
            )
        else:
            self.found[name] = Split(name=name, definition=definition, folds=tested)


def deal(table: Table, *, seed: int = 20, side: float = BLOCK_SIDE) -> Splits:
    """Deal the rows of a table into the folds of all splits that it allows.

    Parameters
    ----------
    table
        Rows with place and time.
    seed
        Of what is drawn at random.
    side
        Least side of a spatial block in metres; at least the range over which a model's errors
        are alike (`engine.models.pilot`).
    """
    dealing = _Dealing(rows=len(table))
    dealing.take("random", *_random(len(table), seed))
    blocks = block_folds(table.x, table.y, seed, side=side)
    years = np.array([time[:4] for time in table.time])
    months = np.array([time[:7] for time in table.time])
    _deal_blocks(dealing, blocks)
    _deal_months(dealing, months, seed)
    _deal_years(dealing, years, months)
    _deal_blocks_and_years(dealing, blocks, years, seed)
    return Splits(
        blocks=blocks.number if blocks is not None else np.zeros(len(table), dtype=np.int64),
        found=dealing.found,
        left_out=dealing.left_out,
        side=side,
    )


def drawn(table: Table, splits: Splits, most: int | None, seed: int) -> tuple[Table, Splits]:
    """Draw so many rows of a table at random, and keep each in its folds.

    Parameters
    ----------
    table, splits
        Rows and how they are held out.
    most
        Most rows; all where there are no more, or where not given.
    seed
        Of the draw.
    """
    if most is None or len(table) <= most:
        return table, splits
    rows = np.sort(np.random.default_rng(seed).choice(len(table), most, replace=False))
    kept = np.zeros(len(table), dtype=bool)
    kept[rows] = True
    found = {
        name: replace(
            split,
            folds=tuple(Fold(train=fold.train[rows], test=fold.test[rows]) for fold in split.folds),
        )
        for name, split in splits.found.items()
    }
    return table.rows(kept), replace(splits, blocks=splits.blocks[rows], found=found)


def folds_of(number: NDArray[np.integer]) -> tuple[Fold, ...]:
    """Return folds that hold out one number ``(n,)`` after the other."""
    return tuple(Fold(train=number != one, test=number == one) for one in np.unique(number))


def _random(rows: int, seed: int) -> tuple[str, tuple[Fold, ...]]:
    number = np.arange(rows) % _RANDOM_FOLDS
    np.random.default_rng(seed).shuffle(number)
    definition = (
        f"{_RANDOM_FOLDS} folds of rows drawn at random; comparable with the paper, and "
        "optimistic, since neighbours in space and time stay in training"
    )
    return definition, folds_of(number)


def _deal_blocks(dealing: _Dealing, blocks: BlockFolds | None) -> None:
    if blocks is None:
        dealing.left_out["spatial-block"] = "all rows lie in one place"
        return
    definition = f"{blocks}, all months of a block together; cells never seen in training"
    dealing.take("spatial-block", definition, folds_of(blocks.number))


def _deal_months(dealing: _Dealing, months: NDArray[np.str_], seed: int) -> None:
    names, place = np.unique(months, return_inverse=True)
    if names.size < 2:
        dealing.left_out["month"] = f"all rows are of {_listed(names)}; needed: 2 months"
        return
    count = min(_MONTH_FOLDS, names.size)
    group = np.random.default_rng(seed).permutation(names.size) % count
    definition = (
        f"{count} groups of {names.size} months drawn at random; months never seen in training, "
        "their neighbours in time were"
    )
    dealing.take("month", definition, folds_of(group[place]))


def _deal_years(dealing: _Dealing, years: NDArray[np.str_], months: NDArray[np.str_]) -> None:
    names = np.unique(years)
    if names.size < 2:
        dealing.left_out["year"] = f"all rows are of {_listed(names)}; needed: 2 years"
        return
    lengths = {str(name): np.unique(months[years == name]).size for name in names}
    spelt = ", ".join(f"{name} ({count} months)" for name, count in lengths.items())
    definition = f"whole years never seen in training: {spelt}"
    dealing.take("year", definition, folds_of(_year_groups(years)))


def _year_groups(years: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return a number for each row's year; in a long archive neighbours share one."""
    names, place = np.unique(years, return_inverse=True)
    groups = np.array_split(np.arange(names.size), min(_YEAR_FOLDS, names.size))
    group = np.concatenate([np.full(part.size, number) for number, part in enumerate(groups)])
    numbered: NDArray[np.int64] = group[place]
    return numbered


def _deal_blocks_and_years(
    dealing: _Dealing, blocks: BlockFolds | None, years: NDArray[np.str_], seed: int
) -> None:
    """Pair every fold of blocks with a year and every year with a fold, each at least once."""
    lacking = [
        dealing.left_out[name] for name in ("spatial-block", "year") if name in dealing.left_out
    ]
    if blocks is None or lacking:
        dealing.left_out["block-year"] = "; ".join(lacking)
        return
    year = _year_groups(years)
    order = np.random.default_rng(seed).permutation(int(year.max()) + 1)
    pairs = [
        (number % blocks.count, order[number % order.size])
        for number in range(max(blocks.count, order.size))
    ]
    folds = [
        Fold(
            train=(blocks.number != block) & (year != one),
            test=(blocks.number == block) & (year == one),
        )
        for block, one in pairs
    ]
    share = sum(int(fold.test.sum()) for fold in folds) / years.size
    definition = (
        f"{len(pairs)} pairs of a year and one of {blocks}; neither the cells nor the year seen in "
        f"training; {share:.0%} of the rows are tested"
    )
    dealing.take("block-year", definition, folds)


def _listed(names: Sequence[str] | NDArray[np.str_]) -> str:
    return ", ".join(map(str, names)) or "no time"
