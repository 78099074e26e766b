"""Find what is published: only what the root leads to counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pystac

from stac.documents import ROOT_KEY, collection_key, item_key
from stac.errors import DamagedCatalogError
from stac.members import item_href, links_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stac.store import CatalogStore

    type Document = dict[str, Any]


def root_document(store: CatalogStore) -> Document | None:
    """Return the root as it is written, or None where nothing is published yet."""
    return read_document(store, ROOT_KEY)


def collection_ids(store: CatalogStore) -> tuple[str, ...]:
    """Return the ids of the collections that the root links, sorted."""
    root = root_document(store)
    children = [] if root is None else links_by(root, "child")
    return tuple(sorted(_folder(entry) for entry in children))


def collection_document(store: CatalogStore, collection_id: str) -> Document | None:
    """Return a collection as it is written, or None where the root does not link it."""
    if collection_id not in collection_ids(store):
        return None
    return read_document(store, collection_key(collection_id))


def item_ids(collection: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the ids of the items that a collection links, sorted."""
    links = [] if collection is None else links_by(collection, "item")
    return tuple(sorted(_folder(entry) for entry in links))


def item_document(
    store: CatalogStore, collection: Mapping[str, Any] | None, item_id: str
) -> Document | None:
    """Return an item as it is written, or None where the collection does not link it."""
    if collection is None or not _links(collection, item_href(item_id)):
        return None
    return read_document(store, item_key(str(collection["id"]), item_id))


def item_documents(store: CatalogStore, collection: Mapping[str, Any] | None) -> Iterator[Document]:
    """Give every published item of a collection, by id, one at a time."""
    for item_id in item_ids(collection):
        document = read_document(store, item_key(str((collection or {})["id"]), item_id))
        if document is not None:
            yield document


def read_catalog(store: CatalogStore) -> pystac.Catalog | None:
    """Return the root, or None where nothing is published yet."""
    document = root_document(store)
    return None if document is None else pystac.Catalog.from_dict(document)


def read_collection(store: CatalogStore, collection_id: str) -> pystac.Collection | None:
    """Return a collection, or None where the root does not link it."""
    document = collection_document(store, collection_id)
    return None if document is None else pystac.Collection.from_dict(document)


def collections_of(store: CatalogStore) -> tuple[pystac.Collection, ...]:
    """Return every published collection, by id."""
    found = (read_collection(store, collection_id) for collection_id in collection_ids(store))
    return tuple(collection for collection in found if collection is not None)


def read_item(store: CatalogStore, collection_id: str, item_id: str) -> pystac.Item | None:
    """Return a published item, which knows its own place, or None."""
    document = item_document(store, collection_document(store, collection_id), item_id)
    return None if document is None else as_item(store, document)


def items_of(store: CatalogStore, collection_id: str) -> tuple[pystac.Item, ...]:
    """Return every published item of a collection, by id; none where there is no such one."""
    documents = item_documents(store, collection_document(store, collection_id))
    return tuple(as_item(store, document) for document in documents)


def as_item(store: CatalogStore, document: Document) -> pystac.Item:
    """Return an item whose assets' absolute addresses are known."""
    key = item_key(str(document["collection"]), str(document["id"]))
    return pystac.Item.from_dict(document, href=store.href(key))


def read_document(store: CatalogStore, key: str) -> Document | None:
    """Return a document, linked or not, or None where there is none.

    Raises
    ------
    DamagedCatalogError
        Where it is no JSON object.
    """
    content = store.read(key)
    return None if content is None else decoded(key, content)


def decoded(key: str, content: bytes) -> Document:
    """Return a document from its bytes.

    Raises
    ------
    DamagedCatalogError
        Where it is no JSON object.
    """
    try:
        document = json.loads(content)
    except ValueError as error:
        raise DamagedCatalogError(key, "no JSON") from error
    if not isinstance(document, dict):
        raise DamagedCatalogError(key, "no JSON object")
    return document


def _links(collection: Mapping[str, Any], href: str) -> bool:
    return any(entry["href"] == href for entry in links_by(collection, "item"))


def _folder(entry: Mapping[str, Any]) -> str:
    """Return the folder that a link from above leads to, which has the name of its document."""
    return str(entry["href"]).removeprefix("./").partition("/")[0]
