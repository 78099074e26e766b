"""What the providers of tests have: the files of a synthetic world, as the true ones offer them."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine

from engine.grids import COARSE
from engine.products import load_specs
from engine.products.degree_tiles import degree_tile
from engine.products.names import recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from engine.granules import Granule

_HGT = 1201
"""Rows and columns of a tile of SRTMGL3."""
_VOID = -32768
_BEYOND = 600
"""Pixels by which a COG reaches beyond what is in a world."""
_ROUND = ((0, 0), (_BEYOND, _BEYOND), (_BEYOND, _BEYOND))
_RANGE = re.compile(r"(?P<name>/[\w/]+)(?:\[(?P<y>\d+:1:\d+)\])?(?:\[(?P<x>\d+:1:\d+)\])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file on a shelf."""

    name: str
    """Its published name."""
    granule: Granule
    """What that announces."""
    size: int
    """Bytes."""
    content: Callable[[], bytes]
    """Reads it."""
    checksum: str | None = None
    """SHA-256, where the catalogue tells it."""


type Shelf = dict[str, Item]
"""A product's files, by name."""


def world_shelves(archive: Path) -> Mapping[str, Shelf]:
    """Return what is in a world's archive, by product, as providers would name and pack it."""
    shelves: dict[str, Shelf] = {}
    specs = load_specs()
    for path in sorted(archive.rglob("*")):
        granule = recognise(path, specs) if path.is_file() else None
        if granule is None:
            continue
        shelf = shelves.setdefault(granule.product, {})
        if granule.product == "SRTM":
            shelf.update(_degree_tiles(path))
        elif granule.product == "CHIRPS":
            shelf.update(shelf_of({f"{path.stem}.cog": _cog(path)}, granule.product))
        elif granule.product == "SoilGrids":
            shelf.update(_with_list(path))
        else:
            shelf[path.name] = _item(path, granule)
    return shelves


def blank_shelf(product: str, names: Iterable[str], size: int) -> Shelf:
    """Return files of a size that nobody ever looks into."""
    specs = load_specs()
    shelf: Shelf = {}
    for name in names:
        granule = recognise(Path(name), {product: specs[product]})
        if granule is None:
            raise ValueError(name)
        shelf[name] = Item(name=name, granule=granule, size=size, content=lambda: b"\0" * size)
    return shelf


def _item(path: Path, granule: Granule) -> Item:
    content = path.read_bytes()
    return Item(
        name=path.name,
        granule=granule,
        size=len(content),
        content=path.read_bytes,
        checksum=hashlib.sha256(content).hexdigest(),
    )


def shelf_of(files: Mapping[str, bytes], product: str) -> Shelf:
    """Return files of a product with these contents, by name."""
    specs = load_specs()
    shelf: Shelf = {}
    for name, content in files.items():
        granule = recognise(Path(name), {product: specs[product]})
        if granule is not None:
            shelf[name] = Item(
                name=name,
                granule=granule,
                size=len(content),
                content=lambda content=content: content,  # type: ignore[misc]
            )
    return shelf


def _cog(path: Path) -> bytes:
    """Return a raster as the COG that a provider makes of it, which reaches farther."""
    with rasterio.open(path) as raster:
        profile, values = raster.meta, np.pad(raster.read(), _ROUND, constant_values=-9999)
    profile |= {
        "driver": "COG",
        "height": values.shape[1],
        "width": values.shape[2],
        "transform": profile["transform"] @ Affine.translation(-_BEYOND, -_BEYOND),
    }
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(values)
        return bytes(memory.getbuffer())


def _with_list(path: Path) -> Shelf:
    """Return a raster, and the ``.vrt`` that refers to it."""
    name = f"/vsimem/{path.stem}.vrt"
    rasterio.shutil.copy(str(path), name, driver="VRT")
    with rasterio.open(name) as raster:
        text = raster.tags(ns="xml:VRT")["xml:VRT"]
    rasterio.shutil.delete(name)
    text = re.sub(r'relativeToVRT="\d">[^<]*<', f'relativeToVRT="1">{path.name}<', text)
    files = {path.name: path.read_bytes(), f"{path.stem}.vrt": text.encode()}
    return shelf_of(files, "SoilGrids")


