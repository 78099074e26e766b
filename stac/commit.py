"""Commit an item: files first, then the item, its collection, and the root.

Everything heavy happens in a staging folder before, without the catalogue's lock. Under the lock,
files are given their names and documents are replaced one by one, each whole, in an order in which
whatever is linked is complete. A publisher that dies leaves files that nobody links; the next one
that publishes the item overwrites or removes them. A publisher that may have been replaced by
another one asks its fence: first under the lock, and again before the item changes.

The lock keeps publishers from waiting for each other's changes in vain; what is right does not
hang on it. A document is only replaced where it still is what was read, so that a publisher whose
lock was taken over, because it stood still for too long, changes nothing but begins anew.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pystac.utils import str_to_datetime

from stac.collection import create_root
from stac.departure_fields import own_assets
from stac.documents import ROOT_KEY, collection_key, encode, item_key
from stac.edition import Edition, archived, archived_id, content, version_of
from stac.errors import ContendedCatalogError, NameTakenError, SupersededError
from stac.read import collection_document, collection_ids, decoded, item_document
from stac.records.writing import write_records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stac.assets import StagedAsset
    from stac.store import CatalogStore

    type Staged = tuple[StagedAsset, ...]
    type Document = dict[str, Any]
    type Fence = Callable[[], None]

log = logging.getLogger(__name__)

_VERSION = re.compile(r"_v(\d+)\.[a-z]+$")
"""End of the name of a file that belongs to one version of an item."""
_MOST_ROUNDS = 50
"""How often a commit begins anew before it gives up."""


class Draft(Protocol):
    """An item that is to be published: all but its version and the names of its files."""

    @property
    def staged(self) -> Staged:
        """Its files."""
        ...

    @property
    def item_id(self) -> str:
        """Its id, in whatever collection."""
        ...

    def choose(self, catalog: CatalogStore) -> str:
        """Return the id of the collection that it goes into."""
        ...

    def item(
        self,
        catalog: CatalogStore,
        collection_id: str,
        edition: Edition,
        names: Mapping[str, str],
        previous: Document | None,
    ) -> Document:
        """Describe it; ``names`` are those of its files by key of the asset."""
        ...

    def continues(self, collection: Document) -> bool:
        """Whether it belongs into a collection that was written but is not linked yet."""
        ...

    def collection(self, collection_id: str, item: Document, earlier: Document | None) -> Document:
        """Describe the collection that holds it beside what it held before."""
        ...


def open_fence() -> None:
    """Let everything pass."""


def commit(
    catalog: CatalogStore,
    draft: Draft,
    *,
    now: datetime | None = None,
    fence: Fence = open_fence,
) -> Document:
    """Publish an item whose files are staged, and return it as it is written.

    The same item again changes nothing. Other bytes become its next version; the earlier files
    stay, and the earlier item is kept as its predecessor.

    Raises
    ------
    ContendedCatalogError
        Where others change the catalogue again and again in between.
    """
    moment = now or datetime.now(UTC)
    least = 1
    for _ in range(_MOST_ROUNDS):
        with catalog.lock():
            fence()
            try:
                return _Commit(
                    catalog=catalog, draft=draft, now=moment, fence=fence, least=least
                ).run()
            except NameTakenError as error:
                least = error.version + 1
            except SupersededError as error:
                log.info("%s: another publisher changed it, once more", error.key)
    raise ContendedCatalogError(draft.item_id, _MOST_ROUNDS)


def replace_document(
    catalog: CatalogStore, key: str, change: Callable[[Document | None], Document | None]
) -> None:
    """Change a document by a function of what it says, whoever else changes it at the time.

    Parameters
    ----------
    catalog
        Where.
    key
        Which.
    change
        Given the document, or None where there is none; returns what to write, or None to leave
        it as it is. Called anew where another publisher was quicker.
    """
    for _ in range(_MOST_ROUNDS):
        found = catalog.look(key)
        wanted = change(None if found.content is None else decoded(key, found.content))
        if wanted is None or (written := encode(wanted)) == found.content:
            return
        try:
            catalog.replace(key, written, found)
        except SupersededError:
            continue
        return
    raise ContendedCatalogError(key, _MOST_ROUNDS)


def file_names(document: Document | None) -> frozenset[str]:
    """Return the names of an item's files."""
    return frozenset(map(_file_name, document["assets"].values() if document else ()))


def lost_files(catalog: CatalogStore, document: Document | None) -> frozenset[str]:
    """Return the names of an item's files that are not there as they were published."""
    if document is None:
        return frozenset()
    folder = f"{document['collection']}/{document['id']}"
    return frozenset(
        name
        for asset in document["assets"].values()
        if catalog.size(f"{folder}/{(name := _file_name(asset))}") != asset["file:size"]
    )


