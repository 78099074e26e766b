"""Find what is published: only what the root leads to counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pystac

from stac.documents import ROOT_KEY, collection_key, item_key, links_of
from stac.errors import DamagedCatalogError

if TYPE_CHECKING:
    from stac.store import CatalogStore


def read_catalog(store: CatalogStore) -> pystac.Catalog | None:
    """Return the root, or None where nothing is published yet."""
    document = _document(store, ROOT_KEY)
    return None if document is None else pystac.Catalog.from_dict(document)


def read_collection(store: CatalogStore, collection_id: str) -> pystac.Collection | None:
    """Return a collection, or None where the root does not link it."""
    root = read_catalog(store)
    key = collection_key(collection_id)
    if root is None or f"./{key}" not in links_of(root, "child"):
        return None
    document = _document(store, key)
    return None if document is None else pystac.Collection.from_dict(document)


def collections_of(store: CatalogStore) -> tuple[pystac.Collection, ...]:
    """Return every published collection, by id."""
    root = read_catalog(store)
    children = links_of(root, "child") if root is not None else {}
    ids = (href.removeprefix("./").partition("/")[0] for href in sorted(children))
    found = (read_collection(store, collection_id) for collection_id in ids)
    return tuple(collection for collection in found if collection is not None)


def item_document(
    store: CatalogStore, collection: pystac.Collection | None, item_id: str
) -> dict[str, Any] | None:
    """Return an item as it is written, or None where the collection does not link it."""
    if collection is None or f"./{item_id}/{item_id}.json" not in links_of(collection, "item"):
        return None
    return _document(store, item_key(collection.id, item_id))


def read_item(store: CatalogStore, collection_id: str, item_id: str) -> pystac.Item | None:
    """Return a published item, which knows its own place, or None."""
    document = item_document(store, read_collection(store, collection_id), item_id)
    return None if document is None else as_item(store, document)


def items_of(store: CatalogStore, collection_id: str) -> tuple[pystac.Item, ...]:
    """Return every published item of a collection, by id; none where there is no such one."""
    collection = read_collection(store, collection_id)
    links = links_of(collection, "item") if collection is not None else {}
    ids = (href.removeprefix("./").partition("/")[0] for href in sorted(links))
    documents = (item_document(store, collection, item_id) for item_id in ids)
    return tuple(as_item(store, document) for document in documents if document is not None)


def as_item(store: CatalogStore, document: dict[str, Any]) -> pystac.Item:
    """Return an item whose assets' absolute addresses are known."""
    key = item_key(str(document["collection"]), str(document["id"]))
    return pystac.Item.from_dict(document, href=store.href(key))


def _document(store: CatalogStore, key: str) -> dict[str, Any] | None:
    content = store.read(key)
    if content is None:
        return None
    try:
        document = json.loads(content)
    except ValueError as error:
        raise DamagedCatalogError(key, "no JSON") from error
    if not isinstance(document, dict):
        raise DamagedCatalogError(key, "no JSON object")
    return document
