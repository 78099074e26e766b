"""Let maps tell of the reports that validated them: files beside a collection, and links to them.

A report lies at ``<collection>/validation/<id>/``. The collection and every item that was
validated link it as ``describedby``, a relation that publishing leaves alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stac.commit import replace_document
from stac.documents import collection_key, item_key
from stac.media import GEOJSON, JSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from stac.commit import Fence
    from stac.store import CatalogStore

    type Document = dict[str, Any]

REL = "describedby"
FOLDER = "validation"
HTML = "text/html"
REPORT, METRICS, STATIONS = "report.html", "metrics.json", "stations.geojson"
_KINDS = {REPORT: HTML, METRICS: JSON, STATIONS: GEOJSON}
_TITLES = {
    REPORT: "Validation: {title}",
    METRICS: "Validation, all numbers: {title}",
    STATIONS: "Validation, stations with their metrics: {title}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRecord:
    """A validation that is to be published."""

    id: str
    """Letters, digits and hyphens; the same validation has the same one."""
    title: str
    """What was validated with what, in a few words."""
    collection_id: str
    """The collection of the maps."""
    item_ids: Sequence[str]
    """The maps."""

    @property
    def folder(self) -> str:
        """Where its files lie, below the catalogue."""
        return f"{self.collection_id}/{FOLDER}/{self.id}"


def publish_validation(
    catalog: CatalogStore, record: ValidationRecord, files: Iterable[Path], fence: Fence
) -> None:
    """Put the files of a validation beside its collection, and link them.

    Doing it again changes nothing but the files. An item that is gone is passed over.

    Parameters
    ----------
    catalog
        Where the maps are.
    record
        What is published.
    files
        Named ``report.html``, ``metrics.json`` and ``stations.geojson``; they are moved.
    fence
        Called under the catalogue's lock; raises where this publisher is no longer wanted.
    """
    with catalog.lock():
        fence()
        for path in files:
            catalog.place(path, f"{record.folder}/{path.name}")
        for item_id in record.item_ids:
            key = item_key(record.collection_id, item_id)
            _link(catalog, key, _links(record, up=1, names=(REPORT,)))
        _link(catalog, collection_key(record.collection_id), _links(record, up=0, names=_KINDS))


def validations_of(document: Mapping[str, Any]) -> list[Document]:
    """Return an item's or a collection's links to validations."""
    return [
        entry
        for entry in document.get("links", [])
        if entry["rel"] == REL and f"/{FOLDER}/" in entry["href"]
    ]


def _links(record: ValidationRecord, *, up: int, names: Iterable[str]) -> list[Document]:
    base = "../" * up or "./"
    return [
        {
            "rel": REL,
            "href": f"{base}{FOLDER}/{record.id}/{name}",
            "type": _KINDS[name],
            "title": _TITLES[name].format(title=record.title),
        }
        for name in names
    ]


def _link(catalog: CatalogStore, key: str, links: Sequence[Document]) -> None:
    hrefs = {entry["href"] for entry in links}

    def linking(document: Document | None) -> Document | None:
        if document is None:
            return None
        kept = [entry for entry in document["links"] if entry["href"] not in hrefs]
        return {**document, "links": [*kept, *links]}

    replace_document(catalog, key, linking)
