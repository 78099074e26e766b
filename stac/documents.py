"""STAC documents as bytes, their keys, and the relative links between them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pystac

from stac.media import JSON

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT_KEY = "catalog.json"
"""Where the root lies."""

_LINKS = "\0links"
"""Stands for the links of a document while it is written; no document says this."""


def collection_key(collection_id: str) -> str:
    """Return where a collection lies.

    >>> collection_key("sif-1km-monthly")
    'sif-1km-monthly/collection.json'
    """
    return f"{collection_id}/collection.json"


def item_key(collection_id: str, item_id: str) -> str:
    """Return where an item lies.

    >>> item_key("sif-1km-monthly", "sif-henan-2020-05")
    'sif-1km-monthly/sif-henan-2020-05/sif-henan-2020-05.json'
    """
    return f"{collection_id}/{item_id}/{item_id}.json"


def absolute(href: str) -> bool:
    """Whether an address is complete by itself."""
    return bool(urlsplit(href).scheme) or href.startswith("/")


def below(key: str, href: str) -> str:
    """Return the key that a document's relative link leads to.

    >>> below("maps/may/may.json", "../collection.json")
    'maps/collection.json'
    """
    return normpath(f"{PurePosixPath(key).parent}/{href}")


def link(rel: str, href: str, title: str, media_type: str = JSON) -> pystac.Link:
    """Return a link whose address is written as it stands."""
    return pystac.Link(rel, href, media_type=media_type, title=title)


def as_document(stac_object: pystac.STACObject) -> dict[str, Any]:
    """Return an object as JSON data, with its links as they were written."""
    written = stac_object.to_dict(include_self_link=True, transform_hrefs=False)
    return dict(json.loads(json.dumps(written)))


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a document as the bytes that are written.

    Every link has a line of its own: a collection may have thousands, which are read and written
    far more quickly so, and can be looked at as a list.
    """
    links = document.get("links")
    if not links:
        return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode()
    lines = ",\n".join(f"    {json.dumps(entry, ensure_ascii=False)}" for entry in links)
    text = json.dumps({**document, "links": [_LINKS]}, indent=2, ensure_ascii=False)
    return f"{text.replace(f'    {json.dumps(_LINKS)}', lines)}\n".encode()


def instant(moment: datetime) -> str:
    """Write a moment as STAC does, to the second.

    >>> instant(datetime(2020, 5, 1, tzinfo=UTC))
    '2020-05-01T00:00:00Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
