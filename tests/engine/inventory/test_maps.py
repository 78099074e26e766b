"""Inventories: what is there, what should be, and which maps follow from it."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine import sif
from engine.archive import Archive
from engine.errors import InputError, MissingDataError
from engine.feature_store import FeatureStore
from engine.inventory import Count, Holding, check_archive
from engine.inventory.maps import (
    SIF_DAYS,
    Inventory,
    Verdict,
    sif_runs,
    soil_moisture_runs,
    take_inventory,
)
from engine.inventory.periods import lattice
from engine.inventory.picture import draw_inventory
from engine.months import Month, Period, eight_day_periods, month_range
from engine.predictors import UserPredictor
from engine.products import load_specs
from engine.products.spec import ProductSpec
from engine.region import CoarseField, Region, load_region
from engine.testing import shared_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.world import World

SPRING = month_range(Month(2020, 2), Month(2020, 3))
EAST = (113.0, 34.0, 113.6, 34.5)
"""Inside MODIS tile h27v05."""


def region(bbox: Sequence[float] = EAST, **changes: object) -> Region:
    return Region.model_validate(
        {"name": "here", "title": "Here", "bbox": list(bbox), "soil_moisture": "SPL4SMGP"} | changes
    )


def file_names(months: Sequence[Month], tiles: Iterable[str] = ("h27v05",)) -> dict[str, list[str]]:
    """Return the names of a complete archive, MCD43 thinned to every eighth day."""
    span = Period(months[0].first_day, months[-1].period.end)
    days = [span.start + timedelta(days=k) for k in range(span.days)]
    periods = list(eight_day_periods(span))
    eight = [f"A{period.start:%Y%j}.{tile}" for period in periods for tile in tiles]
    names = {
        product: [f"{product}.{when}.061.2021001010101.hdf" for when in eight]
        for product in ("MCD43A4", "MCD43A3", "MOD11A2", "MOD15A2H", "MOD16A2GF")
    }
    first = f"A{span.start:%Y%j}"
    for product in ("MCD43A4", "MCD43A3"):
        names[product] = [name for name in names[product] if name.split(".")[1] >= first]
    names["SPL4SMGP"] = [
        f"SMAP_L4_SM_gph_{day:%Y%m%d}T{hour:02d}3000_Vv8010_001.h5"
        for day in days
        for hour in range(1, 24, 3)
    ]
    names["CHIRPS"] = [f"chirps-v2.0.{day:%Y.%m.%d}.tif" for day in days]
    names["eSIF"] = [f"eSIF_{period.start:%Y%j}.nc" for period in periods]
    names["SRTM"] = ["srtm_59_06.tif"]
    names["SoilGrids"] = [f"{part}_0-5cm_mean.tif" for part in ("clay", "sand", "silt")]
    years = sorted({day.year for day in days})
    names["MCD12Q1"] = [
        f"MCD12Q1.A{year}001.{tile}.061.2022001010101.hdf" for year in years for tile in tiles
    ]
    return names


def write(root: Path, names: dict[str, list[str]]) -> Path:
    """Write files of some names, which is all that an inventory looks at."""
    for product, files in names.items():
        root.joinpath(product).mkdir(parents=True)
        for file in files:
            root.joinpath(product, file).touch()
    return root


def inventory_of(root: Path, here: Region, months: Sequence[Month] | None = None) -> Inventory:
    return take_inventory(FeatureStore(Archive(root), here, root / "unused"), months)


def without(names: dict[str, list[str]], product: str, *parts: str) -> dict[str, list[str]]:
    """Return the names less those of a product that contain one of some texts."""
    kept = [name for name in names[product] if not any(part in name for part in parts)]
    return names | {product: kept}


def only_run(inventory: Inventory) -> str:
    (run,) = soil_moisture_runs(inventory)
    return run.text


def test_a_complete_archive_lacks_nothing(tmp_path: Path) -> None:
    """Every product is full in every month, thinned reflectance at its own pace."""
    taken = inventory_of(write(tmp_path, file_names(SPRING)), region())
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


def test_the_made_up_world_is_complete(tiny_world: World, tmp_path: Path) -> None:
    """What the world writes is a full archive, and marked."""
    store = FeatureStore(Archive(tiny_world.archive), load_region(tiny_world.region), tmp_path)
    taken = take_inventory(store)
    assert taken.synthetic
    assert taken.months == tiny_world.preset.months
    assert only_run(taken) == "with SIF"
    assert taken.holding("SPL4SMGP").count().found == len(
        list(tiny_world.archive.rglob("SMAP_L4_SM_gph_*"))
    )
    assert not list(tmp_path.iterdir())


def test_too_few_of_smap_are_told_with_their_number(tmp_path: Path) -> None:
    """Ninety per cent of a month's files are needed, as for the map itself."""
    names = file_names(SPRING)
    march = [name for name in names["SPL4SMGP"] if "_202003" in name]
    names["SPL4SMGP"] = [name for name in names["SPL4SMGP"] if name not in march[117:]]
    first, second = soil_moisture_runs(inventory_of(write(tmp_path, names), region()))
    assert first.text == "with SIF"
    assert second.months == (Month(2020, 3),)
    assert second.text == "not, because SPL4SMGP 117 of 248 files (90 % are needed)"


