"""The maps of a job, as pictures and files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from processes.catalog_place import service_catalog
from processes.results import item_collection
from stac.store import LocalCatalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pydantic import JsonValue

    from processes.jobs.model import Job, Step
    from processes.service import Service
    from processes.settings import Settings

    type Document = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFile:
    """One file of a map."""

    name: str
    """Name of the asset."""
    title: str
    """What it is."""
    href: str
    """Where it lies, from the root of the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """One map as a picture and files."""

    title: str
    """Product, region and month."""
    month: str
    """The month, as ``YYYY-MM``."""
    item: str
    """Where its STAC item lies, from the root of the service."""
    thumbnail: str
    """Where its small picture lies; empty where there is none."""
    picture: str
    """Where its large picture lies; empty where there is none."""
    files: tuple[MapFile, ...]
    """Its data."""


def maps_of(service: Service, job: Job, steps: Sequence[Step]) -> tuple[Map, ...]:
    """Return the maps of a job that are there, also while it runs."""
    return tuple(_map(item) for item in _items(service, job, steps))


def _items(service: Service, job: Job, steps: Sequence[Step]) -> Sequence[Document]:
    """Return the STAC items of a job: those of its results, or of the steps that are done.

    All addresses are relative to the root of the service.
    """
    items = (service.store.results(job.id) or {}).get("items")
    if not isinstance(items, dict):
        items = item_collection(list(_read(service.settings, job, _paths(steps))))
    features = items.get("features")
    return cast("list[Document]", features) if isinstance(features, list) else ()


def _paths(steps: Sequence[Step]) -> Iterator[str]:
    """Give the paths of the items that steps have left, below the service's address."""
    for step in steps:
        if isinstance(step.result, dict) and "item" in step.result:
            yield str(step.result["item"])


def _read(settings: Settings, job: Job, paths: Iterable[str]) -> Iterator[tuple[str, Document]]:
    """Read items by their paths below the service's address; one that is gone is no map."""
    places = {
        "catalog/": service_catalog(settings),
        f"jobs/{job.id}/files/": LocalCatalog(settings.work_folder / job.id / "catalog"),
    }
    for path in paths:
        for prefix, catalog in places.items():
            content = catalog.read(path.removeprefix(prefix)) if path.startswith(prefix) else None
            if content is not None:
                yield path, json.loads(content)


def _map(item: Document) -> Map:
    """Read a STAC item whose addresses are relative to the root of the service."""
    properties = cast("Document", item["properties"])
    assets = cast("Mapping[str, Document]", item["assets"])
    month = str(properties.get("start_datetime") or properties.get("datetime") or item["id"])[:7]
    return Map(
        title=str(properties.get("title") or item["id"]),
        month=month,
        item=_address_of_itself(cast("Sequence[Document]", item["links"])),
        thumbnail=_picture(assets, "thumbnail"),
        picture=_picture(assets, "graphic"),
        files=tuple(_data(assets)),
    )


def _address_of_itself(links: Sequence[Document]) -> str:
    return next((_local(link) for link in links if link.get("rel") == "self"), "")


def _picture(assets: Mapping[str, Document], role: str) -> str:
    found = (asset for asset in assets.values() if _has_role(asset, role))
    return next((_local(asset) for asset in found), "")


def _data(assets: Mapping[str, Document]) -> Iterator[MapFile]:
    for name, asset in assets.items():
        if str(asset.get("type", "")).startswith("image/tiff"):
            yield MapFile(name=name, title=str(asset.get("title", name)), href=_local(asset))


def _has_role(asset: Document, role: str) -> bool:
    roles = asset.get("roles")
    return isinstance(roles, list) and role in roles


def _local(linked: Document) -> str:
    """Return an address below the root; one of another place is not followed from a page."""
    href = str(linked.get("href", ""))
    parts = urlsplit(href)
    return "" if parts.scheme or parts.netloc or href.startswith("/") else href
