"""Plans: what is lacking, what is offered, what it costs, and what cannot be."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from rich.console import Console

from engine.errors import InputError
from engine.granules import Granule
from engine.products import decode, recognise
from engine.region import load_region
from engine.world.writers.geotiff import write_geotiff
from processes.fetch.errors import ProviderError
from processes.fetch.provenance import read_note
from processes.fetch.showing import document, table, terms
from processes.fetch.sources import load_logins, load_sources
from processes.fetch.testing import Fault, Providers
from processes.fetch.testing_shelves import Item, blank_shelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.world import World
    from processes.fetch.testing_road import Road

ALL = "2018-05/2021-12"


def test_every_needed_product_is_planned(road: Road) -> None:
    """An empty archive lacks all that the maps need, and all of it is offered."""
    plan = road.plan("2020-05")
    assert {share.product for share in plan.shares} == {
        "CHIRPS", "MCD12Q1", "MCD43A3", "MCD43A4", "MOD11A2", "MOD15A2H", "MOD16A2GF", "SPL4SMGP",
        "SRTM", "SoilGrids", "eSIF",
    }  # fmt: skip
    counts = {share.product: len(share.offers) for share in plan.shares}
    assert counts["SPL4SMGP"] == 31 * 8
    assert counts["CHIRPS"] == 31
    assert counts["MCD43A4"] == counts["MOD11A2"] == 4
    assert counts["MCD12Q1"] == 1
    assert counts["SoilGrids"] == 3
    assert not [share.missing for share in plan.shares if share.missing]


def test_pages_of_the_catalogue_are_turned(road: Road, providers: Providers) -> None:
    """All granules are found, however few an answer holds, and none twice."""
    providers.page = 7
    offers = road.plan("2020-05", "SPL4SMGP").offers
    assert len(offers) == len({offer.name for offer in offers}) == 248
    assert len(providers.seen) == -(-248 // 7)


def test_only_what_is_lacking_is_asked_for(road: Road) -> None:
    """A file that was lost is the only one that is fetched again."""
    road.fetch("2020-05", "MOD11A2", "CHIRPS")
    lost = road.granules()["chirps-v2.0.2020.05.17.cog"]
    lost.unlink()
    plan = road.plan("2020-05", "MOD11A2", "CHIRPS")
    assert [offer.name for offer in plan.offers] == [lost.name]
    assert not plan.share("MOD11A2").wanted.lacking


def test_what_is_not_offered_is_told(road: Road) -> None:
    """Months beyond the provider's last file stay empty, with the reason."""
    share = road.plan("2021-01/2021-03", "eSIF").share("eSIF")
    assert share.missing
    assert all(place.start and place.start >= date(2021, 2, 2) for place in share.missing)
    assert "not offered" in share.note


def test_another_product_stands_in(providers: Providers, road: Road) -> None:
    """Where the gap-filled product has nothing, the other one is looked for, and only there."""
    names = [
        f"MOD16A2.A2021{doy}.h27v05.061.2021300000000.hdf" for doy in ("001", "009", "017", "025")
    ]
    shelf = dict(providers.shelves["MOD16A2GF"])
    providers.shelves = {
        **providers.shelves,
        "MOD16A2GF": {name: one for name, one in shelf.items() if "A2021017" not in name},
        "MOD16A2": blank_shelf("MOD16A2", names, 10),
    }
    plan = road.plan("2021-01", "MOD16A2GF")
    assert [offer.name for offer in plan.share("MOD16A2").offers] == [names[2]]
    assert len(plan.share("MOD16A2GF").offers) == 3


def test_mixed_science_versions_are_told(providers: Providers, road: Road) -> None:
    """A month that mixes them says so in the plan."""
    shelf = dict(providers.shelves["SPL4SMGP"])
    name = "SMAP_L4_SM_gph_20200517T013000_Vv8010_001.h5"
    other = name.replace("v8010", "v8011")
    del shelf[name]
    shelf |= blank_shelf("SPL4SMGP", [other], 10)
    providers.shelves = {**providers.shelves, "SPL4SMGP": shelf}
    plan = road.plan("2020-05/2020-06", "SPL4SMGP")
    mixed = {str(month): names for month, names in plan.share("SPL4SMGP").mixed.items()}
    assert mixed == {"2020-05": {"v8010", "v8011"}}
    assert "mixes the science versions v8010, v8011" in shown(table(plan))


def test_a_province_for_four_years_fits_a_disk(henan: Road) -> None:
    """Henan in the paper's 44 months takes less than 60 GB, SMAP by subset and MCD43 thinned."""
    plan = henan.plan(ALL)
    assert len(plan.share("SPL4SMGP").offers) == 10_728
    assert plan.share("SPL4SMGP").size < 1_000_000_000
    assert len(plan.share("MCD43A4").offers) == 169
    assert plan.share("MCD43A4").wanted.tiles == ("h27v05",)
    assert 20e9 < plan.size < 60e9