def test_a_tenth_of_smap_may_be_missing(tmp_path: Path) -> None:
    """224 of 248 files are enough, and the month counts as patchy."""
    names = file_names(SPRING)
    march = [name for name in names["SPL4SMGP"] if "_202003" in name]
    names["SPL4SMGP"] = [name for name in names["SPL4SMGP"] if name not in march[224:]]
    taken = inventory_of(write(tmp_path, names), region())
    assert only_run(taken) == "with SIF"
    assert taken.maps[1].patchy == ("SPL4SMGP",)


def test_without_coarse_sif_there_is_soil_moisture_still(tmp_path: Path) -> None:
    """Months without eSIF are told apart, and the months are told together."""
    names = file_names(SPRING) | {"eSIF": []}
    taken = inventory_of(write(tmp_path, names), region())
    assert only_run(taken) == (
        "without SIF, because eSIF 0 of 9 files (half of the days are needed)"
    )
    assert {one.verdict for one in taken.maps} == {Verdict.WITHOUT_SIF}


def test_sif_needs_half_of_the_days_as_its_maker_says(tmp_path: Path) -> None:
    """Two of five periods of March hold 16 of its 31 days."""
    assert SIF_DAYS == sif.MIN_DAYS
    names = file_names(SPRING)
    kept = [name for name in names["eSIF"] if name < "eSIF_2020057" or "073" in name]
    fewer, enough = (tmp_path / name for name in ("fewer", "enough"))
    write(fewer, names | {"eSIF": kept})
    write(enough, names | {"eSIF": [*kept, "eSIF_2020065.nc"]})
    verdicts = [inventory_of(root, region()).maps[1].verdict for root in (fewer, enough)]
    assert verdicts == [Verdict.WITHOUT_SIF, Verdict.WITH_SIF]


def test_rain_needs_every_day(tmp_path: Path) -> None:
    """Daily rain is never taken for thinned, even if every second day is there."""
    names = file_names(SPRING)
    names["CHIRPS"] = names["CHIRPS"][::2]
    taken = inventory_of(write(tmp_path, names), region())
    assert only_run(taken) == "not, because CHIRPS 30 of 60 files (every day is needed)"
    assert taken.holding("CHIRPS").count([Month(2020, 3)]).expected == 31


def test_a_product_that_is_nowhere_is_left_out(tmp_path: Path) -> None:
    """Of predictors that one can do without, maps are made without them."""
    names = file_names(SPRING) | {"MOD15A2H": []}
    taken = inventory_of(write(tmp_path, names), region())
    assert only_run(taken) == "with SIF"
    assert taken.left_out == {"lai": "the archive has no MOD15A2H"}
    assert not taken.holding("MOD15A2H").needed


def test_a_product_that_lacks_one_month_can_be_left_out(tmp_path: Path) -> None:
    """A month without leaf area is refused by default, and it is told how to have it yet."""
    march = ("A202006", "A202007", "A202008", "A202009", "A2020057")
    names = without(file_names(SPRING), "MOD15A2H", *march)
    first, second = soil_moisture_runs(inventory_of(write(tmp_path, names), region()))
    assert first.text == "with SIF"
    assert second.text == (
        "not, because MOD15A2H 0 of 5 files; possible if a request leaves out lai"
    )


