"""GeoTIFF and the other rasters that GDAL reads: HGT tiles, COG, VRT, gzipped or zipped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow

from engine.errors import GranuleError
from engine.products.degree_tiles import degree_tile
from engine.products.packed import ERRORS as PACKING_ERRORS
from engine.products.packed import opened_raster
from engine.products.physical import Said, check_filled, field_of
from engine.products.sources import SourceGrid, on_lattice, reading
from engine.products.spec import GridSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from affine import Affine
    from rasterio.io import DatasetReader

    from engine.granules import Field, Granule
    from engine.products.spec import ProductSpec, VariableSpec


ANY_GRID = GridSpec(any_projection=True)


def decode_geotiff(
    granule: Granule, spec: ProductSpec, variables: Sequence[VariableSpec], area: GeoBox
) -> Mapping[str, Field]:
    """Read the pixels of a longitude-latitude raster that cover an area."""
    fields = {}
    for variable in variables:
        field = read_raster(granule.path, variable, area, grid=spec.grid, tile=granule.tile)
        if field is None:
            return {}
        fields[variable.name] = field
    return fields


def read_raster(
    path: Path,
    variable: VariableSpec,
    area: GeoBox,
    *,
    grid: GridSpec = ANY_GRID,
    tile: str | None = None,
) -> Field | None:
    """Read the window of one band that covers an area.

    Parameters
    ----------
    path
        Raster file.
    variable
        Band, units, fill and scale.
    area
        What must be covered.
    grid
        What is known of the grid; any north-up grid will do unless given.
    tile
        Name of the tile that the file must lie in.

    Returns
    -------
    Field or None
        None where the raster does not touch the area.
    """
    with (
        reading(path, "a raster that GDAL can read", RasterioError, OSError, *PACKING_ERRORS),
        opened_raster(path) as file,
    ):
        geobox = _geobox(path, file, grid)
        _check_tile(path, geobox, tile)
        window = SourceGrid(geobox=geobox).window(area)
        if window is None:
            return None
        _check_band(path, file, variable)
        check_complete(path, file, variable.band)
        stored = file.read(
            variable.band, window=RasterWindow.from_slices(window.rows, window.columns)
        )
        said = _said(file, variable)
        check_filled(path, variable, said, stored, lambda: np.asarray(file.read(variable.band)))
        return field_of(path, variable, said, stored, geobox=window.geobox)


def north_up(path: Path, affine: Affine) -> Affine:
    """Return a transform, or refuse one that is no north-up grid's."""
    upright = affine.a > 0 > affine.e and not affine.b and not affine.d
    if not upright or not all(map(math.isfinite, affine[:6])):
        raise GranuleError(path, "it is rotated, upside down or without place", "a north-up raster")
    return affine


def _geobox(path: Path, file: DatasetReader, grid: GridSpec) -> GeoBox:
    affine = north_up(path, file.transform)
    if not file.crs:
        raise GranuleError(path, "it names no coordinate reference system", "EPSG:4326 or another")
    if grid.any_projection:
        return GeoBox(file.shape, affine, file.crs.to_wkt())
    if not file.crs.is_geographic:
        raise GranuleError(path, f"its grid is {file.crs}", "longitude and latitude")
    geobox = GeoBox(file.shape, affine, "EPSG:4326")
    box = geobox.boundingbox
    if box.left < -180.5 or box.right > 180.5 or box.bottom < -90.5 or box.top > 90.5:
        raise GranuleError(
            path,
            f"it reaches from {box.left:g} to {box.right:g} E and {box.bottom:g} to {box.top:g} N",
            "longitude from -180 to 180, latitude from -90 to 90",
        )
    return on_lattice(path, geobox, grid.pixel, grid.origin)


def _check_tile(path: Path, geobox: GeoBox, tile: str | None) -> None:
    """Refuse a raster that lies outside the tile of its name."""
    bounds = degree_tile(tile or "")
    if bounds is None:
        return
    west, south, east, north = bounds
    box, slack = geobox.boundingbox, geobox.affine.a
    if (
        box.left >= east - slack
        or box.right <= west + slack
        or box.bottom >= north - slack
        or box.top <= south + slack
    ):
        raise GranuleError(
            path,
            f"it lies at {box.left:g} E, {box.top:g} N",
            f"a place in tile {tile}, as its name says",
        )


def _check_band(path: Path, file: DatasetReader, variable: VariableSpec) -> None:
    if variable.band > file.count:
        raise GranuleError(path, f"it has {file.count} band(s)", f"band {variable.band}")


def check_complete(path: Path, file: DatasetReader, band: int) -> None:
    """Refuse a TIFF whose last block lies beyond its end, even if the area's blocks are there."""
    if file.driver != "GTiff" or file.name != str(path):  # unpacked in memory, and checked there
        return
    height, width = file.block_shapes[band - 1]
    block = f"{(file.width - 1) // width}_{(file.height - 1) // height}"
    offset, size = (
        int(file.get_tag_item(f"BLOCK_{what}_{block}", "TIFF", bidx=band) or 0)
        for what in ("OFFSET", "SIZE")
    )
    if offset + size > path.stat().st_size:
        raise GranuleError(path, "is truncated", f"at least {offset + size} bytes")


def _said(file: DatasetReader, variable: VariableSpec) -> Said:
    """Return what a band's metadata say; GDAL writes 1 and 0 where a file is silent."""
    band = variable.band
    scale, offset = file.scales[band - 1], file.offsets[band - 1]
    nodata = file.nodatavals[band - 1]
    return Said(
        name=variable.name,
        units=file.units[band - 1] or file.tags(band).get("units"),
        scale=None if scale == 1 else scale,
        offset=None if offset == 0 else offset,
        fill=() if nodata is None else (float(nodata),),
    )