def test_a_window_is_asked_for_by_its_cells(henan: Road) -> None:
    """OPeNDAP is asked for Henan's rows and columns of the globe, one more on every side."""
    address = henan.plan("2018-05", "SPL4SMGP").offers[0].url
    assert address.partition("?")[0].endswith("_001.h5.dap.nc4")
    window = "%5B329%3A1%3A389%5D%5B3108%3A1%3A3178%5D"
    assert f"dap4.ce=/Geophysical_Data/sm_surface{window}%3B" in address
    assert address.endswith("%3B/y%5B329%3A1%3A389%5D%3B/x%5B3108%3A1%3A3178%5D%3B/time")


def shown(what: Any) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(what)
    return console.export_text()


def test_a_plan_is_shown_with_its_terms(road: Road) -> None:
    """People see files, sizes and, before the first fetch, licences and citations."""
    plan = road.plan("2020-05", "CHIRPS", "SoilGrids")
    text = shown(table(plan))
    assert "CHIRPS" in text
    assert "34" in text
    said = terms(plan)
    assert said is not None
    assert "CC-BY-4.0" in shown(said)
    assert "Funk, C. et al. (2015)" in shown(said)
    road.fetch("2020-05", "CHIRPS", "SoilGrids")
    assert terms(road.plan("2020-05/2020-06", "CHIRPS", "SoilGrids")) is None


def test_a_plan_is_json(road: Road) -> None:
    """Programs read every file, its address without a query, and what it costs."""
    told = json.loads(json.dumps(document(road.plan("2020-05", "SPL4SMGP"))))
    assert told["files"] == 248
    assert told["bytes"] == sum(one["bytes"] for one in told["products"][0]["offers"])
    assert not any("?" in one["url"] for one in told["products"][0]["offers"])


def test_another_elevation_model_can_be_named(
    road: Road, providers: Providers, tiny_world: World, tmp_path: Path
) -> None:
    """Tiles are looked for by name; what the sea has none of is told, and terms are its own."""
    name = "Copernicus_N34_00_E112_00_DEM.tif"
    content = _elevation(tmp_path / name)
    granule = Granule(path=Path(name), product="SRTM", period=None, tile="N34E112")
    item = Item(name=name, granule=granule, size=len(content), content=lambda: content)
    providers.shelves = {**providers.shelves, "GLO90": {name: item}}
    share = road.plan("2020-05", "GLO90").share("SRTM")
    assert [(offer.name, offer.size) for offer in share.offers] == [
        ("N34E112.GLO90.tif", len(content))
    ]
    assert {place.tile for place in share.missing} == {"N34E113", "N35E112", "N35E113"}
    said = terms(road.plan("2020-05", "GLO90"))
    assert said is not None
    assert "European Space Agency" in shown(said)
    assert "doi.org" not in shown(said)
    road.fetch("2020-05", "GLO90")
    path = road.granules()["N34E112.GLO90.tif"]
    note = read_note(path)
    assert note is not None
    assert "Copernicus" in note.licence
    granule_of = recognise(path)
    assert granule_of is not None
    field = decode(granule_of, load_region(tiny_world.region).area())["elevation"]
    assert field.values.max() == 123
    with pytest.raises(InputError, match="SRTM and GLO90 are two sources of one"):
        road.plan("2020-05", "SRTM", "GLO90")


def _elevation(path: Path) -> bytes:
    write_geotiff(
        path,
        np.full((1200, 1200), 123, np.float32),
        GeoBox((1200, 1200), Affine(1 / 1200, 0, 112, 0, -1 / 1200, 35), "EPSG:4326"),
        nodata=-32768,
        mark="true: a test",
    )
    return path.read_bytes()


def test_a_successor_comes_where_it_is_named(road: Road, providers: Providers) -> None:
    """MODIS that ends is told with what follows it; an archive of VIIRS goes on with VIIRS."""
    names = [f"VNP21A2.A2020{doy}.h27v05.002.2020300000000.h5" for doy in (121, 129, 137, 145)]
    files = blank_shelf("VNP21A2", names, 10)
    providers.shelves = {**providers.shelves, "MOD11A2": {}, "VNP21A2": files}
    plan = road.plan("2020-05", "MOD11A2")
    assert [share.product for share in plan.shares] == ["MOD11A2"]
    assert "its successor VNP21A2 comes where it is named" in plan.share("MOD11A2").note
    assert len(road.plan("2020-05", "VNP21A2").offers) == 4
    folder = road.settings.archive_folder / "VNP21A2"
    folder.mkdir(parents=True)
    (folder / names[0]).touch()
    products = {share.product for share in road.plan("2020-05").shares}
    assert "VNP21A2" in products
    assert "MOD11A2" not in products
    assert "MCD43A4" in products


@pytest.mark.parametrize("there", [True, False])
def test_fluorescence_is_of_one_kind(
    road: Road, providers: Providers, tiny_world: World, *, there: bool
) -> None:
    """Soundings are only looked for where nobody has anything of eSIF: the two are not mixed."""
    if there:
        folder = road.settings.archive_folder / "eSIF"
        folder.mkdir(parents=True)
        name = next((tiny_world.archive / "eSIF").rglob("*.nc")).name
        (folder / name).touch()
    providers.shelves = {**providers.shelves, "eSIF": {}}
    asked = [share.product for share in road.plan("2020-05", "eSIF").shares]
    assert asked == (["eSIF"] if there else ["eSIF", "TROPOSIF"])


