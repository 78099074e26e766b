"""A collection's months as one Zarr for each region, an asset of the collection.

A cube's folder is named by what is in it and never changes, so that a reader finds all of it as
one moment left it. A new month makes a new folder: what has not changed is put there under a
second name, without being read; what is new is written; then the collection's asset is led to the
new folder in one stroke. The folder before stays until the next change, for those who still read
it. Whoever is killed in between leaves a folder that nobody is led to, and that the next one
completes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.cog import NO_BITS, read_cog
from engine.cube import (
    COORDINATES,
    METADATA,
    create_cube,
    shard_name,
    write_month,
)
from engine.months import Month
from stac.commit import open_fence, replace_document
from stac.cube_content import BEFORE, KEY, LATTICE, checksums_of, cube_contents, grid_of
from stac.documents import below, collection_key, item_key
from stac.errors import ContendedCatalogError, DamagedCatalogError
from stac.read import collection_document, read_document
from stac.records.writing import write_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stac.cube_content import CubeContent
    from stac.store import CatalogStore

    type Document = dict[str, Any]
    type Fence = Callable[[], None]

log = logging.getLogger(__name__)

_MOST_ROUNDS = 20


def refresh_cubes(
    catalog: CatalogStore, collection_id: str, fence: Fence = open_fence
) -> tuple[str, ...]:
    """Bring the cubes of a collection up to its items; return their folders.

    Where nothing has changed, nothing is done.

    Raises
    ------
    DamagedCatalogError
        Where a file of an item is not there.
    ContendedCatalogError
        Where others change the cubes again and again in between.
    """
    missed: Document | None = None
    for _ in range(_MOST_ROUNDS):
        collection = collection_document(catalog, collection_id)
        if collection is None:
            sweep_cubes(catalog, collection_id)
        if collection is None or "vadose:product" not in collection:
            return ()
        contents = tuple(cube_contents(catalog, collection))
        led = _folders(collection)
        try:
            for content in contents:
                if led.get(content.key) != content.folder:
                    _write(catalog, content, led.get(content.key))
        except FileNotFoundError as error:
            if collection == missed:
                raise DamagedCatalogError(str(error.filename or error), "not there") from error
            # Others may have removed it meanwhile; then the collection says something else now.
            missed = collection
            continue
        if _lead(catalog, collection_id, contents, led, fence):
            return tuple(content.folder for content in contents)
    raise ContendedCatalogError(collection_id, _MOST_ROUNDS)


def sweep_cubes(catalog: CatalogStore, collection_id: str) -> None:
    """Remove the cubes that nobody is led to: of publishers that died, of collections that went.

    Not to be done while another one publishes.
    """
    collection = collection_document(catalog, collection_id) or {}
    inside = (entry.key.split("/")[1] for entry in catalog.entries(collection_id))
    there = {name for name in inside if name.startswith(KEY)}
    for folder in sorted(there - _named(collection.get("assets", {}))):
        catalog.remove_folder(f"{collection_id}/{folder}")


def cube_folders(collection: Mapping[str, Any]) -> dict[str, str]:
    """Return the folders of a collection's cubes by region."""
    return {key.removeprefix(KEY): folder for key, folder in _folders(collection).items()}


def cube_faults(catalog: CatalogStore, key: str) -> Iterator[str]:
    """Give what is wrong with a cube: what it says it holds, and what is there.

    Parameters
    ----------
    catalog
        Where.
    key
        The cube's folder.
    """
    told = read_document(catalog, f"{key}/{METADATA}")
    if told is None:
        yield "no cube there"
        return
    there = {entry.key.removeprefix(f"{key}/") for entry in catalog.entries(key)}
    months = enumerate(checksums_of(told).values())
    shards = (shard_name(name, index) for index, layers in months for name in layers)
    for name in (*COORDINATES, *shards):
        if name not in there:
            yield f"no file {name}"


def _write(catalog: CatalogStore, content: CubeContent, before: str | None) -> None:
    """Put a cube's files where they belong; nobody is led there yet."""
    target = f"{content.collection_id}/{content.folder}"
    kept = _kept(catalog, content, before)
    with catalog.staging() as staged:
        folder = staged / content.folder
        cube = create_cube(folder, content.plan())
        for index, (month, layers) in enumerate(content.checksums.items()):
            for name, checksum in layers.items():
                if (source := kept.get((name, checksum))) is not None:
                    catalog.copy(source, f"{target}/{shard_name(name, index)}")
                else:
                    item = content.items[Month.parse(month)]
                    write_month(cube, name, index, _values(catalog, item, name, content))
        _place(catalog, folder, target)
    log.info("wrote %s", target)


