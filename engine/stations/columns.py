"""Text in columns, split at once: every distinct text of a column is kept, and read, once.

Station files repeat themselves: a year of hours has 365 dates, 24 clock times, some hundred
values and a handful of flags. So columns are numbered texts, which is ten times faster than
reading line by line and keeps what was written, for messages.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from engine.stations.series import Labels

if TYPE_CHECKING:
    from collections.abc import Sequence

BLANKS = r"\s+"
"""Separator: any run of blanks."""


class RaggedError(ValueError):
    """A line has more fields than there are columns."""


def split_columns(lines: bytes, names: Sequence[str], separator: str) -> list[Labels]:
    r"""Split lines into columns of texts.

    Fields that a line lacks at its end are empty texts. Between commas or semicolons empty lines
    count as lines of empty fields, so that rows keep their numbers; between blanks they are
    passed over.

    Parameters
    ----------
    lines
        UTF-8, each line ended by ``\n``.
    names
        Of the columns.
    separator
        ``BLANKS``, or one character, with fields in double quotes allowed.

    Raises
    ------
    RaggedError
        Where a line has more fields than there are names.
    """
    # A first line of letters keeps pandas from taking a column of numbers for numbers.
    by_blanks = separator == BLANKS
    first = (" " if by_blanks else separator).join("x" * len(names)).encode()
    try:
        table = pd.read_csv(
            io.BytesIO(first + b"\n" + lines),
            sep=separator,
            header=None,
            names=[str(number) for number in range(len(names))],
            index_col=False,
            dtype="category",
            na_filter=False,
            quoting=3 if by_blanks else 0,
            skip_blank_lines=by_blanks,
            encoding="utf-8",
        )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise RaggedError(str(error)) from error
    return [_labels(table[name]) for name in table]


def _labels(column: pd.Series) -> Labels:
    """Return a column without its first row, whose text, if no other row has it, is unused."""
    categories = column.cat.categories.tolist()
    codes = column.cat.codes.to_numpy(np.intp)[1:]
    used = np.flatnonzero(np.bincount(codes, minlength=len(categories)))
    position = np.zeros(len(categories), np.intp)
    position[used] = np.arange(used.size)
    return Labels.numbered(position[codes], [str(categories[code]) for code in used])