def _degree_tiles(path: Path) -> Shelf:
    """Return a tile of 5 degrees as zipped tiles of one, where it has any values."""
    with rasterio.open(path) as raster:
        values, inverse, bounds = raster.read(1), ~raster.transform, raster.bounds
    files = {}
    for south in range(int(np.floor(bounds.bottom)), int(np.ceil(bounds.top))):
        for west in range(int(np.floor(bounds.left)), int(np.ceil(bounds.right))):
            tile = f"N{south:02d}E{west:03d}"
            box = degree_tile(tile)
            if box is None:
                continue
            lon = np.linspace(box[0], box[2], _HGT)
            lat = np.linspace(box[3], box[1], _HGT)
            columns = np.floor(inverse.a * lon + inverse.c).astype(int)
            rows = np.floor(inverse.e * lat + inverse.f).astype(int)
            inside = np.ix_(
                (rows >= 0) & (rows < values.shape[0]),
                (columns >= 0) & (columns < values.shape[1]),
            )
            heights = np.full((_HGT, _HGT), _VOID, ">i2")
            grid = np.ix_(
                np.clip(rows, 0, values.shape[0] - 1), np.clip(columns, 0, values.shape[1] - 1)
            )
            heights[inside] = values[grid][inside]
            if (heights != _VOID).any():
                files[f"{tile}.SRTMGL3.hgt.zip"] = _zipped(f"{tile}.hgt", heights.tobytes())
    return shelf_of(files, "SRTM")


def _zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def cut_out(granule: bytes, constraint: str) -> bytes:
    """Return what Hyrax answers to a DAP4 constraint, as NetCDF-4.

    The granules of a world are windows, while indices are those of the whole grid; what lies
    outside a window is fill.
    """
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(granule)) as whole, h5py.File(buffer, "w") as part:
        part.attrs.update(dict(whole.attrs))
        top, left = int(whole["cell_row"][0, 0]), int(whole["cell_column"][0, 0])
        for term in constraint.split(";"):
            match = _RANGE.fullmatch(term)
            if match is None or match["name"] not in whole:
                raise KeyError(term)
            stored = whole[match["name"]]
            values = _ranged(stored, match["y"], match["x"], top, left)
            dataset = part.create_dataset(match["name"], data=values)
            for name in ("units", "_FillValue", "valid_min", "valid_max", "missing_value"):
                if name in stored.attrs:
                    dataset.attrs[name] = stored.attrs[name]
    return buffer.getvalue()


def as_whole(item: Item) -> Item:
    """Return a world's granule on the whole globe, as it is in truth: chunked and packed."""
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(item.content())) as part, h5py.File(buffer, "w") as whole:
        whole.attrs.update(dict(part.attrs))
        top, left = int(part["cell_row"][0, 0]), int(part["cell_column"][0, 0])
        for name in ("Geophysical_Data/sm_surface", "Geophysical_Data/soil_temp_layer1"):
            stored = part[name]
            dataset = whole.create_dataset(
                name,
                tuple(COARSE.shape),
                np.float32,
                chunks=(203, 241),
                compression=1,
                fillvalue=-9999,
            )
            dataset[top : top + stored.shape[0], left : left + stored.shape[1]] = stored[()]
            dataset.attrs["units"], dataset.attrs["_FillValue"] = stored.attrs["units"], -9999.0
        a = COARSE.affine
        whole["x"] = a.c + a.a * (np.arange(COARSE.shape.x) + 0.5)
        whole["y"] = a.f + a.e * (np.arange(COARSE.shape.y) + 0.5)
        whole["time"] = part["time"][()]
        whole["time"].attrs["units"] = part["time"].attrs["units"]
    content = buffer.getvalue()
    return replace(item, size=len(content), content=lambda: content, checksum=None)


def _ranged(
    stored: h5py.Dataset, first: str | None, second: str | None, top: int, left: int
) -> np.ndarray:
    if first is None:
        return np.asarray(stored[()])
    if second is None:
        offset = top if stored.name == "/y" else left
        numbers = _numbers(first) - offset
        return np.asarray(stored[numbers.min() : numbers.max() + 1])
    rows, columns = _numbers(first) - top, _numbers(second) - left
    height, width = stored.shape
    inside = np.ix_((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    nearest = np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))
    values = np.full((rows.size, columns.size), -9999, stored.dtype)
    values[inside] = stored[()][nearest][inside]
    return values


def _numbers(text: str) -> np.ndarray:
    start, _, stop = (int(part) for part in text.split(":"))
    return np.arange(start, stop + 1)