# What cannot be


@pytest.mark.parametrize(
    ("period", "products", "message"),
    [
        ("2020-05", ("MOD99",), "products: there is no 'MOD99'; allowed: CHIRPS"),
        ("1999-05/1999-12", (), "begins on"),
        ("2012-05/2013-01", ("SPL4SMGP",), "SPL4SMGP begins on 2015-03-31, after 2013-01"),
        ("spring", (), "period: 'spring' is no"),
        ("2020-05/2020-01", (), "period: the interval"),
    ],
)
def test_what_cannot_be_is_refused(
    road: Road, providers: Providers, period: str, products: tuple[str, ...], message: str
) -> None:
    """Nobody is asked, and the message says what would do."""
    with pytest.raises(InputError) as raised:
        road.plan(period, *products)
    assert message in str(raised.value)
    assert not providers.seen


def test_an_unknown_region_is_refused(road_to: Callable[..., Road]) -> None:
    """The message names those that are known."""
    with pytest.raises(InputError, match=r"there is no region 'atlantis'; allowed: .*henan"):
        road_to(region="atlantis").plan("2020-05")


def test_products_are_named_in_any_case(road: Road) -> None:
    """Nobody remembers capitals."""
    assert road.plan("2020-05", "chirps").shares[0].product == "CHIRPS"


def test_a_product_without_a_place_is_noted(road_to: Callable[..., Road], tmp_path: Path) -> None:
    """What nobody knows where to find is left to people, and does not hold up the rest."""
    (tmp_path / "sources" / "eSIF.toml").write_text('url = ""\n')
    share = road_to().plan("2020-05", "eSIF").share("eSIF")
    assert not share.offers
    assert "name one in sources/eSIF.toml" in share.note


def test_a_folder_of_this_machine_is_a_place(
    road_to: Callable[..., Road], tmp_path: Path, tiny_world: Any
) -> None:
    """Files that somebody has already are copied."""
    place = tiny_world.archive / "eSIF"
    (tmp_path / "sources" / "eSIF.toml").write_text(f'url = "{place}"\n')
    road = road_to()
    assert road.fetch("2020-05", "eSIF").files == 4
    name, path = next(iter(road.granules().items()))
    assert path.read_bytes() == next(place.rglob(name)).read_bytes()


def test_a_provider_that_is_down_is_told(road: Road, providers: Providers) -> None:
    """After the last try the message names the provider's address without its query."""
    providers.misbehave("/search", *[Fault(kind="status", status=503)] * 9)
    with pytest.raises(ProviderError, match=r"granules.umm_json: it answered with status 503$"):
        road.plan("2020-05", "MOD11A2")
    assert len(road.waits) == 3


def test_a_catalogue_that_answers_a_page_is_told(road: Road, providers: Providers) -> None:
    """An answer that is no list is none."""
    providers.misbehave("/search", Fault(kind="page"))
    with pytest.raises(ProviderError, match="no list of granules"):
        road.plan("2020-05", "MOD11A2")


def test_facts_can_be_replaced_one_by_one(tmp_path: Path) -> None:
    """A key in a further file replaces the shipped one; the others stay."""
    (tmp_path / "MOD11A2.toml").write_text("at_once = 1\n")
    assert load_sources(tmp_path)["MOD11A2"].at_once == 1
    assert load_sources(tmp_path)["MOD11A2"].url == load_sources()["MOD11A2"].url
    (tmp_path / "MOD11A2.toml").write_text("at_once = 0\n")
    with pytest.raises(InputError, match=r"MOD11A2.toml, at_once"):
        load_sources(tmp_path)
    (tmp_path / "MOD11A2.toml").write_text("at_once =")
    with pytest.raises(InputError, match=r"MOD11A2.toml cannot be read"):
        load_logins(tmp_path)
    (tmp_path / "MOD11A2.toml").rename(tmp_path / "MOD99.toml")
    with pytest.raises(InputError, match=r"MOD99.toml is about no known product"):
        load_sources(tmp_path)


def test_every_product_with_a_spec_has_a_source() -> None:
    """Whatever the maps can use is known where to get, or that nobody knows."""
    for product, source in load_sources().items():
        assert source.login is None or source.login in load_logins(), product


def test_one_provider_that_is_down_holds_nobody_up(road: Road, providers: Providers) -> None:
    """The others' files are planned; nothing stands in for what could not be asked for."""
    providers.misbehave("/eSIF", *[Fault(kind="status", status=503)] * 9)
    plan = road.plan("2020-05", "eSIF", "MOD11A2")
    assert {share.product: len(share.offers) for share in plan.shares} == {"eSIF": 0, "MOD11A2": 4}
    assert plan.failure is plan.share("eSIF").failure is not None
    assert "could not be asked: it answered with status 503" in shown(table(plan))
