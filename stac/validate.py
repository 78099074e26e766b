"""Check a catalogue on disk, without a network: schemas, links, checksums, COGs, honesty."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import rasterio
from rio_cogeo.cogeo import cog_validate

from stac.assets import COG, MULTIHASH_SHA256
from stac.conformity import schema_faults
from stac.documents import ROOT_KEY, collection_key, item_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rasterio.io import DatasetReader

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


def validate_catalog(root: Path) -> list[Problem]:
    """Check everything that the root leads to.

    Parameters
    ----------
    root
        The folder that holds ``catalog.json``.

    Returns
    -------
    list of Problem
        Empty for a sound catalogue: every document obeys STAC 1.1 and its extensions' schemas,
        every link leads to a document of the title that it states, every asset has the size and
        checksum that its item states, every COG is one in the strict sense and agrees with its
        band's description, and no collection mixes synthetic maps with real ones.
    """
    documents: dict[str, dict[str, Any] | None] = {}
    problems: list[Problem] = []
    waiting = [ROOT_KEY]
    while waiting:
        key = waiting.pop()
        if key in documents:
            continue
        documents[key] = document = _load(root, key)
        if document is None:
            problems.append(Problem(key=key, wrong="missing, or no JSON object"))
            continue
        problems += _document_problems(root, key, document)
        waiting += [target for rel, target in _targets(key, document) if rel in _DOWNWARD]
    sound = {key: document for key, document in documents.items() if document is not None}
    problems += [problem for key in sound for problem in _link_problems(root, key, sound)]
    problems += _mixed(sound)
    return sorted(problems, key=lambda problem: (problem.key, problem.wrong))


def _document_problems(root: Path, key: str, document: dict[str, Any]) -> Iterator[Problem]:
    for wrong in (*schema_faults(document), *_identity_faults(key, document)):
        yield Problem(key=key, wrong=wrong)
    for name, asset in document.get("assets", {}).items():
        for wrong in _asset_faults(root, key, asset):
            yield Problem(key=key, wrong=f"asset {name}: {wrong}")


def _identity_faults(key: str, document: Mapping[str, Any]) -> Iterator[str]:
    """Check that a document lies where its id says."""
    if document.get("type") == "Collection" and key != collection_key(document["id"]):
        yield f"its id is {document['id']}"
    if document.get("type") == "Feature":
        version = document["properties"].get("version")
        archived = document["properties"].get("deprecated", False)
        item_id = document["id"].removesuffix(f"_v{version}") if archived else document["id"]
        folder = PurePosixPath(item_key(document.get("collection", ""), item_id)).parent
        if key != str(folder / f"{document['id']}.json"):
            yield f"its id is {document['id']}"


def _link_problems(
    root: Path, key: str, documents: Mapping[str, Mapping[str, Any]]
) -> Iterator[Problem]:
    for entry in documents[key].get("links", []):
        wrong = _link_fault(root, key, entry, documents)
        if wrong is not None:
            yield Problem(key=key, wrong=f"link {entry['rel']} to {entry['href']}: {wrong}")


def _link_fault(
    root: Path, key: str, entry: Mapping[str, Any], documents: Mapping[str, Mapping[str, Any]]
) -> str | None:
    if not entry.get("title"):
        return "no title"
    if entry["rel"] == "self":
        return None if key == ROOT_KEY else "only the root names itself"
    if _absolute(entry["href"]):
        return None
    target = _below(key, entry["href"])
    if target not in documents:
        return None if root.joinpath(target).is_file() else "leads nowhere"
    title = _title(documents[target])
    if entry["rel"] == "predecessor-version" or title == entry["title"]:
        return None
    return f"its title is not {title!r}"


def _title(document: Mapping[str, Any]) -> str:
    return str(document.get("title") or document.get("properties", {}).get("title"))


def _targets(key: str, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in document.get("links", []):
        if not _absolute(entry["href"]):
            yield entry["rel"], _below(key, entry["href"])


def _absolute(href: str) -> bool:
    return bool(urlsplit(href).scheme) or href.startswith("/")


def _below(key: str, href: str) -> str:
    return normpath(f"{PurePosixPath(key).parent}/{href}")


def _asset_faults(root: Path, key: str, asset: Mapping[str, Any]) -> Iterator[str]:
    path = root / _below(key, asset["href"])
    if _absolute(asset["href"]) or not path.is_file():
        yield f"no file {asset['href']} beside its item"
        return
    if path.stat().st_size != asset.get("file:size"):
        yield f"{path.stat().st_size} bytes, stated {asset.get('file:size')}"
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    if f"{MULTIHASH_SHA256}{digest}" != asset.get("file:checksum"):
        yield "its checksum is not the stated one"
    if asset.get("type") == COG:
        yield from _cog_faults(path, asset)


def _cog_faults(path: Path, asset: Mapping[str, Any]) -> Iterator[str]:
    try:
        valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
    except rasterio.errors.RasterioError:
        yield "not readable as a raster"
        return
    if not valid:
        yield f"no strictly valid COG: {'; '.join((*errors, *warnings))}"
    with rasterio.open(path) as raster:
        stated, found = _bands_stated(asset), _bands_found(raster)
        grid = (str(raster.crs), list(raster.shape), list(raster.transform[:6]))
    if stated != found:
        yield f"the band is {found}, stated {stated}"
    if grid != (asset["proj:code"], asset["proj:shape"], asset["proj:transform"]):
        yield f"the grid is {grid}, which its projection fields do not say"


def _bands_stated(asset: Mapping[str, Any]) -> object:
    """Return what an asset says of its bands: of colours, which and how deep they are."""
    bands = asset["bands"]
    if "data" not in asset["roles"]:
        return [(band["name"], band["data_type"]) for band in bands]
    band = bands[0]
    return (band["name"], band["unit"], band["nodata"], band["data_type"])


def _bands_found(raster: DatasetReader) -> object:
    if raster.count > 1:
        return list(
            zip((one.name for one in raster.colorinterp), map(str, raster.dtypes), strict=True)
        )
    return (raster.descriptions[0], raster.units[0], raster.nodata, raster.dtypes[0])


def _mixed(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Find items that are synthetic in a real collection, or real in a synthetic one."""
    for key, document in documents.items():
        if document.get("type") != "Feature":
            continue
        collection = documents.get(collection_key(document.get("collection", "")), {})
        if document["properties"].get("vadose:synthetic") != collection.get("vadose:synthetic"):
            yield Problem(key=key, wrong="synthetic and real maps share a collection")


def _load(root: Path, key: str) -> dict[str, Any] | None:
    try:
        document = json.loads(root.joinpath(key).read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
