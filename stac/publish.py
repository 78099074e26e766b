"""Publish a month: files first, then the item, the collection, and the root.

Everything heavy happens in a staging folder, without the catalogue's lock. Under the lock, files
are given their names and documents are replaced one by one, each whole, in an order in which
whatever is linked is complete. A publisher that dies leaves files that nobody links; the next one
that publishes the month overwrites or removes them. A publisher that may have been replaced by
another one asks its fence: first under the lock, and again before the item changes.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pystac.utils import str_to_datetime

from engine.cog import geobox_of
from stac.assets import stage_assets
from stac.collection import choose_collection, collection_title, create_collection, create_root
from stac.documents import ROOT_KEY, as_document, collection_key, encode, item_key
from stac.item import RECIPE, Edition, archived, archived_id, content, create_item
from stac.layers import check_layers, fine_grid
from stac.products import product
from stac.read import as_item, item_document, read_catalog, read_collection
from stac.series import MonthlyMap, check_honest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pystac
    import xarray as xr

    from engine.months import Month
    from stac.assets import StagedAsset
    from stac.series import Provenance, Series
    from stac.store import CatalogStore

    type Staged = tuple[StagedAsset, ...]
    type Document = dict[str, Any]
    type Fence = Callable[[], None]

log = logging.getLogger(__name__)

_VERSION = re.compile(r"_v(\d+)\.[a-z]+$")
"""End of the name of a file that belongs to one version of an item."""


def _open() -> None:
    """Let everything pass."""


def publish_month(
    catalog: CatalogStore,
    series: Series,
    month: Month,
    dataset: xr.Dataset,
    provenance: Provenance,
    *,
    now: datetime | None = None,
    fence: Fence = _open,
) -> pystac.Item:
    """Publish one month of a series.

    Parameters
    ----------
    catalog
        Where to.
    series
        What the map belongs to; decides the collection, see
        :func:`stac.collection.choose_collection`.
    month
        What it stands for.
    dataset
        float32 ``(y, x)`` on the 1 km grid with ``units`` on every variable, NaN where missing;
        variables are layers of the product.
    provenance
        How it was made.
    now
        The moment to write as ``created`` and ``updated``; by default the clock's.
    fence
        Called under the catalogue's lock, before the first file is placed and before the item
        changes; raises where this publisher is no longer the one that may.

    Returns
    -------
    pystac.Item
        As published. Publishing the same map again changes nothing. Other bytes for a month that
        is published become its next version; the earlier files stay, and the earlier item is kept
        as its predecessor.

    Raises
    ------
    VadoseError
        Where the dataset is not what the product says, see :func:`stac.layers.check_layers`, or
        where a synthetic map pretends to be a real one. Nothing is published then.
    """
    check_honest(series, provenance)
    layers = check_layers(product(series.product), month, dataset)
    made = MonthlyMap(
        series=series,
        month=month,
        geobox=fine_grid(geobox_of(dataset)),
        provenance=provenance,
    )
    with catalog.staging() as folder:
        staged = stage_assets(folder, layers, made)
        with catalog.lock():
            fence()
            return _commit(catalog, made, staged, now or datetime.now(UTC), fence)


def published_month(
    catalog: CatalogStore, series: Series, month: Month, provenance: Provenance
) -> Document | None:
    """Return the item of a month that is published, whole, by the same recipe; None otherwise.

    Parameters
    ----------
    catalog, series, month
        As for :func:`publish_month`.
    provenance
        How the map would be made now; its recipe is compared.
    """
    official = read_collection(catalog, series.official_collection)
    collection = read_collection(catalog, choose_collection(official, series))
    document = item_document(catalog, collection, series.item_id(month))
    if document is None or provenance.recipe is None:
        return None
    same = document["properties"].get(RECIPE) == provenance.recipe
    return document if same and not _lost(catalog, document) else None


def _commit(
    catalog: CatalogStore, made: MonthlyMap, staged: Staged, now: datetime, fence: Fence
) -> pystac.Item:
    """Give the files their names and bring the documents up to date."""
    official = read_collection(catalog, made.series.official_collection)
    collection_id = choose_collection(official, made.series)
    earlier = read_collection(catalog, collection_id)
    previous = item_document(catalog, earlier, made.item_id)
    document = _publish_item(catalog, made, staged, collection_id, previous, now=now, fence=fence)
    item = as_item(catalog, document)
    collection = create_collection(collection_id, made, item, earlier)
    _update(catalog, collection_key(collection_id), as_document(collection))
    root = create_root(collection, read_catalog(catalog), catalog.url)
    _update(catalog, ROOT_KEY, as_document(root))
    _tidy(catalog, document)
    return item


def _publish_item(
    catalog: CatalogStore,
    made: MonthlyMap,
    staged: Staged,
    collection_id: str,
    previous: Document | None,
    *,
    now: datetime,
    fence: Fence,
) -> Document:
    """Place what is new and write the item, unless it says what the published one says."""
    edition, names = _edition(made.item_id, staged, previous, now)
    item = create_item(
        made,
        assets={names[entry.asset.key]: entry.asset for entry in staged},
        edition=edition,
        collection_id=collection_id,
        collection_title=collection_title(collection_id, made),
    )
    document = as_document(item)
    folder = f"{collection_id}/{made.item_id}"
    published = _file_names(previous) - _lost(catalog, previous)
    for entry in staged:
        if (name := names[entry.asset.key]) not in published:
            catalog.place(entry.path, f"{folder}/{name}")
    if previous is not None and content(previous) == content(document):
        return previous
    fence()
    if previous is not None and int(previous["properties"]["version"]) < edition.version:
        _archive(catalog, folder, previous)
    catalog.write(item_key(collection_id, made.item_id), encode(document))
    log.info("published %s in %s, version %d", made.item_id, collection_id, edition.version)
    return document


def _edition(
    item_id: str, staged: Staged, previous: Document | None, now: datetime
) -> tuple[Edition, dict[str, str]]:
    """Return the version, and the file name of every asset by its key.

    A file whose bytes are published keeps its name; if one has changed, the version goes up and
    the changed files are named by it.
    """
    published = {} if previous is None else previous["assets"]
    kept = {
        entry.asset.key: _file_name(published[entry.asset.key])
        for entry in staged
        if published.get(entry.asset.key, {}).get("file:checksum") == entry.asset.checksum
    }
    last = 0 if previous is None else int(previous["properties"]["version"])
    changed = not len(kept) == len(staged) == len(published)
    version = last + 1 if changed else last
    names = {
        entry.asset.key: f"{item_id}_{entry.asset.key}_v{version}{entry.asset.suffix}"
        for entry in staged
    }
    created = now if previous is None else str_to_datetime(previous["properties"]["created"])
    return Edition(version=version, created=created, updated=now), names | kept


def _file_names(previous: Document | None) -> frozenset[str]:
    return frozenset(map(_file_name, previous["assets"].values() if previous else ()))


def _lost(catalog: CatalogStore, document: Document | None) -> frozenset[str]:
    """Return the names of an item's files that are not there as they were published."""
    if document is None:
        return frozenset()
    folder = f"{document['collection']}/{document['id']}"
    return frozenset(
        name
        for asset in document["assets"].values()
        if catalog.size(f"{folder}/{(name := _file_name(asset))}") != asset["file:size"]
    )


def _file_name(asset: Mapping[str, Any]) -> str:
    return str(asset["href"]).removeprefix("./")


def _archive(catalog: CatalogStore, folder: str, previous: Document) -> None:
    """Keep the version that is about to be replaced."""
    name = archived_id(previous["id"], int(previous["properties"]["version"]))
    catalog.write(f"{folder}/{name}.json", encode(archived(previous)))


def _tidy(catalog: CatalogStore, document: Document) -> None:
    """Remove what publishers that were ended left beside an item.

    Their files are named by the version that they were about to publish, which is this one or a
    later one.
    """
    folder = f"{document['collection']}/{document['id']}"
    linked, present = _file_names(document), int(document["properties"]["version"])
    for name in catalog.names(folder):
        version = _VERSION.search(name)
        if version is not None and int(version[1]) >= present and name not in linked:
            catalog.remove(f"{folder}/{name}")


def _update(catalog: CatalogStore, key: str, document: Mapping[str, Any]) -> None:
    """Write a document if its bytes are new."""
    content_now = encode(document)
    if catalog.read(key) != content_now:
        catalog.write(key, content_now)
