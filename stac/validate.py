"""Check a catalogue, without a network: schemas, links, checksums, COGs, honesty."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from stac.conformity import schema_faults
from stac.documents import ROOT_KEY, absolute, below, collection_key, item_key
from stac.errors import DamagedCatalogError
from stac.read import read_document
from stac.records.conformity import record_faults
from stac.records.links import OGC
from stac.store import LocalCatalog
from stac.validate_assets import asset_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stac.store import CatalogStore

    type Document = Mapping[str, Any]

_DOWNWARD = frozenset({"child", "item", "predecessor-version"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a catalogue."""

    key: str
    """The document or file, by its place below the root."""
    wrong: str
    """What is wrong with it."""

    def __str__(self) -> str:
        return f"{self.key}: {self.wrong}"


def validate_catalog(place: CatalogStore | Path, *, files: bool = True) -> list[Problem]:
    """Check everything that the root leads to.

    Parameters
    ----------
    place
        The catalogue, or the folder that holds ``catalog.json``.
    files
        Whether to read the files of the items; without it, they need only be there.

    Returns
    -------
    list of Problem
        Empty for a sound catalogue: every document obeys STAC 1.1 and its extensions' schemas,
        every record those of the OGC, every link leads to a document of the title that it states,
        every asset has the size and checksum that its item states, every COG is one in the strict
        sense and agrees with its band's description, and no collection mixes synthetic maps with
        real ones.
    """
    store = LocalCatalog(place) if isinstance(place, Path) else place
    walk = _Walk(store=store, files=files)
    problems = [*walk.documents(), *walk.links(), *walk.mixtures()]
    return sorted(problems, key=lambda problem: (problem.key, problem.wrong))


class _Seen(NamedTuple):
    """What is remembered of a document: the others are told by it."""

    title: str
    synthetic: object
    collection: str | None


class _Link(NamedTuple):
    """A relative link, to be looked at when all documents are known."""

    key: str
    rel: str
    href: str
    title: str
    target: str


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One walk from the root; whole documents are forgotten as soon as they are checked."""

    store: CatalogStore
    files: bool
    seen: dict[str, _Seen | None] = field(default_factory=dict)
    later: list[_Link] = field(default_factory=list)

    def documents(self) -> Iterator[Problem]:
        """Check every document by itself."""
        waiting = [ROOT_KEY]
        while waiting:
            key = waiting.pop()
            if key in self.seen:
                continue
            document = self._load(key)
            if document is None:
                self.seen[key] = None
                yield Problem(key=key, wrong="missing, or no JSON object")
                continue
            self.seen[key] = _remembered(document)
            yield from self._problems(key, document)
            yield from self._record_problems(key, document)
            waiting += [target for rel, target in _targets(key, document) if rel in _DOWNWARD]

    def links(self) -> Iterator[Problem]:
        """Check that links lead to what they say."""
        for one in self.later:
            wrong = self._link_fault(one)
            if wrong is not None:
                yield Problem(key=one.key, wrong=f"link {one.rel} to {one.href}: {wrong}")

    def mixtures(self) -> Iterator[Problem]:
        """Find items that are synthetic in a real collection, or real in a synthetic one."""
        for key, seen in self.seen.items():
            if seen is None or seen.collection is None:
                continue
            collection = self.seen.get(collection_key(seen.collection))
            if seen.synthetic != (None if collection is None else collection.synthetic):
                yield Problem(key=key, wrong="synthetic and real maps share a collection")

    def _load(self, key: str) -> Document | None:
        try:
            return read_document(self.store, key)
        except DamagedCatalogError:
            return None

    def _problems(self, key: str, document: Document) -> Iterator[Problem]:
        for wrong in (*schema_faults(document), *_identity_faults(key, document)):
            yield Problem(key=key, wrong=wrong)
        for name, asset in document.get("assets", {}).items():
            for wrong in asset_faults(self.store, key, asset, files=self.files):
                yield Problem(key=key, wrong=f"asset {name}: {wrong}")
        for entry in document.get("links", []):
            if (fault := _form_fault(key, entry)) is not None:
                rel, href = entry.get("rel"), entry.get("href")
                yield Problem(key=key, wrong=f"link {rel} to {href}: {fault}")
            elif entry["rel"] != "self" and not absolute(entry["href"]):
                target = below(key, entry["href"])
                link = _Link(key, entry["rel"], entry["href"], entry["title"], target)
                self.later.append(link)

    def _record_problems(self, key: str, document: Document) -> Iterator[Problem]:
        for _, target in _targets(key, document):
            record = self._load(target) if PurePosixPath(target).name == OGC else None
            for wrong in () if record is None else record_faults(record):
                yield Problem(key=target, wrong=wrong)

    def _link_fault(self, one: _Link) -> str | None:
        seen = self.seen.get(one.target)
        if seen is None:
            there = one.target not in self.seen and self.store.size(one.target) is not None
            return None if there else "leads nowhere"
        if one.rel == "predecessor-version" or seen.title == one.title:
            return None
        return f"its title is not {seen.title!r}"


def _form_fault(key: str, entry: Document) -> str | None:
    if not entry.get("title"):
        return "no title"
    if not entry.get("rel") or not entry.get("href"):
        return "no rel or no href"
    if entry["rel"] == "self" and key != ROOT_KEY:
        return "only the root names itself"
    return None


def _identity_faults(key: str, document: Document) -> Iterator[str]:
    """Check that a document lies where its id says."""
    if document.get("type") == "Collection" and key != collection_key(str(document.get("id"))):
        yield f"its id is {document.get('id')}"
    if document.get("type") == "Feature":
        properties = document.get("properties", {})
        name = str(document.get("id"))
        if properties.get("deprecated", False):
            folder = name.removesuffix(f"_v{properties.get('version')}")
        else:
            folder = name
        item = PurePosixPath(item_key(str(document.get("collection", "")), folder))
        if key != str(item.parent / f"{name}.json"):
            yield f"its id is {name}"


def _remembered(document: Document) -> _Seen:
    properties = document.get("properties", {})
    item = document.get("type") == "Feature"
    synthetic = (properties if item else document).get("vadose:synthetic")
    collection = str(document.get("collection", "")) if item else None
    return _Seen(str(document.get("title") or properties.get("title")), synthetic, collection)


def _targets(key: str, document: Document) -> Iterator[tuple[str, str]]:
    for entry in document.get("links", []):
        href = str(entry.get("href", ""))
        if href and not absolute(href):
            yield str(entry.get("rel")), below(key, href)
