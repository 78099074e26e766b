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
    _check_quotes(path, rest)
    try:
        columns = split_columns(rest, names, separator)
    except RaggedError as error:
        raise GranuleError(path, *_excess(rest, separator, len(names))) from error
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
    return Labels(position[kept.codes], texts.texts)


def _check_quotes(path: Path, lines: bytes) -> None:
    """Refuse a quotation mark that is never closed: it would swallow the lines below it."""
    if b'"' not in lines:
        return
    for number, line in enumerate(lines.split(b"\n"), 2):
        if line.count(b'"') % 2:
            raise GranuleError(
                path, f"line {number} has a double quote that is not closed", "quotes in pairs"
            )


def _excess(lines: bytes, separator: str, width: int) -> tuple[str, str]:
    """Find the line with too many fields."""
    rows = csv.reader(lines.decode("utf-8").split("\n"), delimiter=separator)
    number, row = next(
        ((number, row) for number, row in enumerate(rows, 2) if len(row) > width), (2, [""])
    )
    allowed = f"{width} fields, separated by {separator!r}, with decimal points"
    return f"line {number} has {len(row)} fields, {shown(separator.join(row))}", allowed
