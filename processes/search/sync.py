"""Bring the index up to the catalogue, which is the truth.

What a publisher that died, or a hand, has changed is seen by the stamps of the files.
"""

from __future__ import annotations

import logging
from itertools import batched
from typing import TYPE_CHECKING, Any

from stac.documents import item_key
from stac.errors import DamagedCatalogError
from stac.read import collection_document, collection_ids, item_ids, read_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from processes.search.index import CatalogIndex
    from stac.store import CatalogStore

    type Document = Mapping[str, Any]


LOGGER = logging.getLogger(__name__)

_BATCH = 200
"""Items that are read and kept at once."""


def sync_index(catalog: CatalogStore, index: CatalogIndex) -> int:
    """Bring the index up to the catalogue.

    Returns
    -------
    int
        How many items were new, changed or gone.
    """
    published = collection_ids(catalog)
    changes = 0
    for known in index.collections():
        if known["id"] not in published:
            index.remove_collection(str(known["id"]))
            changes += 1
    for collection_id in published:
        try:
            changes += _sync_collection(catalog, index, collection_id)
        except DamagedCatalogError as error:
            LOGGER.warning("not searched: %s; 'vadose catalog rebuild' mends it", error)
    return changes


def index_item(catalog: CatalogStore, index: CatalogIndex, item: Document) -> None:
    """Let an item that was just published be found, with its collection."""
    collection_id = str(item["collection"])
    key = item_key(collection_id, str(item["id"]))
    stamps = {entry.key: entry.stamp for entry in catalog.entries(key.rpartition("/")[0])}
    collection = collection_document(catalog, collection_id)
    if collection is not None and key in stamps:
        index.put_collection(collection)
        index.put_items([(item, stamps[key])])


def _sync_collection(catalog: CatalogStore, index: CatalogIndex, collection_id: str) -> int:
    collection = collection_document(catalog, collection_id)
    if collection is None:
        index.remove_collection(collection_id)
        return 1
    if index.collection(collection_id) != _without_items(collection):
        index.put_collection(collection)
    linked, kept = set(item_ids(collection)), index.stamps(collection_id)
    there = dict(_stamps(catalog, collection_id, linked))
    gone = sorted(set(kept) - set(there))
    index.remove_items(collection_id, gone)
    changed = sorted(name for name, stamp in there.items() if kept.get(name) != stamp)
    for names in batched(changed, _BATCH):
        index.put_items(_read(catalog, collection_id, names, there))
    return len(gone) + len(changed)


def _without_items(collection: Document) -> Document:
    links = [entry for entry in collection["links"] if entry["rel"] != "item"]
    return {**collection, "links": links}


def _stamps(
    catalog: CatalogStore, collection_id: str, linked: set[str]
) -> Iterator[tuple[str, str]]:
    for entry in catalog.entries(collection_id):
        parts = entry.key.split("/")
        if len(parts) == 3 and parts[2] == f"{parts[1]}.json" and parts[1] in linked:
            yield parts[1], entry.stamp


def _read(
    catalog: CatalogStore, collection_id: str, names: Iterable[str], stamps: Mapping[str, str]
) -> Iterator[tuple[Document, str]]:
    for name in names:
        key = item_key(collection_id, name)
        try:
            item = read_document(catalog, key)
        except DamagedCatalogError as error:
            LOGGER.warning("not searched: %s", error)
            continue
        if item is not None:
            yield item, stamps[name]
