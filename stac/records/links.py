"""Links to records: where they lie beside a collection, and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stac.documents import link
from stac.media import GEOJSON, JSON_LD, XML
from stac.products import products

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pystac

DESCRIBED_BY = "describedby"
"""Relation from a collection, or the root, to its records."""

ISO, DCAT, OGC = "iso19139.xml", "dcat.jsonld", "record.json"
RECORDS = {
    ISO: (XML, "Metadata by ISO 19115 and INSPIRE, as XML"),
    DCAT: (JSON_LD, "Metadata by DCAT-AP, as JSON-LD"),
    OGC: (GEOJSON, "Metadata by OGC API - Records"),
}
"""Media types and titles of a collection's records, by the names of their files."""


def record_links() -> list[pystac.Link]:
    """Return the links from a collection of maps to its records."""
    return [
        link(DESCRIBED_BY, f"./{name}", title, media_type)
        for name, (media_type, title) in RECORDS.items()
    ]


def is_record_link(entry: Mapping[str, Any]) -> bool:
    """Whether a link of a collection leads to one of its records."""
    return entry["rel"] == DESCRIBED_BY and entry["href"].removeprefix("./") in RECORDS


def catalog_links(collections: Iterable[str]) -> list[pystac.Link]:
    """Return the link from the root to the data sets of official collections, if there are any."""
    official = {one.collection for one in products().values()}
    if official.isdisjoint(collections):
        return []
    return [link(DESCRIBED_BY, f"./{DCAT}", "Data sets by DCAT-AP, as JSON-LD", JSON_LD)]
