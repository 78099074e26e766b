"""Whole documents, against the expected ones beside this file.

After a wanted change, ``VADOSE_REGENERATE=1 pytest tests/stac/test_documents.py`` writes them
anew; the difference is then read in the commit.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shapely
from pyproj import Transformer
from stac_pydantic import Catalog, Collection, Item

from engine.cog import Statistics
from stac.assets import Asset
from stac.collection import choose_collection, create_collection, create_root
from stac.documents import as_document, encode
from stac.edition import Edition, archived, content
from stac.fields import band_fields, footprint, polygon, projection_fields
from stac.item import create_item
from stac.media import COG, PNG
from stac.members import links_by
from stac.products import product
from stac.series import MonthlyMap
from stac.testing import AREA, MAY, NOW, toy_provenance, toy_series

if TYPE_CHECKING:
    import pystac

    from engine.months import Month

EXPECTED = Path(__file__).parent / "expected"


def toy_map(month: Month = MAY, region: str = "toy-synthetic", **provenance: Any) -> MonthlyMap:
    origin = toy_provenance(synthetic=region.endswith("-synthetic"), **provenance)
    return MonthlyMap(series=toy_series(region), month=month, geobox=AREA, provenance=origin)


def toy_assets() -> dict[str, Asset]:
    """Return a data asset and a picture whose files were never written."""
    layer = product("soil-moisture").layers["soil_moisture"]
    statistics = Statistics(minimum=0.1, maximum=0.3, mean=0.2, stddev=0.05, valid_percent=96.9)
    described = Asset(
        key="soil_moisture",
        suffix=".tif",
        title=layer.title,
        description=layer.description,
        media_type=COG,
        roles=layer.roles,
        size=1234,
        sha256="0f" * 32,
        fields={
            **band_fields("soil_moisture", layer, statistics),
            **projection_fields(AREA),
        },
    )
    picture = Asset(
        key="thumbnail",
        suffix=".png",
        title="Thumbnail",
        description="In colour",
        media_type=PNG,
        roles=("thumbnail",),
        size=99,
        sha256="f0" * 32,
        fields={"proj:code": None, "proj:shape": [400, 500]},
    )
    return {"toy_soil_moisture_v1.tif": described, "toy_thumbnail_v1.png": picture}


def toy_item(made: MonthlyMap | None = None, version: int = 1) -> pystac.Item:
    return create_item(
        made or toy_map(job_href="https://example.org/jobs/17"),
        assets=toy_assets(),
        edition=Edition(
            version=version,
            created=NOW,
            updated=NOW,
            predecessor=version - 1 if version > 1 else None,
        ),
        collection_id="soil-moisture-1km-monthly",
        collection_title="Surface soil moisture, 1 km, monthly (synthetic)",
    )


def toy_collection(made: MonthlyMap | None = None) -> dict[str, Any]:
    made = made or toy_map()
    return create_collection("soil-moisture-1km-monthly", as_document(toy_item(made)))


def check_expected(name: str, document: dict[str, Any]) -> None:
    path = EXPECTED / name
    if os.environ.get("VADOSE_REGENERATE"):
        path.write_bytes(encode(document))
    assert document == json.loads(path.read_text(encoding="utf-8"))


def test_the_item_is_the_expected_one() -> None:
    """Every field of an item, from one look at its file."""
    check_expected("item.json", as_document(toy_item()))


def test_the_collection_is_the_expected_one() -> None:
    """Every field of a collection."""
    check_expected("collection.json", toy_collection())


def test_the_root_is_the_expected_one() -> None:
    """Every field of a root that knows its address."""
    root = create_root(toy_collection(), None, "https://example.org/catalog")
    check_expected("catalog.json", root)


def test_stac_pydantic_agrees() -> None:
    """A second reader of the core specification has nothing to object."""
    Item.model_validate(as_document(toy_item()))
    Collection.model_validate(toy_collection())
    Catalog.model_validate(create_root(toy_collection(), None, None))


def test_the_footprint_is_the_grids_outline_in_degrees() -> None:
    """All four corners of a cylindrical grid lie on one longitude-latitude rectangle."""
    box = AREA.boundingbox
    corners = [(x, y) for x in (box.left, box.right) for y in (box.bottom, box.top)]
    lon, lat = Transformer.from_crs("EPSG:6933", "EPSG:4326", always_xy=True).transform(
        *zip(*corners, strict=True)
    )
    outline = shapely.geometry.shape(polygon(footprint(AREA)))
    assert outline.bounds == pytest.approx((min(lon), min(lat), max(lon), max(lat)), abs=1e-6)
    assert outline.exterior.is_ccw
    assert outline.equals(outline.envelope)


def test_a_job_changes_nothing_of_what_an_item_says() -> None:
    """Two runs of the same thing make the same map."""
    one, two = (as_document(toy_item(toy_map(job_href=f"https://e.org/jobs/{k}"))) for k in "ab")
    assert one != two
    assert content(one) == content(two)


def test_a_second_version_names_the_first() -> None:
    """The later one points back, the kept one points on and is deprecated."""
    first, second = toy_item(), toy_item(version=2)
    back = second.get_single_link("predecessor-version")
    assert back is not None
    assert back.get_href(transform_href=False) == f"./{first.id}_v1.json"
    kept = archived(as_document(first))
    assert kept["id"] == f"{first.id}_v1"
    assert kept["properties"]["deprecated"] is True
    assert [entry["href"] for entry in kept["links"] if "version" in entry["rel"]] == [
        f"./{first.id}.json",
        f"./{first.id}.json",
    ]


def test_a_collection_grows_with_its_items() -> None:
    """Extent, summaries and links hold what was there and what came."""
    first = toy_collection()
    later = toy_map(month=MAY.shift(3))
    item = as_document(toy_item(later))
    both = create_collection(first["id"], item, first)
    hrefs = [entry["href"] for entry in links_by(both, "item")]
    assert hrefs == [f"./{item_id}/{item_id}.json" for item_id in (toy_item().id, later.item_id)]
    assert both["extent"]["temporal"]["interval"] == [
        ["2020-05-01T00:00:00Z", "2020-08-31T23:59:59Z"]
    ]
    assert both["cube:dimensions"]["time"]["extent"] == both["extent"]["temporal"]["interval"][0]
    assert create_collection(first["id"], item, both) == both


def test_what_others_add_to_a_collection_stays() -> None:
    """Assets and links of other makers outlive the next month."""
    first = toy_collection()
    mirror = {"items": {"href": "./items.parquet"}}
    via = {"rel": "via", "href": "./iso.xml", "title": "ISO"}
    added = {**first, "assets": mirror, "links": [*first["links"], via]}
    later = toy_map(month=MAY.shift(1))
    both = create_collection(first["id"], as_document(toy_item(later)), added)
    assert both["assets"] == mirror
    assert links_by(both, "via") == [via]


def test_sources_are_credited_for_real_maps_only() -> None:
    """Nobody who observes is named as the producer of a simulation."""
    real, synthetic = (
        {entry["name"] for entry in toy_collection(toy_map(region=name))["providers"]}
        for name in ("toy", "toy-synthetic")
    )
    assert any("National Snow and Ice" in name for name in real)
    assert synthetic == {"The vadose developers"}


def test_the_first_whole_region_is_promoted_and_nobody_else() -> None:
    """Later series, windows and other regions get collections of their own."""
    official = "soil-moisture-1km-monthly"
    series = toy_series()
    published = toy_collection()
    window = replace(series, window=footprint(AREA))
    other = replace(series, model_id="rf-ffff")
    real = toy_series("toy")
    assert choose_collection(None, series) == official
    assert choose_collection(None, window) == window.own_collection
    assert choose_collection(published, series) == official
    assert choose_collection(published, other) == other.own_collection
    assert choose_collection(published, real) == real.own_collection


@pytest.mark.parametrize("links", [[], [{"rel": "a", "title": 'ü " \n'}], [{"rel": "a"}] * 3])
def test_a_document_is_written_with_a_line_for_each_link(links: list[dict[str, str]]) -> None:
    """It says what it said, whatever is in it, and is the same bytes each time."""
    document = {"id": "links", "links": links, "inner": {"links": [1, 2]}, "title": "Größe"}
    written = encode(document)
    assert json.loads(written) == document
    assert written == encode(json.loads(written))
    assert sum(line.strip().startswith('{"rel"') for line in written.decode().splitlines()) == len(
        links
    )