def test_one_fraction_of_the_soil_is_of_no_use(tmp_path: Path) -> None:
    """Clay, sand and silt are scaled to a sum, so all three are needed."""
    names = without(file_names(SPRING), "SoilGrids", "clay")
    taken = inventory_of(write(tmp_path, names), region())
    assert taken.holding("SoilGrids").count() == Count(found=2, expected=3)
    assert "SoilGrids 2 of 3 files (one for each variable is needed)" in only_run(taken)


def test_an_earlier_land_cover_stands_in_but_no_later_one(tmp_path: Path) -> None:
    """A map of the past is said to be used; one of the future is none."""
    name = "MCD12Q1.A{}001.h27v05.061.2022001010101.hdf"
    early, late = (tmp_path / str(year) for year in (2018, 2021))
    for root, year in ((early, 2018), (late, 2021)):
        write(root, file_names(SPRING) | {"MCD12Q1": [name.format(year)]})
    taken = inventory_of(early, region())
    assert only_run(taken) == "with SIF"
    assert taken.holding("MCD12Q1").notes == ("2018 stands in for 2020",)
    assert "MCD12Q1 0 of 1 file (an earlier year would do)" in only_run(
        inventory_of(late, region())
    )


def test_an_area_on_two_tiles_needs_both(tmp_path: Path) -> None:
    """With one of two tiles half of the files are missing; the map has a hole but is made."""
    across = region((110.8, 35.6, 111.6, 36.4))
    names = file_names(SPRING, ("h26v05", "h27v05")) | {"SRTM": ["srtm_59_05.tif"]}
    taken = inventory_of(write(tmp_path / "both", names), across)
    assert taken.holding("MOD11A2").tiles == ("h26v05", "h27v05")
    assert taken.holding("MOD11A2").count() == Count(found=18, expected=18)
    one = inventory_of(write(tmp_path / "one", without(names, "MOD11A2", "h26v05")), across)
    assert one.holding("MOD11A2").count() == Count(found=9, expected=18)
    assert {slot.tile for slot in one.holding("MOD11A2").missing()} == {"h26v05"}
    assert "MOD11A2" in one.maps[0].patchy
    assert only_run(one) == "with SIF"


def test_a_tile_elsewhere_does_not_help(tmp_path: Path) -> None:
    """Granules of another tile leave the product empty."""
    names = file_names(SPRING) | {
        "MOD11A2": [name.replace("h27", "h20") for name in file_names(SPRING)["MOD11A2"]]
    }
    taken = inventory_of(write(tmp_path, names), region())
    assert taken.holding("MOD11A2").count() == Count(found=0, expected=9)
    assert only_run(taken).startswith("not, because MOD11A2 0 of 9 files")


def test_a_sliver_of_a_tile_is_done_without(tmp_path: Path) -> None:
    """Of Henan's box, 2 % lie on a second tile: told, but not asked for."""
    root = write(tmp_path, file_names(SPRING))
    taken = inventory_of(root, load_region("henan"))
    assert taken.holding("MOD11A2").tiles == ("h27v05",)
    assert taken.holding("MOD11A2").notes == ("h26v05 not counted: 2 % of the area",)


def test_elevation_is_counted_in_the_tiles_that_the_archive_has(tmp_path: Path) -> None:
    """One-degree tiles are expected where some are there, else those of five degrees."""
    names = file_names(SPRING)
    south = region((18.2, -33.9, 19.8, -33.2))
    five = inventory_of(write(tmp_path / "five", names | {"SRTM": ["srtm_40_19.tif"]}), south)
    assert five.holding("SRTM").tiles == ("srtm_40_19",)
    one = inventory_of(write(tmp_path / "one", names | {"SRTM": ["S34E018.hgt"]}), south)
    assert one.holding("SRTM").tiles == ("S34E018", "S34E019")
    assert one.holding("SRTM").count() == Count(found=1, expected=2)


def test_two_versions_of_a_file_count_once(tmp_path: Path) -> None:
    """A granule that was processed again is no second granule."""
    names = file_names(SPRING)
    names["MOD11A2"] += [name.replace(".2021", ".2022") for name in names["MOD11A2"]]
    taken = inventory_of(write(tmp_path, names), region())
    assert taken.holding("MOD11A2").count() == Count(found=9, expected=9)


