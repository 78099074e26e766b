"""The benchmark of catalogues, in its short form."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from catalog import QUERIES, measured


def test_a_small_catalogue_is_quick(tmp_path: Path) -> None:
    """A hundred items are rebuilt, searched in each way and added to, each in its time."""
    figures = measured(100, tmp_path)
    assert len(figures) == 1 + 2 * len(QUERIES) + 3
    assert [str(one) for one in figures if one.seconds > one.most] == []