def _kept(
    catalog: CatalogStore, content: CubeContent, before: str | None
) -> dict[tuple[str, str], str]:
    """Return the files of the cube before that can be taken over, by layer and checksum."""
    folder = f"{content.collection_id}/{before}"
    told = None if before is None else read_document(catalog, f"{folder}/{METADATA}")
    if told is None or told["attributes"].get(LATTICE) != content.lattice:
        return {}
    found = {
        (name, checksum): f"{folder}/{shard_name(name, index)}"
        for index, layers in enumerate(checksums_of(told).values())
        for name, checksum in layers.items()
    }
    there = {entry.key for entry in catalog.entries(folder)}
    return {key: shard for key, shard in found.items() if shard in there}


def _place(catalog: CatalogStore, folder: Path, target: str) -> None:
    """Place a cube's files, what leads to the others last."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    files.sort(key=lambda path: path == folder / METADATA)
    for path in files:
        catalog.place(path, f"{target}/{path.relative_to(folder).as_posix()}")


def _values(
    catalog: CatalogStore, item: Document, name: str, content: CubeContent
) -> NDArray[np.float32] | NDArray[np.uint16]:
    """Read a layer of a month onto the cube's cells."""
    key = item_key(content.collection_id, str(item["id"]))
    file = below(key, item["assets"][name]["href"])
    if catalog.size(file) is None:
        raise FileNotFoundError(file)
    with catalog.local(file) as path:
        read = read_cog(path).to_numpy()
    bits = content.product.layers[name].data_type == "uint16"
    whole = np.full(tuple(content.grid.shape), np.nan, np.float32)
    own = grid_of(item, name)
    column, row = ~content.grid.affine @ (own.affine.c, own.affine.f)
    top, left = round(row), round(column)
    whole[top : top + own.shape.y, left : left + own.shape.x] = read
    return np.where(np.isfinite(whole), whole, NO_BITS).astype(np.uint16) if bits else whole


def _lead(
    catalog: CatalogStore,
    collection_id: str,
    contents: Sequence[CubeContent],
    led: Mapping[str, str],
    fence: Fence,
) -> bool:
    """Lead the collection's assets to the cubes; False where others have led them elsewhere."""
    done = False
    stale: set[str] = set()
    keys = {content.key for content in contents}

    def leading(document: Document | None) -> Document | None:
        nonlocal done, stale
        done = document is not None and _folders(document) == led
        if document is None or not done:
            return None
        before = document.get("assets", {})
        # Each keeps its place among the others, so that nothing changes where nothing has to.
        assets = {key: one for key, one in before.items() if key in keys or not key.startswith(KEY)}
        for content in contents:
            now = led.get(content.key)
            assets[content.key] = (
                before[content.key] if now == content.folder else content.asset(now)
            )
        stale = _named(before) - _named(assets)
        changed = {**document, "assets": assets}
        write_records(catalog, changed)
        return changed

    new = [content.folder for content in contents if led.get(content.key) != content.folder]
    with catalog.lock():
        fence()
        # Someone who was led elsewhere may have removed a part of them in between.
        if any(any(cube_faults(catalog, f"{collection_id}/{folder}")) for folder in new):
            return False
        replace_document(catalog, collection_key(collection_id), leading)
        for folder in stale if done else ():
            catalog.remove_folder(f"{collection_id}/{folder}")
    return done


def _folders(collection: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: str(asset["href"]).removeprefix("./")
        for key, asset in collection.get("assets", {}).items()
        if key.startswith(KEY)
    }


def _named(assets: Mapping[str, Any]) -> set[str]:
    """Return the folders of cubes that a collection's assets name: the present and the last."""
    cubes = [asset for key, asset in assets.items() if key.startswith(KEY)]
    return {str(one["href"]).removeprefix("./") for one in cubes} | {
        one[BEFORE] for one in cubes if BEFORE in one
    }