def test_a_new_product_needs_no_new_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further spec is counted like the others, though no feature uses it."""
    terra = load_specs()["MOD11A2"].model_dump()
    pattern = terra["file_pattern"].replace("MOD", "MYD")
    spec = ProductSpec.model_validate(terra | {"id": "MYD11A2", "file_pattern": pattern})
    monkeypatch.setitem(load_specs(), "MYD11A2", spec)
    names = file_names(SPRING)
    names["MYD11A2"] = [name.replace("MOD", "MYD") for name in names["MOD11A2"][1:]]
    taken = inventory_of(write(tmp_path, names), region())
    assert taken.holding("MYD11A2").count() == Count(found=8, expected=9)
    assert taken.holdings[-1].product == "MYD11A2"
    assert {one.product for one in taken.holdings} == set(load_specs())


def test_months_are_those_that_files_lie_in(tmp_path: Path) -> None:
    """A composite that reaches into a month is no evidence of it; a gap between months stays."""
    names = {
        "MOD11A2": [f"MOD11A2.A{day}.h27v05.061.2021001010101.hdf" for day in (2020025, 2020129)]
    }
    taken = inventory_of(write(tmp_path, names), region(), None)
    assert taken.months == (Month(2020, 5),)
    wide = inventory_of(tmp_path, region(), month_range(Month(2020, 1), Month(2020, 5)))
    counts = [wide.holding("MOD11A2").count([month]).found for month in wide.months]
    assert counts == [1, 1, 0, 0, 1]


def test_the_sample_of_south_africa_gives_its_one_map(tmp_path: Path) -> None:
    """A coarse field and predictors of one's own are counted by their files."""
    root = shared_path("realdata", "south_africa_2020-01")
    store = FeatureStore(Archive(root), load_region("south-africa"), tmp_path)
    taken = take_inventory(store)
    assert [one.product for one in taken.holdings] == [
        "SPL3SMP_E",
        "elevation",
        "land_cover",
        "climate",
    ]
    assert all(one.count().complete and one.needed for one in taken.holdings)
    assert taken.months == (Month(2020, 1),)
    assert only_run(taken) == "without SIF"
    assert sif_runs(taken) == []


def test_a_monthly_file_of_ones_own_is_missed_by_month(tmp_path: Path) -> None:
    """Own soil moisture sets the months; an own predictor of a month may lack."""
    here = region(
        sif=False,
        soil_moisture=CoarseField(
            product="MINE", title="Mine", file="sm_{month}.nc", variable="sm"
        ),
        features=("canopy",),
        predictors=(UserPredictor(name="canopy", file="canopy/{month}.tif", kind="continuous"),),
    )
    tmp_path.joinpath("canopy").mkdir()
    for name in ("sm_2020-02.nc", "sm_2020-03.nc", "canopy/2020-02.tif"):
        tmp_path.joinpath(name).touch()
    taken = inventory_of(tmp_path, here)
    assert taken.months == SPRING
    runs = [(run.months, run.text) for run in soil_moisture_runs(taken)]
    assert runs == [
        (SPRING[:1], "without SIF"),
        (SPRING[1:], "not, because canopy 0 of 1 file; possible if a request leaves out canopy"),
    ]


