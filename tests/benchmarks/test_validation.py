"""The benchmark of validations, in its short form."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.grids import BBox

sys.path.insert(0, str(Path(__file__).parent))

from validation import measured


def test_a_small_validation_is_cheap() -> None:
    """Hourly files of 30 stations and two years of maps are read, compared and written."""
    found = measured(30, 26, hourly=True, area=BBox(113.0, 34.0, 114.0, 34.8))
    assert found.summarised == 30
    assert found.reading + found.computing + found.writing < 60
    assert found.page < 3
