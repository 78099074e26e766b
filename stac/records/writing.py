"""Keep the records of collections beside them, and the catalogue of them all at the root."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stac.documents import encode, instant
from stac.errors import DamagedCatalogError
from stac.products import products
from stac.read import read_document
from stac.records.dcat import dcat_catalog, dcat_record
from stac.records.description import PRODUCT, Dates, Description
from stac.records.iso19139 import iso_record
from stac.records.links import DCAT, ISO, OGC, RECORDS
from stac.records.ogc import ogc_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stac.store import CatalogStore

    type Document = Mapping[str, Any]

log = logging.getLogger(__name__)


def write_records(
    catalog: CatalogStore, collection: Document, *, now: datetime | None = None
) -> None:
    """Bring the records of a collection up to date; nothing is written where nothing is new.

    To be called under the catalogue's lock, before the collection itself is written, so that its
    links lead somewhere.

    Parameters
    ----------
    catalog
        Where.
    collection
        As it is about to be written; one of models has no records.
    now
        The moment to write into records that say something new; by default the clock's.
    """
    if PRODUCT not in collection:
        return
    moment = instant(now or datetime.now(UTC))
    dates = _dates(catalog, collection) or Dates(created=moment, updated=moment)
    if not _published(catalog, collection, dates):
        dates = Dates(created=dates.created, updated=moment)
        _write(catalog, _records(catalog, collection, dates))
        log.info("wrote the records of %s", collection["id"])
    write_catalog(catalog)


def write_catalog(catalog: CatalogStore) -> None:
    """Bring the catalogue of the official collections' data sets up to date, or remove it."""
    names = [one.collection for one in products().values()]
    found = {name: _readable(catalog, f"{name}/{DCAT}") for name in names}
    datasets = {name: one for name, one in found.items() if one is not None}
    if datasets:
        _write(catalog, {DCAT: encode(dcat_catalog(datasets, catalog.url))})
    else:
        catalog.remove(DCAT)


def remove_records(catalog: CatalogStore, collection_id: str) -> None:
    """Remove the records of a collection that is no longer linked."""
    for name in RECORDS:
        catalog.remove(f"{collection_id}/{name}")
    write_catalog(catalog)


def _records(catalog: CatalogStore, collection: Document, dates: Dates) -> dict[str, bytes]:
    described = Description.of(collection, catalog.url, dates)
    contents = {
        ISO: iso_record(described),
        DCAT: encode(dcat_record(described)),
        OGC: encode(ogc_record(described)),
    }
    return {f"{described.id}/{name}": content for name, content in contents.items()}


def _published(catalog: CatalogStore, collection: Document, dates: Dates) -> bool:
    """Whether the records of some dates are there already."""
    records = _records(catalog, collection, dates)
    return all(catalog.read(key) == content for key, content in records.items())


def _dates(catalog: CatalogStore, collection: Document) -> Dates | None:
    """Return the dates of the records that are there."""
    before = _readable(catalog, f"{collection['id']}/{OGC}")
    said = {} if before is None else before.get("properties", {})
    if not {"created", "updated"} <= set(said):
        return None
    return Dates(created=str(said["created"]), updated=str(said["updated"]))


def _write(catalog: CatalogStore, contents: Mapping[str, bytes]) -> None:
    for key, content in contents.items():
        if catalog.read(key) != content:
            catalog.write(key, content)


def _readable(catalog: CatalogStore, key: str) -> dict[str, Any] | None:
    try:
        return read_document(catalog, key)
    except DamagedCatalogError:
        return None
