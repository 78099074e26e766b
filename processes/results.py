"""Outputs as they are kept, and as they are written for a reader at some address."""

from __future__ import annotations

from functools import partial
from posixpath import basename, dirname, normpath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import JsonValue

    type Document = Mapping[str, JsonValue]

GEOJSON = "application/geo+json"


def item_collection(items: Sequence[tuple[str, Document]]) -> dict[str, JsonValue]:
    """Return items as a FeatureCollection whose hrefs are relative to the service.

    Parameters
    ----------
    items
        Path of each item below the service's address, and the item with hrefs relative to it.
    """
    return {"type": "FeatureCollection", "features": [_feature(path, item) for path, item in items]}


def address(value: JsonValue, locate: Callable[[str], str]) -> JsonValue:
    """Return an output whose service-relative hrefs have become absolute."""
    return map_hrefs(value, lambda href: href if _absolute(href) else locate(href))


def map_hrefs(value: JsonValue, change: Callable[[str], str]) -> JsonValue:
    """Return a document in which every ``href`` has been changed."""
    if isinstance(value, list):
        return [map_hrefs(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: change(item) if key == "href" and isinstance(item, str) else map_hrefs(item, change)
        for key, item in value.items()
    }


def _feature(path: str, item: Document) -> JsonValue:
    """Return an item that names itself, since it now stands outside its catalogue."""
    links = item.get("links")
    itself: JsonValue = {"rel": "self", "href": basename(path), "type": GEOJSON}
    named = {**item, "links": [itself, *(links if isinstance(links, list) else [])]}
    return map_hrefs(named, partial(_below, dirname(path)))


def _below(folder: str, href: str) -> str:
    return href if _absolute(href) else normpath(f"{folder}/{href}")


def _absolute(href: str) -> bool:
    return bool(urlsplit(href).scheme) or href.startswith("/")
