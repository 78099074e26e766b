"""Features that are made band by band are those that are made at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.archive import Archive
from engine.bands import bands
from engine.errors import InputError
from engine.feature_store import FeatureStore
from engine.features import FEATURES
from engine.grids import BBox, coarse_window, fine_of
from engine.months import Month
from engine.region import load_region

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from engine.world import World

AREA = fine_of(coarse_window(BBox(112.0, 33.0, 114.0, 36.0)))
FEBRUARY = Month(2020, 2)
SLOPE, VEGETATION = (FEATURES["slope"],), (FEATURES["ndvi"], FEATURES["evi"])


def rows_of(memory: int, pixel: float = 30.0) -> list[int]:
    """Return the rows of each band in which slopes are made."""
    return [band.area.shape.y for band in bands(AREA, memory, SLOPE, pixel, bridging=False)]


def test_bands_cover_an_area_by_whole_coarse_cells() -> None:
    """Whatever the budget, every row is in one band, and bands grow with the budget."""
    counts = []
    for memory in (500_000_000, 1_000_000_000, 10**11):
        rows = rows_of(memory)
        assert sum(rows) == AREA.shape.y
        assert all(count % 9 == 0 for count in rows)
        counts.append(len(rows))
    assert counts[0] > counts[1] > counts[2] == 1


def test_coarse_pixels_take_longer_bands() -> None:
    """What is seen at 1 km needs a thousandth of the memory of what is seen at 30 m."""
    assert len(rows_of(500_000_000, 1000.0)) == 1


def test_a_budget_below_one_row_of_cells_is_refused() -> None:
    """The least that would do is told, and which product needs it."""
    with pytest.raises(InputError, match=r"memory: 1 MB; allowed: at least \d+ MB, which SRTM"):
        rows_of(1_000_000)


@pytest.mark.parametrize(
    ("names", "memory"),
    [
        (["ndvi", "evi"], 2_000_000),
        (["lst_day", "lst_night"], 600_000),
        (["ati"], 400_000),
        (["elevation", "slope"], 25_000_000),
        (["precipitation"], 80_000),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_the_budget_changes_no_value(
    names: Sequence[str], memory: int, tiny_world: World, tmp_path: Path
) -> None:
    """Vegetation, bridged temperature, inertia, terrain, smooth rain: all as made at once."""
    region, archive = load_region(tiny_world.region), Archive(tiny_world.archive)
    whole = FeatureStore(archive, region, tmp_path / "whole", climatology=False)
    parts = FeatureStore(archive, region, tmp_path / "parts", climatology=False, memory=memory)
    expected, got = (store.month(FEBRUARY, names) for store in (whole, parts))
    assert len(list((tmp_path / "parts" / "weights").iterdir())) > len(
        list((tmp_path / "whole" / "weights").iterdir())
    )
    for name in names:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-6, atol=1e-6)
    for name, level in expected.data_vars.items():
        if str(name).startswith("level_"):
            assert np.array_equal(got[name], level)


def test_a_month_within_too_small_a_budget_is_refused_whole(
    tiny_world: World, tmp_path: Path
) -> None:
    """It is neither made of less nor beyond the budget, and no part of it is kept."""
    region, archive = load_region(tiny_world.region), Archive(tiny_world.archive)
    store = FeatureStore(archive, region, tmp_path, climatology=False, memory=10_000)
    with pytest.raises(InputError, match=r"memory: 0 MB; allowed: at least \d+ MB, which MCD43A4"):
        store.month(FEBRUARY, ["ndvi", "evi"])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
