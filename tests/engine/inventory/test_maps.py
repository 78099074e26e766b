"""Inventories: which maps follow from what is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from engine import sif
from engine.archive import Archive
from engine.errors import MissingDataError
from engine.feature_sources import SourceFinder, sif_product
from engine.feature_store import FeatureStore
from engine.features import FEATURES
from engine.inventory import Count
from engine.inventory.maps import (
    SIF_DAYS,
    Verdict,
    sif_runs,
    soil_moisture_runs,
    take_inventory,
)
from engine.months import Month, month_range
from engine.predictors import UserPredictor
from engine.region import CoarseField, load_region
from engine.testing import shared_path
from engine.testing_archive import (
    SPRING,
    file_names,
    inventory_of,
    only_run,
    toy_region,
    without,
    write_names,
)

if TYPE_CHECKING:
    from pathlib import Path

    from engine.world import World


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
    first, second = soil_moisture_runs(inventory_of(write_names(tmp_path, names), toy_region()))
    assert first.text == "with SIF"
    assert second.months == (Month(2020, 3),)
    assert second.text == "not, because SPL4SMGP 117 of 248 files (90 % are needed)"


def test_a_tenth_of_smap_may_be_missing(tmp_path: Path) -> None:
    """224 of 248 files are enough, and the month counts as patchy."""
    names = file_names(SPRING)
    march = [name for name in names["SPL4SMGP"] if "_202003" in name]
    names["SPL4SMGP"] = [name for name in names["SPL4SMGP"] if name not in march[224:]]
    taken = inventory_of(write_names(tmp_path, names), toy_region())
    assert only_run(taken) == "with SIF"
    assert taken.maps[1].patchy == ("SPL4SMGP",)


def test_the_kinds_of_coarse_sif_are_not_mixed(tmp_path: Path) -> None:
    """What stands beside eSIF fills none of its months, neither here nor in a model."""
    names = file_names(SPRING)
    names["TROPOSIF"] = [f"TROPOSIF_005deg_8day_{name[5:12]}.nc" for name in names["eSIF"]]
    names["eSIF"] = [name for name in names["eSIF"] if name < "eSIF_2020061"]
    root = write_names(tmp_path, names)
    taken = inventory_of(root, toy_region())
    first, second = soil_moisture_runs(taken)
    assert (first.months, first.text) == ((Month(2020, 2),), "with SIF")
    assert second.text == "without SIF, because eSIF 1 of 5 files (half of the days are needed)"
    note = "not used, since eSIF is there, and the two are not mixed"
    assert taken.holding("TROPOSIF").notes == (note,)
    archive = Archive(root)
    assert sif_product(archive) == "eSIF"
    assert SourceFinder(archive).months(FEATURES["sif"]) == archive.months("eSIF")
    for path in (root / "eSIF").iterdir():
        path.unlink()
    alone = inventory_of(root, toy_region())
    assert only_run(alone) == "with SIF"
    assert alone.holding("TROPOSIF").notes == ("taken instead of eSIF",)


def test_without_coarse_sif_there_is_soil_moisture_still(tmp_path: Path) -> None:
    """Months without eSIF are told apart, and the months are told together."""
    names = file_names(SPRING) | {"eSIF": []}
    taken = inventory_of(write_names(tmp_path, names), toy_region())
    assert only_run(taken) == (
        "without SIF, because eSIF or TROPOSIF 0 of 9 files (half of the days are needed)"
    )
    assert {one.verdict for one in taken.maps} == {Verdict.WITHOUT_SIF}


def test_sif_needs_half_of_the_days_as_its_maker_says(tmp_path: Path) -> None:
    """Two of five periods of March hold 16 of its 31 days."""
    assert SIF_DAYS == sif.MIN_DAYS
    names = file_names(SPRING)
    kept = [name for name in names["eSIF"] if name < "eSIF_2020057" or "073" in name]
    fewer, enough = (tmp_path / name for name in ("fewer", "enough"))
    write_names(fewer, names | {"eSIF": kept})
    write_names(enough, names | {"eSIF": [*kept, "eSIF_2020065.nc"]})
    verdicts = [inventory_of(root, toy_region()).maps[1].verdict for root in (fewer, enough)]
    assert verdicts == [Verdict.WITHOUT_SIF, Verdict.WITH_SIF]


def test_rain_needs_every_day(tmp_path: Path) -> None:
    """Daily rain is never taken for thinned, even if every second day is there."""
    names = file_names(SPRING)
    names["CHIRPS"] = names["CHIRPS"][::2]
    taken = inventory_of(write_names(tmp_path, names), toy_region())
    assert only_run(taken) == "not, because CHIRPS 30 of 60 files (every day is needed)"
    assert taken.holding("CHIRPS").count([Month(2020, 3)]).expected == 31


def test_a_product_that_is_nowhere_is_left_out(tmp_path: Path) -> None:
    """Of predictors that one can do without, maps are made without them."""
    names = file_names(SPRING) | {"MOD15A2H": []}
    taken = inventory_of(write_names(tmp_path, names), toy_region())
    assert only_run(taken) == "with SIF"
    assert taken.left_out == {"lai": "the archive has no MOD15A2H or VNP15A2H"}
    assert not taken.holding("MOD15A2H").needed


def test_a_product_that_lacks_one_month_can_be_left_out(tmp_path: Path) -> None:
    """A month without leaf area is refused by default, and it is told how to have it yet."""
    march = ("A202006", "A202007", "A202008", "A202009", "A2020057")
    names = without(file_names(SPRING), "MOD15A2H", *march)
    first, second = soil_moisture_runs(inventory_of(write_names(tmp_path, names), toy_region()))
    assert first.text == "with SIF"
    assert second.text == (
        "not, because MOD15A2H 0 of 5 files; possible if a request leaves out lai"
    )


def test_one_fraction_of_the_soil_is_of_no_use(tmp_path: Path) -> None:
    """Clay, sand and silt are scaled to a sum, so all three are needed."""
    names = without(file_names(SPRING), "SoilGrids", "clay")
    taken = inventory_of(write_names(tmp_path, names), toy_region())
    assert taken.holding("SoilGrids").count() == Count(found=2, expected=3)
    assert "SoilGrids 2 of 3 files (one for each variable is needed)" in only_run(taken)


def test_an_earlier_land_cover_stands_in_but_no_later_one(tmp_path: Path) -> None:
    """A map of the past is said to be used; one of the future is none."""
    name = "MCD12Q1.A{}001.h27v05.061.2022001010101.hdf"
    early, late = (tmp_path / str(year) for year in (2018, 2021))
    for root, year in ((early, 2018), (late, 2021)):
        write_names(root, file_names(SPRING) | {"MCD12Q1": [name.format(year)]})
    taken = inventory_of(early, toy_region())
    assert only_run(taken) == "with SIF"
    assert taken.holding("MCD12Q1").notes == ("2018 stands in for 2020",)
    assert "MCD12Q1 0 of 1 file (an earlier year would do)" in only_run(
        inventory_of(late, toy_region())
    )


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
    here = toy_region(
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
    taken = inventory_of(tiny_world.archive, toy_region(), SPRING)
    assert taken.notes == (
        "the archive is synthetic, the region here is not: requests for it will be refused",
    )
