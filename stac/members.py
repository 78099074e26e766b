"""What a collection says of its items, kept as they come: extent, summaries, links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stac.media import GEOJSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    type Document = Mapping[str, Any]


def grown_extent(item: Document, earlier: Document | None) -> dict[str, Any]:
    """Return the extent that holds an item beside what it held before."""
    box, times = list(item["bbox"]), _times(item)
    if earlier is not None and "extent" in earlier:
        extent = earlier["extent"]
        box = united_box(box, extent["spatial"]["bbox"][0])
        times = united_times(times, extent["temporal"]["interval"][0])
    return {"spatial": {"bbox": [box]}, "temporal": {"interval": [times]}}


def united_box(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """Return the box around two boxes.

    >>> united_box([0, 0, 1, 1], [2, -1, 3, 0.5])
    [0, -1, 3, 1]
    """
    (west, south, east, north), (left, bottom, right, top) = one, other
    return [min(west, left), min(south, bottom), max(east, right), max(north, top)]


def united_times(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """Return the interval around two; STAC's instants sort as text."""
    return [min(one[0], other[0]), max(one[1], other[1])]


def grown_summaries(
    item: Document, earlier: Document | None, names: Iterable[str]
) -> dict[str, list[Any]]:
    """Return the values of some properties, those of an item beside those of before, sorted."""
    before = {} if earlier is None else earlier.get("summaries", {})
    values = {
        name: _values(item["properties"], name) + list(before.get(name, [])) for name in names
    }
    return {name: sorted(set(found)) for name, found in values.items() if found}


def grown_item_links(item: Document, earlier: Document | None) -> list[dict[str, Any]]:
    """Return the links to all items, sorted by address, with one that is new or renewed."""
    href = item_href(item["id"])
    kept = [] if earlier is None else links_by(earlier, "item")
    links = [entry for entry in kept if entry["href"] != href]
    links.append(item_link(item["id"], item["properties"]["title"]))
    return sorted(links, key=_href)


def item_link(item_id: str, title: str) -> dict[str, Any]:
    """Return a collection's link to one of its items."""
    return {"rel": "item", "href": item_href(item_id), "type": GEOJSON, "title": title}


def item_href(item_id: str) -> str:
    """Return where an item lies, seen from its collection.

    >>> item_href("sif-henan-2020-05")
    './sif-henan-2020-05/sif-henan-2020-05.json'
    """
    return f"./{item_id}/{item_id}.json"


def links_by(document: Document, rel: str) -> list[dict[str, Any]]:
    """Return a document's links of one relation, as they are written."""
    return [entry for entry in document.get("links", []) if entry["rel"] == rel]


def kept_links(earlier: Document | None, own: Iterable[str]) -> list[dict[str, Any]]:
    """Return what others have linked: links of relations that are not a collection's own."""
    ours = set(own)
    found = [] if earlier is None else earlier.get("links", [])
    return [entry for entry in found if entry["rel"] not in ours]


def _times(item: Document) -> list[str]:
    properties = item["properties"]
    instant = properties.get("datetime")
    return [
        properties.get("start_datetime") or instant,
        properties.get("end_datetime") or instant,
    ]


def _values(properties: Document, name: str) -> list[Any]:
    return [properties[name]] if name in properties else []


def _href(entry: Document) -> str:
    return str(entry["href"])
