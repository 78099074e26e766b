"""Mending a catalogue from its items, taking items away, and the table of a collection."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas
import pytest

from stac import mirror
from stac.documents import encode, item_key
from stac.errors import NotInCatalogError
from stac.mirror import refresh_mirror
from stac.model_catalog import publish_model
from stac.publish import publish_month
from stac.read import collection_ids, items_of
from stac.rebuild import rebuild_catalog, remove_item
from stac.store import LocalCatalog
from stac.testing import MAY, NOW, toy_dataset, toy_model, toy_provenance, toy_series
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from pathlib import Path

    from stac.s3_store import S3Catalog
    from stac.store import CatalogStore

OFFICIAL = "soil-moisture-1km-monthly"
MONTHS = (MAY, MAY.shift(1))


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalog:
    """Give a catalogue of two official months, a run of its own, and a model."""
    store = LocalCatalog(tmp_path / "catalog", "https://example.org/catalog")
    fill(store, tmp_path)
    return store


def fill(store: CatalogStore, folder: Path) -> None:
    publish_model(store, toy_model(folder / "models"), folder / "models", now=NOW)
    for month in MONTHS:
        publish_month(store, toy_series(), month, toy_dataset(), toy_provenance(), now=NOW)
    other = toy_series(model_id="rf-ffff")
    publish_month(store, other, MAY, toy_dataset(shift=0.03), toy_provenance(), now=NOW)


def documents(catalog: LocalCatalog) -> dict[str, bytes]:
    """Return the root and the collections as they are written."""
    keys = ["catalog.json", *(f"{name}/collection.json" for name in collection_ids(catalog))]
    return {key: catalog.read(key) or b"" for key in keys}


def test_what_is_sound_stays_as_it_is(catalog: LocalCatalog) -> None:
    """Rebuilding writes the very same documents."""
    before = documents(catalog)
    done = rebuild_catalog(catalog)
    assert done.left_out == ()
    assert sum(done.items.values()) == 4
    assert documents(catalog) == before


def test_lost_and_spoilt_documents_come_back(catalog: LocalCatalog) -> None:
    """From the items alone, whatever happened to the collections and to the root."""
    before = documents(catalog)
    catalog.remove("catalog.json")
    catalog.remove(f"{OFFICIAL}/collection.json")
    catalog.write("models-synthetic/collection.json", b"{ no JSON")
    rebuild_catalog(catalog)
    assert documents(catalog) == before
    assert validate_catalog(catalog) == []


def test_what_is_not_whole_is_left_out_and_named(catalog: LocalCatalog) -> None:
    """A lost asset, an item by another's name, no JSON; all else is published."""
    first, second = (toy_series().item_id(month) for month in MONTHS)
    next((catalog.root / OFFICIAL / first).glob("*_lower_v1.tif")).unlink()
    catalog.write(f"{OFFICIAL}/odd/odd.json", b'{"id": "other"}')
    catalog.write(f"{OFFICIAL}/bad/bad.json", b"{")
    done = rebuild_catalog(catalog)
    assert [line.partition(":")[0].rpartition("/")[2] for line in done.left_out] == [
        "bad.json",
        "odd.json",
        f"{first}.json",
    ]
    assert "lower_v1.tif" in done.left_out[2]
    assert [item.id for item in items_of(catalog, OFFICIAL)] == [second]
    assert validate_catalog(catalog) == []


def test_an_experiment_does_not_slip_into_the_official_map(catalog: LocalCatalog) -> None:
    """An item of another series that lies in the official folder stays unpublished."""
    other = toy_series(model_id="rf-ffff")
    stray = json.loads(
        catalog.read(f"{other.own_collection}/{other.item_id(MAY)}/{other.item_id(MAY)}.json")
        or b""
    )
    catalog.remove(f"{OFFICIAL}/collection.json")
    name = toy_series().item_id(MAY.shift(5))
    written = json.dumps({**stray, "id": name, "collection": OFFICIAL, "assets": {}})
    catalog.write(f"{OFFICIAL}/{name}/{name}.json", written.encode())
    done = rebuild_catalog(catalog)
    assert done.items[OFFICIAL] == 2
    assert "not the promoted one" in done.left_out[0]


def test_an_item_is_taken_away_with_all_that_led_to_it(catalog: LocalCatalog) -> None:
    """Extent and links are those of the rest; the last one takes its collection along."""
    first, second = (toy_series().item_id(month) for month in MONTHS)
    publish_month(catalog, toy_series(), MAY, toy_dataset(shift=0.02), toy_provenance())
    remove_item(catalog, OFFICIAL, first)
    assert not list((catalog.root / OFFICIAL / first).glob("*"))
    (item,) = items_of(catalog, OFFICIAL)
    assert item.id == second
    collection = json.loads(catalog.read(f"{OFFICIAL}/collection.json") or b"")
    assert collection["extent"]["temporal"]["interval"][0][0] == "2020-06-01T00:00:00Z"
    assert validate_catalog(catalog) == []
    with pytest.raises(NotInCatalogError, match=first):
        remove_item(catalog, OFFICIAL, first)
    remove_item(catalog, OFFICIAL, second)
    assert OFFICIAL not in collection_ids(catalog)
    assert validate_catalog(catalog) == []


def test_the_table_of_a_collection_is_read_by_others(catalog: LocalCatalog) -> None:
    """GeoPandas reads it; it is an asset with a checksum, renewed with the items, and only then."""
    refresh_mirror(catalog, OFFICIAL)
    table = geopandas.read_parquet(next((catalog.root / OFFICIAL).glob("items_*.parquet")))
    assert list(table["id"]) == [toy_series().item_id(month) for month in MONTHS]
    assert table.crs.to_epsg() == 4326
    assert table.iloc[0]["assets"]["soil_moisture"]["href"].startswith("https://example.org/")
    before = documents(catalog)
    refresh_mirror(catalog, OFFICIAL)
    assert documents(catalog) == before
    publish_month(catalog, toy_series(), MAY.shift(2), toy_dataset(), toy_provenance())
    assert validate_catalog(catalog) == []
    refresh_mirror(catalog, OFFICIAL)
    assert len(list((catalog.root / OFFICIAL).glob("items_*.parquet"))) == 1
    assert validate_catalog(catalog) == []


def test_items_of_other_assets_share_a_table(
    catalog: LocalCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few are read at once, the table has what any of them has, in their order."""
    first = item_key(OFFICIAL, toy_series().item_id(MAY))
    fewer = json.loads(catalog.read(first) or b"")
    del fewer["assets"]["quality"]
    catalog.write(first, encode(fewer))
    monkeypatch.setattr(mirror, "_ROWS", 1)
    refresh_mirror(catalog, OFFICIAL)
    table = geopandas.read_parquet(next((catalog.root / OFFICIAL).glob("items_*.parquet")))
    assert list(table["id"]) == [toy_series().item_id(month) for month in MONTHS]
    assert table.iloc[0]["assets"]["quality"] is None
    assert table.iloc[1]["assets"]["quality"]["type"].startswith("image/tiff")


def test_a_bucket_is_mended_and_mirrored(s3_catalog: S3Catalog, tmp_path: Path) -> None:
    """The same verbs, the same outcome."""
    fill(s3_catalog, tmp_path)
    s3_catalog.remove("catalog.json")
    assert sum(rebuild_catalog(s3_catalog).items.values()) == 4
    refresh_mirror(s3_catalog, OFFICIAL)
    remove_item(s3_catalog, OFFICIAL, toy_series().item_id(MAY))
    refresh_mirror(s3_catalog, OFFICIAL)
    assert validate_catalog(s3_catalog) == []
