"""Mend a catalogue from its items, and take items away.

Items say all that collections and the root say of them, so that both can be made again when they
were lost or edited by hand. Files are listed once and items read one at a time; only the links to
them are remembered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from stac.collection import PROMOTED, describe_collection, root_of
from stac.commit import replace_document
from stac.documents import ROOT_KEY, collection_key, item_key
from stac.errors import DamagedCatalogError, NotInCatalogError
from stac.media import JSON
from stac.members import item_link, links_by
from stac.models import describe_model_collection
from stac.read import collection_document, item_ids, read_document
from stac.records.writing import remove_records, write_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stac.store import CatalogStore, Entry

    type Document = dict[str, Any]
    type Sizes = Mapping[str, int]

_MAP_FIELDS = ("vadose:product", "vadose:series", "vadose:region_title", "vadose:model")
_MODEL = "mlm:name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuilding came to."""

    items: Mapping[str, int]
    """Items by collection."""
    left_out: tuple[str, ...]
    """Items that lie there but cannot be published, and why."""


def rebuild_catalog(catalog: CatalogStore) -> Rebuilt:
    """Make all collections and the root anew from the items that are whole.

    What the collections say beyond their items (assets and links of others, which series is
    promoted) is kept as far as it can be read.
    """
    counts: dict[str, int] = {}
    left_out: list[str] = []
    children: list[Document] = []
    with catalog.lock():
        for collection_id in _folders(catalog):
            members = _Members(catalog, collection_id)
            document = members.collect()
            left_out += members.left_out
            if document is None:
                remove_records(catalog, collection_id)
            else:
                write_records(catalog, document)
                _put(catalog, collection_key(collection_id), document)
                counts[collection_id] = len(links_by(document, "item"))
                children.append(_child(collection_id, str(document["title"])))
        children.sort(key=lambda entry: str(entry["href"]))
        _put(catalog, ROOT_KEY, root_of(children, catalog.url))
    return Rebuilt(items=counts, left_out=tuple(left_out))


def remove_item(catalog: CatalogStore, collection_id: str, item_id: str) -> None:
    """Take an item out of the catalogue, with all of its versions and files.

    Links go first, so that no reader is led to what is not there any more; a collection that
    has no item left goes, too.

    Raises
    ------
    NotInCatalogError
        Where there is no such item.
    """
    with catalog.lock():
        collection = collection_document(catalog, collection_id)
        if item_id not in item_ids(collection):
            raise NotInCatalogError(collection_id, item_id)
        document = _Members(catalog, collection_id, without=item_id).collect()
        if document is None:
            _unlink(catalog, collection_id)
            catalog.remove(collection_key(collection_id))
            remove_records(catalog, collection_id)
        else:
            write_records(catalog, document)
            _put(catalog, collection_key(collection_id), document)
        folder = f"{collection_id}/{item_id}"
        for name in catalog.names(folder):
            catalog.remove(f"{folder}/{name}")


