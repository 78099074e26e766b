"""GeoTIFF and the other single-band rasters that GDAL reads: HGT tiles, gzipped TIFF, COG."""

from __future__ import annotations

import math
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterWindow

from engine.errors import GranuleError
from engine.products.physical import Said, blank_error, field_of, is_blank
from engine.products.sources import SourceGrid, on_lattice, reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rasterio.io import DatasetReader

    from engine.granules import Field, Granule
    from engine.products.spec import GridSpec, ProductSpec, VariableSpec


def decode_geotiff(
    granule: Granule, spec: ProductSpec, variables: Sequence[VariableSpec], area: GeoBox
) -> Mapping[str, Field]:
    """Read the pixels of a longitude-latitude raster that cover an area."""
    fields = {}
    for variable in variables:
        field = read_raster(granule.path, variable, area, grid=spec.grid, crs=None)
        if field is None:
            return {}
        fields[variable.name] = field
    return fields


def read_raster(
    path: Path,
    variable: VariableSpec,
    area: GeoBox,
    *,
    grid: GridSpec | None = None,
    crs: str | None = None,
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
        Lattice of a product on longitude and latitude; None accepts any north-up grid.
    crs
        Coordinate reference system to believe instead of the file's tag.

    Returns
    -------
    Field or None
        None where the raster does not touch the area.
    """
    with (
        reading(path, "a raster that GDAL can read", RasterioError, OSError),
        _opened(path) as file,
    ):
        source = SourceGrid(geobox=_geobox(path, file, grid, crs))
        window = source.window(area)
        if window is None:
            return None
        _check_band(path, file, variable)
        _check_complete(path, file, variable.band)
        stored = file.read(
            variable.band, window=RasterWindow.from_slices(window.rows, window.columns)
        )
        said = _said(file, variable.band)
        if (
            variable.gap_free
            and is_blank(stored, variable, said)
            and is_blank(file.read(variable.band), variable, said)
        ):
            raise blank_error(path, variable)
        return field_of(path, variable, said, stored, geobox=window.geobox)


def _geobox(path: Path, file: DatasetReader, grid: GridSpec | None, crs: str | None) -> GeoBox:
    affine = file.transform
    north_up = affine.a > 0 > affine.e and not affine.b and not affine.d
    if not north_up or not all(map(math.isfinite, affine[:6])):
        raise GranuleError(path, "it is rotated, upside down or without place", "a north-up raster")
    reference = crs or (file.crs.to_wkt() if file.crs else None)
    if reference is None:
        raise GranuleError(path, "it names no coordinate reference system", "EPSG:4326 or another")
    if grid is None:
        return GeoBox(file.shape, affine, reference)
    if grid.any_projection:
        return GeoBox(file.shape, affine, reference)
    if crs is None and not file.crs.is_geographic:
        raise GranuleError(path, f"its grid is {file.crs}", "longitude and latitude")
    geobox = GeoBox(file.shape, affine, "EPSG:4326")
    return on_lattice(path, geobox, grid.pixel, grid.origin)


def _check_band(path: Path, file: DatasetReader, variable: VariableSpec) -> None:
    if variable.band > file.count:
        raise GranuleError(path, f"it has {file.count} band(s)", f"band {variable.band}")


def _check_complete(path: Path, file: DatasetReader, band: int) -> None:
    """Refuse a TIFF whose last block lies beyond its end, even if the area's blocks are there."""
    if file.driver != "GTiff" or path.suffix == ".gz":
        return
    height, width = file.block_shapes[band - 1]
    block = f"{(file.width - 1) // width}_{(file.height - 1) // height}"
    offset, size = (
        int(file.get_tag_item(f"BLOCK_{what}_{block}", "TIFF", bidx=band) or 0)
        for what in ("OFFSET", "SIZE")
    )
    if offset + size > path.stat().st_size:
        raise GranuleError(path, "is truncated", f"at least {offset + size} bytes")


def _said(file: DatasetReader, band: int) -> Said:
    """Return what a band's metadata say; GDAL writes 1 and 0 where a file is silent."""
    scale, offset = file.scales[band - 1], file.offsets[band - 1]
    nodata = file.nodatavals[band - 1]
    return Said(
        units=file.units[band - 1] or file.tags(band).get("units"),
        scale=None if scale == 1 else scale,
        offset=None if offset == 0 else offset,
        fill=() if nodata is None else (float(nodata),),
    )


@contextmanager
def _opened(path: Path) -> Iterator[DatasetReader]:
    name = f"/vsigzip/{path}" if path.suffix == ".gz" else str(path)
    with warnings.catch_warnings():
        # A raster without a place is refused in our own words.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(name) as file:
            yield file
