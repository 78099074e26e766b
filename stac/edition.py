"""Versions of an item: which one it is, what makes a new one, and how an old one is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stac.documents import instant, link
from stac.media import GEOJSON

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pystac

_OF_ITS_WRITING = frozenset({"created", "updated", "published", "processing:datetime"})
_OF_THE_JOB = "processing-execution"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """Which version of an item is meant."""

    version: int
    """1, 2, … Numbers may be left out: a publisher that died may have used them."""
    created: datetime
    """When the item was first published."""
    updated: datetime
    """When this version was published."""
    predecessor: int | None = None
    """Version that was published before, if there was one."""

    def properties(self) -> dict[str, Any]:
        """Return the dates and the number in the words of STAC."""
        return {
            "created": instant(self.created),
            "updated": instant(self.updated),
            "published": instant(self.updated),
            "version": str(self.version),
        }

    def link_predecessor(self, item: pystac.Item) -> None:
        """Let an item point to the version before it."""
        if self.predecessor is not None:
            earlier = archived_id(item.id, self.predecessor)
            title = f"{item.properties['title']}, version {self.predecessor}"
            item.add_link(link("predecessor-version", f"./{earlier}.json", title, GEOJSON))


def content(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an item says: all but when and by which job it was written."""
    properties = {
        key: value for key, value in document["properties"].items() if key not in _OF_ITS_WRITING
    }
    links = [entry for entry in document["links"] if entry["rel"] != _OF_THE_JOB]
    return {**document, "properties": properties, "links": links}


def archived(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a replaced version of an item as it is kept: deprecated, under an id of its own."""
    latest = f"./{document['id']}.json"
    title = document["properties"]["title"]
    onward = [
        {"rel": rel, "href": latest, "type": GEOJSON, "title": title}
        for rel in ("successor-version", "latest-version")
    ]
    return {
        **document,
        "id": archived_id(document["id"], version_of(document)),
        "properties": {**document["properties"], "deprecated": True},
        "links": [*document["links"], *onward],
    }


def archived_id(item_id: str, version: int) -> str:
    """Return the id of a replaced version.

    >>> archived_id("sif-henan-2020-05", 1)
    'sif-henan-2020-05_v1'
    """
    return f"{item_id}_v{version}"


def version_of(document: Mapping[str, Any]) -> int:
    """Return the number of an item's version."""
    return int(document["properties"]["version"])