@dataclass(slots=True, kw_only=True)
class _Commit:
    """One try, under the lock."""

    catalog: CatalogStore
    draft: Draft
    now: datetime
    fence: Fence
    least: int
    """Least version whose names are free."""
    collection_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.collection_id = self.draft.choose(self.catalog)

    @property
    def folder(self) -> str:
        """Of the item and its files."""
        return f"{self.collection_id}/{self.draft.item_id}"

    def run(self) -> Document:
        """Bring files, item, collection and root up to date."""
        document = self._publish_item()
        collection: Document = {}

        def grown(earlier: Document | None) -> Document:
            before = earlier if self._counts(earlier) else None
            collection.update(self.draft.collection(self.collection_id, document, before))
            write_records(self.catalog, collection, now=self.now)
            return collection

        def linking(earlier: Document | None) -> Document:
            return create_root(collection, earlier, self.catalog.url)

        replace_document(self.catalog, collection_key(self.collection_id), grown)
        replace_document(self.catalog, ROOT_KEY, linking)
        self._tidy(document)
        return document

    def _counts(self, collection: Document | None) -> bool:
        """Whether a collection is published, or about to be by one of our own kind."""
        if collection is None:
            return False
        return self.collection_id in collection_ids(self.catalog) or self.draft.continues(
            collection
        )

    def _publish_item(self) -> Document:
        """Place what is new and write the item, unless it says what the published one says."""
        key = item_key(self.collection_id, self.draft.item_id)
        found = self.catalog.look(key)
        collection = collection_document(self.catalog, self.collection_id)
        previous = item_document(self.catalog, collection, self.draft.item_id)
        edition, names = self._edition(previous)
        document = self.draft.item(self.catalog, self.collection_id, edition, names, previous)
        self._place(names, file_names(previous) - lost_files(self.catalog, previous), edition)
        if previous is not None and content(previous) == content(document):
            return previous
        self.fence()
        if previous is not None and edition.predecessor == version_of(previous):
            self._archive(previous)
        self.catalog.replace(key, encode(document), found)
        log.info("published %s, version %d", self.folder, edition.version)
        return document

    def _edition(self, previous: Document | None) -> tuple[Edition, dict[str, str]]:
        """Return the version, and the file name of every asset by its key.

        A file whose bytes are published keeps its name; if one has changed, the version goes up
        and the changed files are named by it.
        """
        published = own_assets(previous)
        kept = {
            entry.asset.key: _file_name(published[entry.asset.key])
            for entry in self.draft.staged
            if published.get(entry.asset.key, {}).get("file:checksum") == entry.asset.checksum
        }
        last = 0 if previous is None else version_of(previous)
        changed = not len(kept) == len(self.draft.staged) == len(published)
        version = max(last + 1, self.least) if changed else last
        names = {
            entry.asset.key: f"{self.draft.item_id}_{entry.asset.key}_v{version}"
            f"{entry.asset.suffix}"
            for entry in self.draft.staged
        }
        edition = Edition(
            version=version,
            created=_created(previous, self.now),
            updated=self.now,
            predecessor=_predecessor(previous, changed=changed),
        )
        return edition, names | kept

    def _place(self, names: Mapping[str, str], published: frozenset[str], edition: Edition) -> None:
        for entry in self.draft.staged:
            name = names[entry.asset.key]
            if name in published:
                continue
            if not self.catalog.place(entry.path, f"{self.folder}/{name}"):
                raise NameTakenError(f"{self.folder}/{name}", edition.version)

    def _archive(self, previous: Document) -> None:
        """Keep the version that is about to be replaced."""
        name = archived_id(previous["id"], version_of(previous))
        self.catalog.write(f"{self.folder}/{name}.json", encode(archived(previous)))

    def _tidy(self, document: Document) -> None:
        """Remove what publishers that were ended left beside an item.

        Their files are named by the version that they were about to publish, which is this one
        or a later one.
        """
        linked, present = file_names(document), version_of(document)
        for name in self.catalog.left_over(self.folder):
            version = _VERSION.search(name)
            if version is not None and int(version[1]) >= present and name not in linked:
                self.catalog.remove(f"{self.folder}/{name}")


def _created(previous: Document | None, now: datetime) -> datetime:
    if previous is None:
        return now
    created: datetime = str_to_datetime(previous["properties"]["created"])
    return created


def _predecessor(previous: Document | None, *, changed: bool) -> int | None:
    """Return the version before: the published one, or the one that it names itself."""
    if previous is None:
        return None
    if changed:
        return version_of(previous)
    back = [entry for entry in previous["links"] if entry["rel"] == "predecessor-version"]
    return int(back[0]["href"].removesuffix(".json").rpartition("_v")[2]) if back else None


def _file_name(asset: Mapping[str, Any]) -> str:
    return str(asset["href"]).removeprefix("./")