def test_the_verdict_is_that_of_the_maker(tiny_world: World, tmp_path: Path) -> None:
    """Features of a month can be made where the inventory says so, and nowhere else."""
    gone = ("chirps-v2.0.2020.05.17.", "MOD15A2H.A2020153.", "MOD15A2H.A20201", "SoilGrids")
    root = tmp_path / "archive"
    for path in tiny_world.archive.rglob("*"):
        if path.is_file() and not any(part in path.name for part in gone):
            target = root / path.relative_to(tiny_world.archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
    store = FeatureStore(Archive(root), load_region(tiny_world.region), tmp_path / "features")
    months = month_range(Month(2020, 4), Month(2020, 7))
    taken = take_inventory(store, months)
    for maps in taken.maps:
        blamed = {name for lack in maps.soil_moisture for name in lack.products}
        missing = _missing_product(store, maps.month)
        assert missing in blamed if missing else maps.verdict is Verdict.WITH_SIF
    assert [maps.verdict.value for maps in taken.maps] == ["with SIF", "not", "not", "with SIF"]


def _missing_product(store: FeatureStore, month: Month) -> str | None:
    """Return the product for want of which the features of a month cannot be made."""
    try:
        store.month(month, [name for name in store.standard if name != "sif"])
    except MissingDataError as error:
        return error.product
    return None


def test_a_synthetic_archive_does_not_pass_for_a_real_one(tiny_world: World) -> None:
    """That a real region and a made-up archive do not go together is said beforehand."""
    taken = inventory_of(tiny_world.archive, region(), SPRING)
    assert taken.notes == (
        "the archive is synthetic, the region here is not: requests for it will be refused",
    )


def test_a_folder_without_granules_is_an_error(tmp_path: Path) -> None:
    """Nothing there, nothing known there, and no folder there are told apart."""
    with pytest.raises(InputError, match="holds no file"):
        check_archive(Archive(tmp_path), region())
    tmp_path.joinpath("readme.txt").touch()
    with pytest.raises(InputError, match="no name of the 1 files"):
        check_archive(Archive(tmp_path), region())
    for root in (tmp_path / "nowhere", tmp_path / "readme.txt"):
        with pytest.raises(InputError, match="there is no folder"):
            check_archive(Archive(root), region())


def test_a_folder_that_may_not_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for an empty one; tests may run as root, who may read everything."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="cannot be read"):
        check_archive(Archive(tmp_path), region())


def test_a_folder_that_is_passed_over_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Files that may not be seen are not silently taken for missing."""
    root = write(tmp_path, file_names(SPRING))
    genuine = os.scandir

    def scan(folder: Path) -> object:
        if Path(folder).name == "eSIF":
            raise PermissionError(13, "Permission denied", str(folder))
        return genuine(folder)

    monkeypatch.setattr(os, "scandir", scan)
    assert inventory_of(root, region()).holding("eSIF").count().found == 0
    assert "the folder eSIF is passed over: Permission denied" in caplog.text


def test_an_archive_without_dates_needs_the_months(tmp_path: Path) -> None:
    """Elevation alone does not tell which months are meant."""
    root = write(tmp_path, {"SRTM": ["srtm_59_06.tif"]})
    with pytest.raises(InputError, match="nothing in the archive has a date"):
        inventory_of(root, region())
    taken = inventory_of(root, region(), SPRING)
    assert taken.holding("SRTM").count().complete


def test_the_picture_grows_with_the_archive(tmp_path: Path) -> None:
    """A PNG with more rows and columns than pixels of nothing."""
    root = write(tmp_path / "archive", file_names(SPRING))
    short = draw_inventory(inventory_of(root, region()), tmp_path / "short.png")
    year = month_range(Month(2019, 6), Month(2020, 5))
    long = draw_inventory(inventory_of(root, region(), year), tmp_path / "long.png")
    assert long[0] == short[0]
    assert long[1] > short[1]
    with Image.open(tmp_path / "long.png") as picture:
        assert picture.size == (long[1], long[0])
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20


@given(
    first=st.dates(date(2016, 1, 1), date(2022, 1, 1)),
    spacing=st.integers(1, 16),
    missing=st.sets(st.integers(1, 28)),
    before=st.integers(0, 40),
    after=st.integers(0, 40),
)
def test_alattice_finds_what_was_taken_away(
    first: date, spacing: int, missing: set[int], before: int, after: int
) -> None:
    """Days at an even pace are recovered from those that are left, and continued to both ends."""
    step = timedelta(days=spacing)
    whole = [first + k * step for k in range(30)]
    left = [day for k, day in enumerate(whole) if k not in missing]
    span = Period(first - timedelta(days=before), whole[-1] + timedelta(days=after + 1))
    days = [day for day in lattice(left, spacing, span) if span.start <= day < span.end]
    expected = [
        day
        for day in (first + k * step for k in range(-before, 31 + after))
        if span.start <= day < span.end
    ]
    assert days == expected


def test_counts_read_well() -> None:
    """One file is a file."""
    assert str(Count(found=0, expected=1)) == "0 of 1 file"
    assert str(Count(found=117, expected=248)) == "117 of 248 files"
    assert Holding(product="X", title="X", cycle="static", slots=()).count().share == 0
