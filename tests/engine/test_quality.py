"""The quality of a map's cells, and the rules of the training table."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from engine.archive import Archive
from engine.errors import MissingDataError
from engine.feature_store import FeatureStore
from engine.grids import BBox, coarse_of
from engine.months import Month
from engine.quality import (
    model_only_share,
    packed,
    quality_layer,
    quality_table,
    soil_temperature,
    surroundings,
    training_rules,
)
from engine.region import Region
from engine.testing import write_even_modis, write_smap

if TYPE_CHECKING:
    from pathlib import Path

MARCH = Month(2020, 3)
REGION = Region(name="bits", title="Bits", bbox=BBox(113.5, 34.6, 113.75, 34.75))
CROP, TOWN, WATER = 12, 13, 17


def store_of(folder: Path, cover: int | None = CROP, kelvin: float | None = None) -> FeatureStore:
    """Return a store over one class of land cover and one soil temperature."""
    archive = folder / "archive"
    archive.mkdir()
    if cover is not None:
        fields = {"LC_Type1": cover}
        day = date(2019, 1, 1)
        write_even_modis("MCD12Q1", "h27v05", day, archive, fields, area=REGION.area())
    grid = REGION.coarse()
    for hour in range(8 * MARCH.days):
        time = f"202003{hour // 8 + 1:02d}T{hour % 8 * 3 + 1:02d}3000"
        path = archive / f"SMAP_L4_SM_gph_{time}_Vv8010_001.h5"
        write_smap(path, np.full(tuple(grid.shape), 0.3, np.float32), grid)
        if kelvin is not None:
            with h5py.File(path, "r+") as file:
                values = np.full(tuple(grid.shape), kelvin, np.float32)
                file.create_dataset("Geophysical_Data/soil_temp_layer1", data=values)
    return FeatureStore(Archive(archive), REGION, folder / "features")


def test_no_two_flags_share_a_bit() -> None:
    """The bits are those of the design, one after the other."""
    flags = quality_table().flags
    assert [flag.mask for flag in flags] == [3, 4, 8, 16, 32, 64, 128, 256]
    assert sum(flag.mask for flag in flags) == 511
    names = [flag.name for flag in flags]
    assert names[2:] == ["water", "urban", "frozen", "smap_model_only", "clipped", "extrapolated"]


def test_flags_are_packed_into_their_bits() -> None:
    """Each number lies in the bits of its name, whatever the others are."""
    on = np.array([True, False])
    layer = packed((2,), fill_level=np.array([1, 3]), urban=on, clipped=~on, frozen=True)
    assert layer.dtype == np.uint16
    assert layer.tolist() == [1 + 16 + 32, 3 + 128 + 32]


@pytest.mark.parametrize(
    ("month", "days"),
    [
        (Month(2019, 5), 0),
        (Month(2019, 6), 12),
        (Month(2019, 7), 23),
        (Month(2019, 8), 0),
        (Month(2022, 8), 26),
        (Month(2022, 9), 20),
    ],
)
def test_days_without_smaps_instrument_are_known(month: Month, days: int) -> None:
    """Both outages, first and last day included; of other products nothing is known."""
    assert model_only_share("SPL4SMGP", month) == pytest.approx(days / month.days)
    assert model_only_share("MOD11A2", month) == 0


@pytest.mark.parametrize(
    ("cover", "kelvin", "bits", "removes"),
    [
        (CROP, 280.0, 0, set()),
        (TOWN, 280.0, 16, {"towns on 50% of the cell or more"}),
        (WATER, 280.0, 8, {"water on 20% of the cell or more"}),
        (CROP, 270.0, 32, {"frozen soil"}),
        (WATER, 270.0, 40, {"water on 20% of the cell or more", "frozen soil"}),
    ],
)
def test_cover_and_frost_are_flagged_and_teach_nothing(
    tmp_path: Path, cover: int, kelvin: float, bits: int, removes: set[str]
) -> None:
    """What a cell is flagged for, it is left out of the training for."""
    store = store_of(tmp_path, cover, kelvin)
    layer = quality_layer(store, MARCH)
    assert layer.dtype == np.uint16
    assert layer.attrs["units"] == "1"
    assert (layer == bits).all()
    rules = training_rules(store, MARCH, np.ones(tuple(store.area.shape), bool))
    assert {rule for rule, passed in rules.items() if not passed.any()} == removes
    assert all(passed.shape == tuple(coarse_of(store.area).shape) for passed in rules.values())


def test_frost_needs_a_file_that_tells_the_temperature(tmp_path: Path) -> None:
    """Without it, or without land cover, the layer says what it does not know."""
    store = store_of(tmp_path, None, None)
    with pytest.raises(MissingDataError, match="soil temperature"):
        soil_temperature(store, MARCH)
    known = surroundings(store, MARCH)
    assert known.water is known.urban is known.frozen is None
    layer = quality_layer(store, MARCH)
    assert (layer == 0).all()
    assert "MCD12Q1" in layer.attrs["unknown"]
    assert "frozen" in layer.attrs["unknown"]
    present = np.ones(tuple(store.area.shape), bool)
    assert list(training_rules(store, MARCH, present)) == ["features in less than 60% of the cell"]


def test_a_lesson_needs_most_of_its_cells(tmp_path: Path) -> None:
    """48 of 81 fine cells are too few, 49 are enough."""
    store = store_of(tmp_path, None, None)
    present = np.zeros(tuple(store.area.shape), bool)
    for count, enough in [(48, False), (49, True)]:
        present[:9, :9] = np.arange(81).reshape(9, 9) < count
        (passed,) = training_rules(store, MARCH, present).values()
        assert bool(passed[0, 0]) is enough


def test_clipping_and_outages_are_flagged(tmp_path: Path) -> None:
    """A cell at the border of the physical range is told from the others."""
    store = store_of(tmp_path, CROP, 280.0)
    clipped = np.zeros(tuple(store.area.shape), bool)
    clipped[3, 4] = True
    layer = quality_layer(store, MARCH, clipped=clipped)
    assert int(layer[3, 4]) == 128
    assert int((layer > 0).sum()) == 1
    layer = quality_layer(store, MARCH, extrapolated=clipped)
    assert int(layer[3, 4]) == 256
