"""Holdings: what is there, of what should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.archive import Archive
from engine.errors import InputError
from engine.inventory import Count, Holding, check_archive
from engine.inventory.maps import sif_runs
from engine.months import Month, month_range
from engine.products import load_specs
from engine.products.spec import ProductSpec
from engine.region import load_region
from engine.testing_archive import (
    SPRING,
    file_names,
    inventory_of,
    only_run,
    toy_region,
    without,
    write_names,
)


def test_a_complete_archive_lacks_nothing(tmp_path: Path) -> None:
    """Every product is full in every month, thinned reflectance at its own pace."""
    taken = inventory_of(write_names(tmp_path, file_names(SPRING)), toy_region())
    assert taken.months == SPRING
    short = {one.product for one in taken.holdings if not one.count().complete}
    assert short == {"MOD16A2"}
    assert taken.holding("SPL4SMGP").count() == Count(found=480, expected=480)
    assert taken.holding("CHIRPS").count([SPRING[0]]) == Count(found=29, expected=29)
    assert taken.holding("MOD11A2").count() == Count(found=9, expected=9)
    assert taken.holding("MCD43A4").notes == ("every 8 days, counted as complete so",)
    assert "stands in for MOD16A2GF" in taken.holding("MOD16A2").notes
    assert only_run(taken) == "with SIF"
    assert [run.text for run in sif_runs(taken)] == ["yes"]


def test_months_of_mixed_versions_are_noted(tmp_path: Path) -> None:
    """One file of another science version is enough; months that are alike are not named."""
    names = file_names(SPRING)
    smap = names["SPL4SMGP"]
    smap[-1] = smap[-1].replace("Vv8010", "Vv8011")
    taken = inventory_of(write_names(tmp_path, names), toy_region())
    note = "2020-03 mixes the science versions v8010, v8011"
    assert taken.holding("SPL4SMGP").notes == (note,)


def test_an_area_on_two_tiles_needs_both(tmp_path: Path) -> None:
    """With one of two tiles half of the files are missing; the map has a hole but is made."""
    across = toy_region((110.8, 35.6, 111.6, 36.4))
    names = file_names(SPRING, ("h26v05", "h27v05")) | {"SRTM": ["srtm_59_05.tif"]}
    taken = inventory_of(write_names(tmp_path / "both", names), across)
    assert taken.holding("MOD11A2").tiles == ("h26v05", "h27v05")
    assert taken.holding("MOD11A2").count() == Count(found=18, expected=18)
    one = inventory_of(write_names(tmp_path / "one", without(names, "MOD11A2", "h26v05")), across)
    assert one.holding("MOD11A2").count() == Count(found=9, expected=18)
    assert {slot.tile for slot in one.holding("MOD11A2").missing()} == {"h26v05"}
    assert "MOD11A2" in one.maps[0].patchy
    assert only_run(one) == "with SIF"


def test_a_tile_elsewhere_does_not_help(tmp_path: Path) -> None:
    """Granules of another tile leave the product empty."""
    names = file_names(SPRING) | {
        "MOD11A2": [name.replace("h27", "h20") for name in file_names(SPRING)["MOD11A2"]]
    }
    taken = inventory_of(write_names(tmp_path, names), toy_region())
    assert taken.holding("MOD11A2").count() == Count(found=0, expected=9)
    assert only_run(taken).startswith("not, because MOD11A2 0 of 9 files")


def test_a_sliver_of_a_tile_is_done_without(tmp_path: Path) -> None:
    """Of Henan's box, 2 % lie on a second tile: told, but not asked for."""
    root = write_names(tmp_path, file_names(SPRING))
    taken = inventory_of(root, load_region("henan"))
    assert taken.holding("MOD11A2").tiles == ("h27v05",)
    assert taken.holding("MOD11A2").notes == ("h26v05 not counted: 2 % of the area",)


def test_elevation_is_counted_in_the_tiles_that_the_archive_has(tmp_path: Path) -> None:
    """One-degree tiles are expected where some are there, else those of five degrees."""
    names = file_names(SPRING)
    south = toy_region((18.2, -33.9, 19.8, -33.2))
    five = inventory_of(write_names(tmp_path / "five", names | {"SRTM": ["srtm_40_19.tif"]}), south)
    assert five.holding("SRTM").tiles == ("srtm_40_19",)
    one = inventory_of(write_names(tmp_path / "one", names | {"SRTM": ["S34E018.hgt"]}), south)
    assert one.holding("SRTM").tiles == ("S34E018", "S34E019")
    assert one.holding("SRTM").count() == Count(found=1, expected=2)


