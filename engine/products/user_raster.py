"""Rasters that users bring along: any projection, any unit, through rioxarray."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rioxarray
import xarray as xr
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rioxarray.exceptions import RioXarrayError

from engine.errors import GranuleError
from engine.products.geotiff import check_complete, north_up
from engine.products.packed import opened_raster
from engine.products.physical import Said, check_filled, field_of, number_of, numbers_of, text_of
from engine.products.sources import SourceGrid, reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.granules import Field
    from engine.products.spec import VariableSpec

_ERRORS = (RasterioError, RioXarrayError, OSError)


def read_user_raster(
    path: Path, variable: VariableSpec, area: GeoBox, *, crs: str | None = None
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
    crs
        Coordinate reference system to believe instead of the file's tag.

    Returns
    -------
    Field or None
        None where the raster does not touch the area.
    """
    with (
        reading(path, "a raster that GDAL can read", *_ERRORS),
        _opened(path, variable.band) as band,
    ):
        window = SourceGrid(geobox=_geobox(path, band, crs)).window(area)
        if window is None:
            return None
        stored = window.read(band.variable)
        said = _said(band, variable)
        check_filled(path, variable, said, stored, band.to_numpy)
        return field_of(path, variable, said, stored, geobox=window.geobox)


@contextmanager
def _opened(path: Path, band: int) -> Iterator[xr.DataArray]:
    """Open one band; its numbers are read when they are asked for."""
    with opened_raster(path) as file:
        if band > file.count:
            raise GranuleError(path, f"it has {file.count} band(s)", f"band {band}")
        check_complete(path, file, band)
        tags = file.tags(band)
    with warnings.catch_warnings():
        # A raster without a place is refused in our own words.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        opened = rioxarray.open_rasterio(path, cache=False)
        if not isinstance(opened, xr.DataArray):
            raise GranuleError(path, "it holds several rasters", "one raster")
        with opened:
            yield opened.isel(band=band - 1).assign_attrs({**tags, **opened.attrs})


def _geobox(path: Path, band: xr.DataArray, crs: str | None) -> GeoBox:
    affine = north_up(path, band.rio.transform())
    reference = crs or (band.rio.crs.to_wkt() if band.rio.crs else None)
    if reference is None:
        raise GranuleError(path, "it names no coordinate reference system", "EPSG:4326 or another")
    return GeoBox((band.sizes["y"], band.sizes["x"]), affine, reference)


def _said(band: xr.DataArray, variable: VariableSpec) -> Said:
    """Return what a band's metadata say; attributes that differ by band come as a tuple."""

    def said(name: str) -> Any:
        value = band.attrs.get(name)
        return value[variable.band - 1] if isinstance(value, tuple) else value

    scale, offset = number_of(said("scale_factor")), number_of(said("add_offset"))
    return Said(
        name=variable.name,
        units=text_of(said("units")),
        scale=None if scale == 1 else scale,
        offset=None if offset == 0 else offset,
        fill=numbers_of([band.rio.nodata]),
    )
