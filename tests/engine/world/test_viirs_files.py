"""VIIRS: the successors of MODIS, written as they are published, and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from engine.archive import Archive
from engine.errors import GranuleError
from engine.feature_sources import SourceFinder
from engine.feature_store import FeatureStore
from engine.features import FEATURES
from engine.inventory.maps import take_inventory
from engine.months import Month
from engine.products import decode, recognise
from engine.products.hdf5_eos import STRUCTURE
from engine.region import load_region
from engine.world import build_world, load_preset
from engine.world.presets import Window

if TYPE_CHECKING:
    from pathlib import Path

    from engine.world import World

MAY = Month(2020, 5)
SUCCESSORS = {
    "MCD43A4": "VNP43MA4",
    "MCD43A3": "VNP43MA3",
    "MOD11A2": "VNP21A2",
    "MOD15A2H": "VNP15A2H",
}

APART = {
    "ndvi": 0.02,
    "nsdsi": 0.005,
    "albedo": 0.001,
    "lst_day": 0.05,
    "lst_night": 0.05,
    "ati": 0.002,
    "lai": 0.1,
}
"""How far features may be apart: a step or two of stored numbers, and what pixels of 1 km blur."""


def _world(folder: Path, instrument: str) -> World:
    preset = load_preset("tiny", land_instrument=instrument).model_copy(
        update={
            "first": "2020-05",
            "last": "2020-05",
            "spin_up_days": 40,
            "window": Window(row=345, column=3133, height=3, width=3),
            "stations": 0,
        }
    )
    return build_world(preset, 3, folder)


@pytest.fixture(scope="module")
def viirs(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give a month in files of VIIRS."""
    return _world(tmp_path_factory.mktemp("viirs"), "VIIRS")


@pytest.fixture(scope="module")
def modis(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give the same month in files of MODIS."""
    return _world(tmp_path_factory.mktemp("modis"), "MODIS")


def _store(world: World, folder: Path) -> FeatureStore:
    return FeatureStore(Archive(world.archive), load_region(world.region), folder)


def test_the_successors_make_the_same_features(viirs: World, modis: World, tmp_path: Path) -> None:
    """The world shows both the same, so that a month's features agree but for smaller pixels."""
    one = _store(viirs, tmp_path / "viirs").month(MAY, list(APART))
    other = _store(modis, tmp_path / "modis").month(MAY, list(APART))
    for name, allowed in APART.items():
        both = np.isfinite(one[name]) & np.isfinite(other[name])
        assert both.mean() > 0.8, name
        apart = np.abs(one[name] - other[name]).where(both)
        assert float(apart.median()) < allowed, name


def test_worlds_from_before_stay_known() -> None:
    """Who asks for nothing has the same preset as ever."""
    assert "land_instrument" not in load_preset("tiny").model_dump()


def test_the_files_are_taken_instead(viirs: World, tmp_path: Path) -> None:
    """An archive without MODIS is complete with VIIRS, and says so."""
    archive = Archive(viirs.archive)
    for first, successor in SUCCESSORS.items():
        assert not archive.has(first)
        assert archive.has(successor)
    taken = take_inventory(_store(viirs, tmp_path))
    assert [one.verdict for one in taken.maps] == ["with SIF"]
    assert {one.product for one in taken.holdings}.isdisjoint(SUCCESSORS)
    for first, successor in SUCCESSORS.items():
        assert f"taken instead of {first}" in taken.holding(successor).notes


def test_the_two_are_never_mixed(viirs: World, modis: World, tmp_path: Path) -> None:
    """Where there is any file of MODIS, all months are its own."""
    finder = SourceFinder(Archive(modis.archive))
    assert finder.products(FEATURES["ati"]) == ("MOD11A2", "MCD43A3")
    assert SourceFinder(Archive(viirs.archive)).products(FEATURES["ati"]) == (
        "VNP21A2",
        "VNP43MA3",
    )
    both = tmp_path / "archive"
    for path in (viirs.archive / "VNP21A2", modis.archive / "MOD11A2"):
        (both / path.name).parent.mkdir(exist_ok=True)
        (both / path.name).symlink_to(path)
    (both / "SYNTHETIC.txt").touch()
    store = FeatureStore(Archive(both), load_region(viirs.region), tmp_path / "features")
    assert SourceFinder(store.archive).products(FEATURES["lst_day"]) == ("MOD11A2",)
    note = take_inventory(store, [MAY]).holding("VNP21A2").notes[0]
    assert note == "not used, since MOD11A2 is there, and the two are not mixed"


def test_accuracy_runs_the_other_way_than_in_modis(viirs: World, tmp_path: Path) -> None:
    """Three is the best class, zero too bad to be used."""
    source = min((viirs.archive / "VNP21A2").rglob("*.h5"))
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes())
    with h5py.File(path, "a") as file:
        fields = file["HDFEOS/GRIDS/VIIRS_Grid_8Day_1km_LST21/Data Fields"]
        kept = fields["QC_Day"][:]
        fields["QC_Day"][:] = np.resize(np.array([0, 64, 128, 192, 194], np.uint8), kept.shape)
        fields["LST_Day_1KM"][:] = 15000
    granule = recognise(path)
    assert granule is not None
    field = decode(granule, load_region(viirs.region).area(), ["lst_day"])["lst_day"]
    assert set(np.unique(field.weight)) == {0.0, 0.5, 1.0}
    assert np.unique(field.values[field.weight > 0]) == pytest.approx([300.0])
    shares = [float((field.weight == weight).mean()) for weight in (0, 0.5, 1)]
    assert shares == pytest.approx([0.4, 0.2, 0.4], abs=0.05)


def test_a_file_that_is_not_what_it_says_is_refused(viirs: World, tmp_path: Path) -> None:
    """A grid that is missing or of another place is told, with the file's name."""
    source = min((viirs.archive / "VNP43MA4").rglob("*.h5"))
    area = load_region(viirs.region).area()

    def refused(message: str) -> None:
        granule = recognise(broken)
        assert granule is not None
        with pytest.raises(GranuleError, match=message):
            decode(granule, area, ["red"])

    broken = tmp_path / source.name
    broken.write_bytes(source.read_bytes())
    with h5py.File(broken, "a") as file:
        del file["HDFEOS/GRIDS/VIIRS_Grid_BRDF/Data Fields/Nadir_Reflectance_M5"]
    refused("the variable is missing")
    with h5py.File(broken, "a") as file:
        text = file[STRUCTURE][()].decode().replace("VIIRS_Grid_BRDF", "Another")
        del file[STRUCTURE]
        file[STRUCTURE] = np.bytes_(text)
    refused("its grids are: Another")
    broken.write_bytes(source.read_bytes()[:2000])
    refused("truncated, damaged or of another format")
    broken = tmp_path / source.name.replace("h27v05", "h10v05")
    broken.write_bytes(source.read_bytes())
    refused("a place in tile h10v05")
