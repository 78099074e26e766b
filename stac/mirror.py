"""A collection's items as one table, GeoParquet, for those who read tables rather than links."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

from stac_geoparquet.arrow import parse_stac_items_to_arrow, to_parquet

from stac.assets import StagedAsset
from stac.commit import open_fence, replace_document
from stac.documents import absolute, below, collection_key, encode, item_key
from stac.media import PARQUET
from stac.read import collection_document, item_documents, item_ids
from stac.records.writing import write_records

if TYPE_CHECKING:
    from pathlib import Path

    from stac.commit import Fence
    from stac.store import CatalogStore

    type Document = dict[str, Any]

log = logging.getLogger(__name__)

KEY = "items"
SOURCE = "vadose:source_digest"
"""Field of the asset: a digest of the documents that the table was made of."""
_ROWS = 1000
"""Items in memory at once."""
_MOST_ROUNDS = 5
"""How often a table is made anew because another one came in between."""


def refresh_mirror(catalog: CatalogStore, collection_id: str, fence: Fence = open_fence) -> None:
    """Write the table of a collection's items, and let the collection have it as an asset.

    The file is named by its content, so that no reader of the collection finds another one than
    the one that it describes; the one before is removed afterwards. Addresses in it are absolute
    if the catalogue knows its own. Where nothing has changed, nothing is written.

    Parameters
    ----------
    catalog, collection_id
        Which collection.
    fence
        Called under the catalogue's lock, before the table is linked; raises where this
        publisher is no longer the one that may.

    Notes
    -----
    Several may do so at once. A table is linked only where there is still the one that was there
    before the items were read; so the last one holds what all of them have published.
    """
    for _ in range(_MOST_ROUNDS):
        if _mirror(catalog, collection_id, fence):
            return
    log.info("%s is mirrored by others, again and again: left to them", collection_id)


def _mirror(catalog: CatalogStore, collection_id: str, fence: Fence) -> bool:
    """Try it; return whether the table is there, or none is needed."""
    collection = collection_document(catalog, collection_id)
    if collection is None:
        return True
    before, source = _linked(collection), _digest(catalog, collection)
    if _is_current(catalog, collection, source):
        return True
    with catalog.staging() as folder:
        staged = _staged(folder, catalog, collection)
        name = f"items_{staged.asset.sha256[:12]}.parquet"
        entry = {**staged.asset.named(name).to_dict(), SOURCE: source}
        with catalog.lock():
            fence()
            now = collection_document(catalog, collection_id)
            if now is None or _linked(now) != before:
                return now is None
            catalog.place(staged.path, f"{collection_id}/{name}")
            _link(catalog, collection_id, entry)
            if before and before != name:
                catalog.remove(f"{collection_id}/{before}")
    log.info("mirrored %s", collection_id)
    return True


def _digest(catalog: CatalogStore, collection: Document) -> str:
    """Return a digest of all that a table is made of."""
    digest = hashlib.sha256(encode(_described(collection)))
    digest.update((catalog.url or "").encode())
    for name in item_ids(collection):
        digest.update(catalog.read(item_key(str(collection["id"]), name)) or b"")
    return digest.hexdigest()


def _is_current(catalog: CatalogStore, collection: Document, source: str) -> bool:
    """Return whether a collection has the very table already."""
    asset = collection.get("assets", {}).get(KEY, {})
    size = catalog.size(f"{collection['id']}/{_linked(collection)}") if asset else None
    return size is not None and (asset.get(SOURCE), asset["file:size"]) == (source, size)


def _link(catalog: CatalogStore, collection_id: str, entry: Document) -> None:
    """Let the collection have a table as an asset."""

    def mirrored(document: Document | None) -> Document | None:
        if document is None:
            return None
        changed = {**document, "assets": {**document.get("assets", {}), KEY: entry}}
        write_records(catalog, changed)
        return changed

    replace_document(catalog, collection_key(collection_id), mirrored)


def _linked(collection: Document) -> str:
    """Return the name of the table that a collection has, or nothing."""
    asset = collection.get("assets", {}).get(KEY, {})
    return str(asset.get("href", "")).removeprefix("./")


def _staged(folder: Path, catalog: CatalogStore, collection: Document) -> StagedAsset:
    """Write the table, a part of the items at a time."""
    path, parts = folder / "items.parquet", folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    items = (_located(catalog, item) for item in item_documents(catalog, collection))
    table = parse_stac_items_to_arrow(items, _ROWS, schema="ChunksToDisk", tmpdir=parts)
    described = {str(collection["id"]): _described(collection)}
    to_parquet(table, path, collections=described, compression="zstd")
    return StagedAsset.of(
        path,
        key=KEY,
        title="Items as a table",
        description="All items of the collection as GeoParquet",
        media_type=PARQUET,
        roles=("collection-mirror",),
    )


def _described(collection: Document) -> Document:
    """Return what the table says of its collection."""
    return {**collection, "links": [], "assets": {}}


def _located(catalog: CatalogStore, item: Document) -> Document:
    """Return an item whose addresses are absolute, as far as the catalogue knows its own."""
    if catalog.url is None:
        return item
    key = item_key(str(item["collection"]), str(item["id"]))

    def placed(entry: Document) -> Document:
        href = str(entry["href"])
        return entry if absolute(href) else {**entry, "href": f"{catalog.url}/{below(key, href)}"}

    return {
        **item,
        "links": [placed(entry) for entry in item["links"]],
        "assets": {name: placed(asset) for name, asset in item["assets"].items()},
    }