def test_two_versions_of_a_file_count_once(tmp_path: Path) -> None:
    """A granule that was processed again is no second granule."""
    names = file_names(SPRING)
    names["MOD11A2"] += [name.replace(".2021", ".2022") for name in names["MOD11A2"]]
    taken = inventory_of(write_names(tmp_path, names), toy_region())
    assert taken.holding("MOD11A2").count() == Count(found=9, expected=9)


def test_a_new_product_needs_no_new_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further spec is counted like the others, though no feature uses it."""
    terra = load_specs()["MOD11A2"].model_dump()
    pattern = terra["file_pattern"].replace("MOD", "MYD")
    spec = ProductSpec.model_validate(terra | {"id": "MYD11A2", "file_pattern": pattern})
    monkeypatch.setitem(load_specs(), "MYD11A2", spec)
    names = file_names(SPRING)
    names["MYD11A2"] = [name.replace("MOD", "MYD") for name in names["MOD11A2"][1:]]
    taken = inventory_of(write_names(tmp_path, names), toy_region())
    assert taken.holding("MYD11A2").count() == Count(found=8, expected=9)
    assert taken.holdings[-1].product == "MYD11A2"
    alternatives = {"TROPOSIF", "VNP15A2H", "VNP21A2", "VNP43MA3", "VNP43MA4"}
    assert {one.product for one in taken.holdings} == set(load_specs()) - alternatives


def test_months_are_those_that_files_lie_in(tmp_path: Path) -> None:
    """A composite that reaches into a month is no evidence of it; a gap between months stays."""
    names = {
        "MOD11A2": [f"MOD11A2.A{day}.h27v05.061.2021001010101.hdf" for day in (2020025, 2020129)]
    }
    taken = inventory_of(write_names(tmp_path, names), toy_region(), None)
    assert taken.months == (Month(2020, 5),)
    wide = inventory_of(tmp_path, toy_region(), month_range(Month(2020, 1), Month(2020, 5)))
    counts = [wide.holding("MOD11A2").count([month]).found for month in wide.months]
    assert counts == [1, 1, 0, 0, 1]


def test_a_folder_without_granules_is_an_error(tmp_path: Path) -> None:
    """Nothing there, nothing known there, and no folder there are told apart."""
    with pytest.raises(InputError, match="holds no file"):
        check_archive(Archive(tmp_path), toy_region())
    tmp_path.joinpath("readme.txt").touch()
    with pytest.raises(InputError, match="no name of the 1 files"):
        check_archive(Archive(tmp_path), toy_region())
    for root in (tmp_path / "nowhere", tmp_path / "readme.txt"):
        with pytest.raises(InputError, match="there is no folder"):
            check_archive(Archive(root), toy_region())


def test_a_folder_that_may_not_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for an empty one; tests may run as root, who may read everything."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="cannot be read"):
        check_archive(Archive(tmp_path), toy_region())


def test_a_folder_that_is_passed_over_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Files that may not be seen are not silently taken for missing."""
    root = write_names(tmp_path, file_names(SPRING))
    genuine = os.scandir

    def scan(folder: Path) -> object:
        if Path(folder).name == "eSIF":
            raise PermissionError(13, "Permission denied", str(folder))
        return genuine(folder)

    monkeypatch.setattr(os, "scandir", scan)
    assert inventory_of(root, toy_region()).holding("eSIF").count().found == 0
    assert "the folder eSIF is passed over: Permission denied" in caplog.text


def test_an_archive_without_dates_needs_the_months(tmp_path: Path) -> None:
    """Elevation alone does not tell which months are meant."""
    root = write_names(tmp_path, {"SRTM": ["srtm_59_06.tif"]})
    with pytest.raises(InputError, match="nothing in the archive has a date"):
        inventory_of(root, toy_region())
    taken = inventory_of(root, toy_region(), SPRING)
    assert taken.holding("SRTM").count().complete


def test_counts_read_well() -> None:
    """One file is a file."""
    assert str(Count(found=0, expected=1)) == "0 of 1 file"
    assert str(Count(found=117, expected=248)) == "117 of 248 files"
    assert Holding(product="X", title="X", cycle="static", slots=()).count().share == 0