class _Members:
    """The items of a collection, gathered one by one.

    Parameters
    ----------
    catalog, collection_id
        Which collection.
    without
        Id of an item to pass by.
    """

    def __init__(self, catalog: CatalogStore, collection_id: str, without: str = "") -> None:
        self.catalog, self.collection_id, self.without = catalog, collection_id, without
        self.left_out: list[str] = []
        self.earlier = _readable(catalog, collection_key(collection_id)) or {}

    def collect(self) -> Document | None:
        """Describe the collection of all items that are whole, or None where there is none."""
        promoted = self._promoted()
        described = {key: self.earlier[key] for key in ("assets",) if key in self.earlier}
        described["links"] = [one for one in self.earlier.get("links", []) if one["rel"] != "item"]
        links: list[Document] = []
        for item, sizes in self._items():
            wrong = self._fault(item, sizes, promoted)
            if wrong is None:
                described = _describe(self.collection_id, item, described)
                links.append(item_link(item["id"], item["properties"]["title"]))
            else:
                self._leave_out(item["id"], wrong)
        if not links:
            return None
        ordered = sorted(links, key=lambda entry: str(entry["href"]))
        return {**described, "links": [*described["links"], *ordered]}

    def _promoted(self) -> Mapping[str, str]:
        """Return the series of each region in an official collection: as said, or the largest."""
        said: dict[str, str] = dict(self.earlier.get(PROMOTED, {}))
        if said or "--" in self.collection_id:
            return said
        counts: Counter[tuple[str, str]] = Counter()
        for item, _ in self._items():
            properties = item.get("properties", {})
            if "vadose:series" in properties:
                counts[properties.get("vadose:region", ""), properties["vadose:series"]] += 1
        self.left_out.clear()
        for (region, series), _ in counts.most_common():
            said.setdefault(region, series)
        return said

    def _items(self) -> Iterator[tuple[Document, Sizes]]:
        """Give every readable item that lies there, with the sizes of the files beside it."""
        for name, sizes in _item_folders(self.catalog, self.collection_id):
            if name == self.without or f"{name}.json" not in sizes:
                continue
            item = _readable(self.catalog, item_key(self.collection_id, name))
            if item is not None and item.get("id") == name:
                yield item, sizes
            else:
                self._leave_out(name, "no item of that id")

    def _fault(self, item: Document, sizes: Sizes, promoted: Mapping[str, str]) -> str | None:
        """Return why an item cannot be published, or None."""
        said = item.get("properties", {})
        if item.get("collection") != self.collection_id:
            return f"it says that it is in {item.get('collection')}"
        missing = [name for name in _MAP_FIELDS if name not in said and _MODEL not in said]
        if missing:
            return f"no {', '.join(missing)}"
        lost = [
            asset["href"].removeprefix("./")
            for asset in item.get("assets", {}).values()
            if sizes.get(asset["href"].removeprefix("./")) != asset.get("file:size")
        ]
        if lost:
            return f"lost or changed: {', '.join(sorted(lost))}"
        region, series = said.get("vadose:region", ""), said.get("vadose:series")
        if promoted.get(region, series) != series:
            return f"series {series} is not the promoted one of {region}"
        return None

    def _leave_out(self, name: str, why: str) -> None:
        self.left_out.append(f"{item_key(self.collection_id, name)}: {why}")


def _describe(collection_id: str, item: Document, before: Document) -> Document:
    """Describe a collection by one more item; ``before`` may have no extent yet."""
    if _MODEL in item["properties"]:
        return describe_model_collection(item, before)
    return describe_collection(collection_id, item, before)


def _folders(catalog: CatalogStore) -> list[str]:
    """Return the folders in which there are files at all, sorted."""
    found = (entry.key.partition("/") for entry in catalog.entries(""))
    return sorted({folder for folder, slash, _ in found if slash})


def _item_folders(catalog: CatalogStore, collection_id: str) -> Iterator[tuple[str, Sizes]]:
    """Give the folders below a collection, each with its files' sizes by name."""

    def folder(entry: Entry) -> str:
        return entry.key.split("/")[1]

    inside = (entry for entry in catalog.entries(collection_id) if entry.key.count("/") == 2)
    for name, entries in groupby(inside, key=folder):
        yield name, {entry.key.rpartition("/")[2]: entry.size for entry in entries}


def _readable(catalog: CatalogStore, key: str) -> Document | None:
    try:
        return read_document(catalog, key)
    except DamagedCatalogError:
        return None


def _child(collection_id: str, title: str) -> Document:
    href = f"./{collection_key(collection_id)}"
    return {"rel": "child", "href": href, "type": JSON, "title": title}


def _unlink(catalog: CatalogStore, collection_id: str) -> None:
    href = f"./{collection_key(collection_id)}"

    def without(root: Document | None) -> Document | None:
        if root is None:
            return None
        kept = [entry for entry in links_by(root, "child") if entry["href"] != href]
        return root_of(kept, catalog.url)

    replace_document(catalog, ROOT_KEY, without)


def _put(catalog: CatalogStore, key: str, document: Document) -> None:
    def new(_: Document | None) -> Document:
        return document

    try:
        replace_document(catalog, key, new)
    except DamagedCatalogError:
        catalog.remove(key)
        replace_document(catalog, key, new)
