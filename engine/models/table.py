"""The table that a model learns from: rows with a place and a time, columns with units."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from engine.errors import MissingDataError, UntrainableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from engine.progress import Progress

_logger = logging.getLogger(__name__)

MIN_ROWS = 50
"""Fewest rows that a model is trained on."""
MAX_MISSING = 0.5
"""Largest share of missing values in a column, and of missing columns in a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A column's name and unit."""

    name: str
    units: str
    """UDUNITS text."""

    def __str__(self) -> str:
        return f"{self.name} [{self.units}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Training rows; the columns are float32, as they will be at prediction."""

    features: tuple[Variable, ...]
    target: Variable
    values: NDArray[np.float32]
    """``(n, f)`` in the features' units; NaN where missing."""
    truth: NDArray[np.float32]
    """``(n,)`` target."""
    x: NDArray[np.float64]
    """``(n,)`` place in metres, EPSG:6933."""
    y: NDArray[np.float64]
    """``(n,)`` place in metres, EPSG:6933."""
    time: NDArray[np.str_]
    """``(n,)`` month or first day of the period, ISO 8601."""
    removed: Mapping[str, int]
    """Rows taken out, by rule."""
    constant: Mapping[str, float]
    """Columns taken out since they never vary, with their value."""

    def __len__(self) -> int:
        return int(self.truth.size)

    @classmethod
    def of(
        cls,
        *,
        features: Sequence[Variable],
        target: Variable,
        values: NDArray[np.floating],
        truth: NDArray[np.floating],
        x: NDArray[np.floating],
        y: NDArray[np.floating],
        time: NDArray[np.str_],
    ) -> Self:
        """Take raw rows as they come; nothing is removed yet."""
        return cls(
            features=tuple(features),
            target=target,
            values=np.ascontiguousarray(values, dtype=np.float32),
            truth=np.asarray(truth, dtype=np.float32),
            x=np.asarray(x, dtype=np.float64),
            y=np.asarray(y, dtype=np.float64),
            time=time,
            removed={},
            constant={},
        )

    def usable(self) -> Table:
        """Return the rows and columns that a model can learn from.

        Rows without a target or with fewer than half of the features go, and are counted. A
        column that never varies goes, and is recorded: a class that a small area lacks is no
        mistake.

        Raises
        ------
        UntrainableError
            Where fewer than 50 rows remain, a column is missing in more than half of them, or
            no column varies.
        """
        return _enough(_with_features(_varying(_with_target(self))))

    def keep(self, kept: NDArray[np.bool_], rule: str) -> Table:
        """Return the rows to keep; the others are counted under a rule."""
        count = self.removed.get(rule, 0) + int((~kept).sum())
        return replace(self.rows(kept), removed={**self.removed, rule: count})

    def rows(self, kept: NDArray[np.bool_]) -> Table:
        """Return some rows without counting the others."""
        return replace(
            self,
            values=self.values[kept],
            truth=self.truth[kept],
            x=self.x[kept],
            y=self.y[kept],
            time=self.time[kept],
        )

    def screened(self, rules: Mapping[str, NDArray[np.bool_]]) -> Table:
        """Return the rows that pass every rule; each of the others is counted under its first.

        Parameters
        ----------
        rules
            ``(n,)`` rows that pass, by the words for what does not.
        """
        table, left = self, np.ones(len(self), dtype=bool)
        for rule, passed in rules.items():
            table = table.keep(passed[left], rule)
            left = left & passed
        return table


def _with_target(table: Table) -> Table:
    return table.keep(np.isfinite(table.truth), "the target is missing")


def _with_features(table: Table) -> Table:
    present = np.isfinite(table.values).mean(axis=1)
    return table.keep(present >= 1 - MAX_MISSING, "fewer than half of the features are there")


def _varying(table: Table) -> Table:
    """Return the columns that vary; those that are mostly missing are an error."""
    if not len(table):
        return table
    _check_finite(table)
    _check_missing(table)
    highest, lowest = np.nanmax(table.values, axis=0), np.nanmin(table.values, axis=0)
    varies = highest > lowest
    if not varies.any():
        fixed = zip(table.features, highest, strict=True)
        found = ", ".join(f"{feature.name} is always {value:g}" for feature, value in fixed)
        raise UntrainableError(
            f"no predictor varies over the {len(table)} training rows: {found}; needed: one that "
            "does"
        )
    columns = tuple(zip(table.features, varies, highest, strict=True))
    return replace(
        table,
        features=tuple(feature for feature, kept, _ in columns if kept),
        values=np.ascontiguousarray(table.values[:, varies]),
        constant={feature.name: float(value) for feature, kept, value in columns if not kept},
    )


def _check_finite(table: Table) -> None:
    for feature, values in zip(table.features, table.values.T, strict=True):
        if count := int(np.isinf(values).sum()):
            raise UntrainableError(
                f"predictor {feature.name} is infinite in {count} rows; allowed: numbers, and NaN "
                "where missing"
            )


def _check_missing(table: Table) -> None:
    for feature, share in zip(table.features, np.isnan(table.values).mean(axis=0), strict=True):
        if share > MAX_MISSING:
            raise UntrainableError(
                f"predictor {feature.name} is missing in {share:.0%} of the rows; allowed: "
                f"at most {MAX_MISSING:.0%}. Leave it out or extend the archive"
            )


def _enough(table: Table) -> Table:
    if len(table) < MIN_ROWS:
        reasons = [f"{count} removed: {rule}" for rule, count in table.removed.items() if count]
        raise UntrainableError(
            f"only {len(table)} rows to learn {table.target.name} from"
            f"{f' ({"; ".join(reasons)})' if reasons else ''}; needed: {MIN_ROWS}"
        )
    return table


def gathered[T](
    times: Mapping[str, T], table_of: Callable[[T], Table], progress: Progress, what: str
) -> tuple[Table, dict[str, str]]:
    """Put the rows of some times below each other, leaving out the times that lack something.

    Parameters
    ----------
    times
        Months or periods by their names.
    table_of
        Makes the rows of one.
    progress, what
        Told which time is read, after ``what`` it is.

    Returns
    -------
    tuple of Table and dict
        The rows, and why each time that is not among them was left out.

    Raises
    ------
    MissingDataError
        Where every time lacks something; the first one's reason.
    """
    tables: list[Table] = []
    missing: dict[str, MissingDataError] = {}
    for done, (name, time) in enumerate(times.items()):
        progress(done / len(times), f"{what} of {name}")
        try:
            tables.append(table_of(time))
        except MissingDataError as error:
            missing[name] = error
    if missing and not tables:
        raise next(iter(missing.values()))
    for lack in missing.values():
        _logger.warning("left out of the training: %s", lack)
    return joined(tables), {name: str(lack) for name, lack in missing.items()}


def joined(tables: Sequence[Table]) -> Table:
    """Put tables of the same columns below each other."""
    if not tables:
        raise UntrainableError("there is nothing to train on: no month was given")
    first = tables[0]
    return replace(
        first,
        values=np.concatenate([table.values for table in tables]),
        truth=np.concatenate([table.truth for table in tables]),
        x=np.concatenate([table.x for table in tables]),
        y=np.concatenate([table.y for table in tables]),
        time=np.concatenate([table.time for table in tables]),
        removed=_added(tables),
    )


def _added(tables: Sequence[Table]) -> Mapping[str, int]:
    """Add up how many rows each rule has removed."""
    rules = dict.fromkeys(rule for table in tables for rule in table.removed)
    return {rule: sum(table.removed.get(rule, 0) for table in tables) for rule in rules}
