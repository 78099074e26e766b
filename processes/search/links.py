"""Documents of the catalogue as the API hands them out: every address absolute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from stac.documents import absolute, below, collection_key, item_key
from stac.media import GEOJSON, JSON
from stac.records.description import PRODUCT

if TYPE_CHECKING:
    from collections.abc import Mapping

    type Document = Mapping[str, Any]

SCHEMA = "application/schema+json"
_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
_STRUCTURE = frozenset({"self", "root", "parent", "collection", "item", "items", "child"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where things are."""

    api: str
    """The API's root, without a slash at its end."""
    files: str
    """The catalogue's root folder, without a slash at its end."""
    months: str
    """The page that shows months as pictures."""
    title: str
    """Of the catalogue."""

    @property
    def root(self) -> dict[str, Any]:
        """Return a link to the API's root."""
        return link("root", f"{self.api}/", self.title, JSON)

    def collection(self, document: Document) -> dict[str, Any]:
        """Return a collection with links into the API."""
        own, title = f"{self.api}/collections/{document['id']}", str(document["title"])
        key = collection_key(str(document["id"]))
        links = [
            link("self", own, title, JSON),
            self.root,
            link("parent", f"{self.api}/", self.title, JSON),
            link("items", f"{own}/items", f"Items of {title}", GEOJSON),
            link(_QUERYABLES, f"{self.api}/queryables", "What filters may name", SCHEMA),
            link("canonical", f"{self.files}/{key}", f"{title}, as a file", JSON),
            *self._months(document),
        ]
        return self._absolute(document, key, links)

    def item(self, document: Document, collection_title: str) -> dict[str, Any]:
        """Return an item with links into the API."""
        collection = f"{self.api}/collections/{document['collection']}"
        own = f"{collection}/items/{document['id']}"
        title = str(document["properties"].get("title", document["id"]))
        key = item_key(str(document["collection"]), str(document["id"]))
        links = [
            link("self", own, title, GEOJSON),
            self.root,
            link("parent", collection, collection_title, JSON),
            link("collection", collection, collection_title, JSON),
            link("canonical", f"{self.files}/{key}", f"{title}, as a file", GEOJSON),
        ]
        return self._absolute(document, key, links)

    def _months(self, collection: Document) -> list[dict[str, Any]]:
        """Return a link to the pictures of a collection of maps."""
        if PRODUCT not in collection:
            return []
        page = f"{self.months}?{urlencode({'collection': collection['id'], 'f': 'html'})}"
        return [link("alternate", page, "All months as pictures", "text/html")]

    def _absolute(
        self, document: Document, key: str, links: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return a document whose assets and other links do not depend on where it lies."""
        others = [entry for entry in document["links"] if entry["rel"] not in _STRUCTURE]
        assets = document.get("assets", {})
        return {
            **document,
            "links": links + [self._placed(entry, key) for entry in others],
            "assets": {name: self._placed(asset, key) for name, asset in assets.items()},
        }

    def _placed(self, entry: Document, key: str) -> dict[str, Any]:
        href = str(entry["href"])
        placed = href if absolute(href) else f"{self.files}/{below(key, href)}"
        return {**entry, "href": placed}


def link(rel: str, href: str, title: str, media_type: str, **more: Any) -> dict[str, Any]:
    """Return a link."""
    return {"rel": rel, "type": media_type, "title": title, "href": href, **more}
