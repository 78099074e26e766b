"""What the page of a job shows, beyond the job itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlsplit

from processes.definitions import PROCESSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from pydantic import JsonValue

    from processes.jobs.model import Job, Step
    from processes.jobs.protocol import JobStore

    type Document = Mapping[str, JsonValue]

LONGEST_VALUE = 20_000
"""Most characters of a value that a page shows."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job, and what belongs to it."""

    title: str
    """Title of its process."""
    inputs: str
    """Its inputs, written to be read."""
    inputs_in_address: str
    """Its inputs, written to be the fragment of an address."""
    steps: tuple[Step, ...]
    """Its steps."""
    attempts: int
    """Attempts of all its steps together."""
    maps: tuple[Map, ...]
    """Its maps, those that are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """One output of a job."""

    name: str
    """Its identifier."""
    title: str
    """Its short name."""
    description: str
    """What it is."""
    media_type: str
    """What the value is as it stands."""
    shown: str
    """The value, or its beginning, written to be read."""


def view_job(store: JobStore, job: Job) -> JobView:
    """Gather what the page of a job shows."""
    steps = store.steps(job.id)
    return JobView(
        title=title_of(job.process_id),
        inputs=json.dumps(job.inputs, indent=2, ensure_ascii=False),
        inputs_in_address=quote(json.dumps(job.inputs, separators=(",", ":")), safe=""),
        steps=steps,
        attempts=sum(step.attempt for step in steps),
        maps=_maps(store.results(job.id) or {}),
    )


def view_results(job: Job, outputs: Document) -> tuple[ResultView, ...]:
    """Gather what the page of a job's results shows."""
    described = PROCESSES[job.process_id].outputs
    return tuple(
        ResultView(
            name=name,
            title=described[name].title,
            description=described[name].description,
            media_type=described[name].written_as,
            shown=_shown(value),
        )
        for name, value in outputs.items()
    )


def title_of(process_id: str) -> str:
    """Return the title of a process; of one that is no longer offered, its identifier."""
    process = PROCESSES.get(process_id)
    return process_id if process is None else process.title


def duration(job: Job) -> timedelta:
    """Return how long a job has run, or ran."""
    end = job.finished or datetime.now(UTC)
    return end - (job.started or end)


def _shown(value: JsonValue) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    left = len(text) - LONGEST_VALUE
    return text if left <= 0 else f"{text[:LONGEST_VALUE]}\n… and {left} characters more"


def _maps(outputs: Document) -> tuple[Map, ...]:
    items = outputs.get("items")
    features = items.get("features") if isinstance(items, dict) else None
    if not isinstance(features, list):
        return ()
    return tuple(_map(cast("Document", feature)) for feature in features)


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
        picture=_picture(assets, "overview"),
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
