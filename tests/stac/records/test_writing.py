"""Records beside their collections: kept up, whole, removed with them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from stac.errors import UnwritableCatalogError
from stac.mirror import refresh_mirror
from stac.model_catalog import publish_model
from stac.publish import publish_month
from stac.rebuild import rebuild_catalog, remove_item
from stac.records.links import DCAT, ISO, OGC
from stac.store import LocalCatalog
from stac.testing import MAY, NOW, toy_dataset, toy_model, toy_provenance, toy_series
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from stac.s3_store import S3Catalog
    from stac.store import CatalogStore

OFFICIAL = "soil-moisture-1km-monthly"
KEYS = tuple(f"{OFFICIAL}/{name}" for name in (ISO, DCAT, OGC))


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalog:
    """Give a catalogue of one official month."""
    store = LocalCatalog(tmp_path / "catalog", "https://example.org/catalog")
    publish(store)
    return store


def publish(store: CatalogStore, months: int = 0, now: datetime = NOW, **series: Any) -> None:
    month = MAY.shift(months)
    publish_month(store, toy_series(**series), month, toy_dataset(), toy_provenance(), now=now)


def contents(store: CatalogStore) -> dict[str, bytes]:
    return {key: store.read(key) or b"" for key in (*KEYS, DCAT)}


def record(store: CatalogStore, collection: str = OFFICIAL) -> dict[str, Any]:
    return dict(json.loads(store.read(f"{collection}/{OGC}") or b"{}"))


def test_a_collection_and_the_root_link_their_records(catalog: LocalCatalog) -> None:
    """With the types that they are served as; what is linked is there."""
    linked = {}
    for key in (f"{OFFICIAL}/collection.json", "catalog.json"):
        links = json.loads(catalog.read(key) or b"")["links"]
        found = [one for one in links if one["rel"] == "describedby"]
        linked[key] = {one["href"]: one["type"] for one in found}
    assert linked == {
        f"{OFFICIAL}/collection.json": {
            "./iso19139.xml": "application/xml",
            "./dcat.jsonld": "application/ld+json",
            "./record.json": "application/geo+json",
        },
        "catalog.json": {"./dcat.jsonld": "application/ld+json"},
    }
    assert all(contents(catalog).values())
    assert validate_catalog(catalog) == []


def test_records_follow_their_collection(catalog: LocalCatalog) -> None:
    """Another month moves the end and the date of change; publishing it again changes nothing."""
    before = record(catalog)
    later = NOW + timedelta(days=3)
    publish(catalog, 1, later)
    after = record(catalog)
    assert before["time"]["interval"][0] == after["time"]["interval"][0]
    assert after["time"]["interval"][1] == "2020-06-30T23:59:59Z"
    assert after["properties"]["created"] == before["properties"]["created"]
    assert after["properties"]["updated"] == "2026-01-05T03:04:05Z"
    written = contents(catalog)
    publish(catalog, 1, later + timedelta(days=1))
    rebuild_catalog(catalog)
    assert contents(catalog) == written


def test_a_table_of_the_items_is_a_way_to_get_them(catalog: LocalCatalog) -> None:
    """The records name the table that there is, by its present name."""
    for months in (1, 2):
        publish(catalog, months)
        refresh_mirror(catalog, OFFICIAL)
        (table,) = (catalog.root / OFFICIAL).glob("items_*.parquet")
        for content in contents(catalog).values():
            assert f"https://example.org/catalog/{OFFICIAL}/{table.name}".encode() in content


def test_lost_and_spoilt_records_come_back(catalog: LocalCatalog) -> None:
    """Rebuilding writes them anew from the items."""
    before = contents(catalog)
    catalog.remove(KEYS[0])
    catalog.write(KEYS[1], b"{ no JSON")
    catalog.remove(DCAT)
    rebuild_catalog(catalog)
    after = contents(catalog)
    assert record(catalog)["properties"]["created"] == "2026-01-02T03:04:05Z"
    updated = record(catalog)["properties"]["updated"].encode()
    assert all(after.values())
    assert updated in after[DCAT]
    assert json.loads(after[KEYS[1]]).keys() == json.loads(before[KEYS[1]]).keys()


def test_the_last_item_takes_the_records_along(catalog: LocalCatalog) -> None:
    """Nothing is left that a portal could harvest."""
    publish(catalog, 1)
    remove_item(catalog, OFFICIAL, toy_series().item_id(MAY))
    assert record(catalog)["time"]["interval"][0] == "2020-06-01T00:00:00Z"
    remove_item(catalog, OFFICIAL, toy_series().item_id(MAY.shift(1)))
    assert not any(contents(catalog).values())
    assert "describedby" not in (catalog.root / "catalog.json").read_text()
    assert validate_catalog(catalog) == []


def test_portals_harvest_official_maps_alone(catalog: LocalCatalog, tmp_path: Path) -> None:
    """A run of somebody's own has records, but is none of the catalogue's data sets."""
    publish(catalog, model_id="rf-ffff")
    publish_model(catalog, toy_model(tmp_path / "models"), tmp_path / "models", now=NOW)
    own = toy_series(model_id="rf-ffff").own_collection
    assert record(catalog, own)["id"] == own
    datasets = json.loads(catalog.read(DCAT) or b"")["dcat:dataset"]
    assert [one["@id"].split("/")[-2] for one in datasets] == [OFFICIAL]
    assert not (catalog.root / "models-synthetic" / ISO).exists()


def test_a_bucket_has_the_same_records(s3_catalog: S3Catalog) -> None:
    """Through the same verbs; they go with their collection."""
    publish(s3_catalog)
    assert all(contents(s3_catalog).values())
    remove_item(s3_catalog, OFFICIAL, toy_series().item_id(MAY))
    assert not any(contents(s3_catalog).values())


def test_a_publisher_that_cannot_write_a_record_links_none(
    catalog: LocalCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collection stays as it was; the next publisher brings both up to date."""
    before = catalog.read(f"{OFFICIAL}/collection.json")
    write = LocalCatalog.write

    def full(self: LocalCatalog, key: str, content: bytes) -> None:
        if key.endswith(ISO):
            raise UnwritableCatalogError(str(self.root), "no space left on device")
        write(self, key, content)

    monkeypatch.setattr(LocalCatalog, "write", full)
    with pytest.raises(UnwritableCatalogError, match="no space"):
        publish(catalog, 1)
    assert catalog.read(f"{OFFICIAL}/collection.json") == before
    monkeypatch.undo()
    publish(catalog, 1)
    assert record(catalog)["time"]["interval"][1] == "2020-06-30T23:59:59Z"
    assert validate_catalog(catalog) == []
