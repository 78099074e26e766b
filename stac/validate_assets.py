"""Check the files of an item: size, checksum, and what a COG says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rasterio
from rio_cogeo.cogeo import cog_validate

from stac.assets import MULTIHASH_SHA256, sha256_of
from stac.cube import cube_faults
from stac.documents import absolute, below
from stac.media import COG, ZARR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rasterio.io import DatasetReader

    from stac.store import CatalogStore

    type Fields = Mapping[str, Any]


def asset_faults(store: CatalogStore, key: str, asset: Fields, *, files: bool) -> Iterator[str]:
    """Give what is wrong with the file of an asset.

    Parameters
    ----------
    store
        The catalogue.
    key
        The document that has the asset.
    asset
        What the document says of it.
    files
        Whether to read the file, or only to see that it is there and as long as it should be.
    """
    href = str(asset.get("href", ""))
    file = below(key, href)
    if asset.get("type") == ZARR and not absolute(href):
        yield from cube_faults(store, file)
        return
    size = None if absolute(href) else store.size(file)
    if size is None:
        yield f"no file {href} beside its item"
        return
    if size != asset.get("file:size"):
        yield f"{size} bytes, stated {asset.get('file:size')}"
    if files:
        with store.local(file) as path:
            yield from _content_faults(path, asset)


def _content_faults(path: Path, asset: Fields) -> Iterator[str]:
    if f"{MULTIHASH_SHA256}{sha256_of(path)}" != asset.get("file:checksum"):
        yield "its checksum is not the stated one"
    if asset.get("type") == COG:
        yield from _cog_faults(path, asset)


def _cog_faults(path: Path, asset: Fields) -> Iterator[str]:
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
    if grid != tuple(asset.get(f"proj:{name}") for name in ("code", "shape", "transform")):
        yield f"the grid is {grid}, which its projection fields do not say"


def _bands_stated(asset: Fields) -> object:
    """Return what an asset says of its bands: of colours, which and how deep they are."""
    bands = asset.get("bands") or [{}]
    if "data" not in asset.get("roles", ()):
        return [(band.get("name"), band.get("data_type")) for band in bands]
    return tuple(bands[0].get(name) for name in ("name", "unit", "nodata", "data_type"))


def _bands_found(raster: DatasetReader) -> object:
    if raster.count > 1:
        names = (one.name for one in raster.colorinterp)
        return list(zip(names, map(str, raster.dtypes), strict=True))
    return (raster.descriptions[0], raster.units[0], raster.nodata, raster.dtypes[0])
