"""Rows of our own station table, as they were written; ``table.toml`` says what it may hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import GranuleError
from engine.stations.rows import shown
from engine.stations.series import Labels
from engine.stations.table_spec import table_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of texts, of which each row is one value of one sensor."""

    path: Path
    """Where they come from, for messages."""
    columns: Mapping[str, Labels]
    """Columns by name, all of one length."""
    row_name: Callable[[int], str]
    """What people call a row, such as ``line 5``."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))

    def complain(self, row: int, wrong: str, allowed: str) -> GranuleError:
        """Make the error of a row."""
        return GranuleError(self.path, f"{self.row_name(row)}: {wrong}", allowed)

    def column(self, name: str) -> Labels:
        """Return a column, empty texts where the table has none of that name."""
        return self.columns.get(name, Labels.constant("", self.rows))


def check_columns(path: Path, names: Sequence[str]) -> None:
    """Refuse a table that lacks columns, repeats them, or has others.

    Raises
    ------
    GranuleError
        Naming them.
    """
    spec = table_spec()
    problems = {
        "it lacks the column": [name for name in spec.required if name not in names],
        "it has the unknown column": [name for name in names if name not in spec.columns],
        "it repeats the column": [name for name, times in Counter(names).items() if times > 1],
    }
    for wrong, found in problems.items():
        if found:
            raise GranuleError(
                path,
                f"{wrong} {', '.join(shown(name) for name in found[:5])}",
                f"the columns {', '.join(spec.required)}; optional are {', '.join(spec.optional)}",
            )
