"""Our own station CSV; ``table.toml`` says what it may hold."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import GranuleError
from engine.stations.columns import RaggedError, split_columns
from engine.stations.rows import shown
from engine.stations.series import Labels
from engine.stations.table import Table, check_columns
from engine.stations.text import plain_lines

if TYPE_CHECKING:
    from pathlib import Path

KIND = "a station table as CSV"


def csv_table(path: Path, data: bytes) -> Table:
    """Split a station CSV into columns.

    Commas or semicolons separate fields, whichever the first line uses; spaces around fields do
    not matter; empty lines are passed over.

    Raises
    ------
    GranuleError
        Where it is no such table, or a line has too many fields.
    """
    text = plain_lines(path, data, KIND)
    first, _, rest = text.partition(b"\n")
    header = first.decode("utf-8")
    separator = ";" if header.count(";") > header.count(",") else ","
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    check_columns(path, names)
    if not _looks_even(rest, separator, len(names)):
        _check_lines(path, rest, separator, len(names))
    try:
        columns = split_columns(rest, names, separator)
    except RaggedError as error:
        _check_lines(path, rest, separator, len(names))
        raise GranuleError(path, "its lines cannot be told apart", KIND) from error
    return _without_empty_lines(path, dict(zip(names, columns, strict=True)))


def _without_empty_lines(path: Path, columns: dict[str, Labels]) -> Table:
    empty = np.logical_and.reduce([_blank(column) for column in columns.values()])
    kept = np.flatnonzero(~empty)
    if not kept.size:
        raise GranuleError(path, "it has no rows", KIND)
    full = {name: _stripped(column, kept) for name, column in columns.items()}
    return Table(path=path, columns=full, row_name=lambda row: f"line {int(kept[row]) + 2}")


def _blank(column: Labels) -> np.ndarray:
    blank = np.array([not text.strip() for text in column.texts])
    return np.asarray(blank[column.codes])


def _stripped(column: Labels, rows: np.ndarray) -> Labels:
    """Take blanks off the texts of some rows, and forget texts that no row has."""
    kept = column[rows]
    used = np.flatnonzero(np.bincount(kept.codes, minlength=len(kept.texts)))
    texts = Labels.of(kept.texts[k].strip() for k in used)
    position = np.zeros(len(kept.texts), np.intp)
    position[used] = texts.codes
    return Labels.numbered(position[kept.codes], texts.texts)


def _looks_even(lines: bytes, separator: str, width: int) -> bool:
    """Tell, by counting alone, whether every line seems to have all its fields."""
    count = lines.count(b"\n") + (not lines.endswith(b"\n"))
    return b'"' not in lines and lines.count(separator.encode()) == count * (width - 1)


def _check_lines(path: Path, lines: bytes, separator: str, width: int) -> None:
    """Refuse the first line with too few or too many fields, or with a quote left open.

    A quotation mark that is never closed would swallow the lines below it; a line that is cut
    off would lose its flag.
    """
    for number, line in enumerate(lines.decode("utf-8").split("\n"), 2):
        if line.count('"') % 2:
            raise GranuleError(
                path, f"line {number} has a double quote that is not closed", "quotes in pairs"
            )
        fields = next(csv.reader([line], delimiter=separator), [])
        if line.strip() and len(fields) != width:
            raise GranuleError(
                path,
                f"line {number} has {len(fields)} fields, {shown(line)}",
                f"{width} fields, separated by {separator!r}, with decimal points",
            )
