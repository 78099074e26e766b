"""The picture of an inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from engine.inventory.picture import draw_inventory
from engine.months import Month, month_range
from engine.testing_archive import SPRING, file_names, inventory_of, toy_region, write_names

if TYPE_CHECKING:
    from pathlib import Path


def test_the_picture_grows_with_the_archive(tmp_path: Path) -> None:
    """A PNG with more rows and columns than pixels of nothing."""
    root = write_names(tmp_path / "archive", file_names(SPRING))
    short = draw_inventory(inventory_of(root, toy_region()), tmp_path / "short.png")
    year = month_range(Month(2019, 6), Month(2020, 5))
    long = draw_inventory(inventory_of(root, toy_region(), year), tmp_path / "long.png")
    assert long[0] == short[0]
    assert long[1] > short[1]
    with Image.open(tmp_path / "long.png") as picture:
        assert picture.size == (long[1], long[0])
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20
