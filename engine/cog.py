"""Cloud-optimised GeoTIFFs: what a map is on disk.

One band of physical float32, -9999 where missing, tiles of 512 (of 128 in a small map, so that it
has overviews, too), averaged overviews, DEFLATE with the floating-point predictor, which every
GDAL since 2.x reads; bits are uint16, 65535 where missing. The same values and tags give the same
bytes, so a checksum tells whether a map is new.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp

from engine.errors import GranuleError, GridMismatchError
from engine.files import atomic_path
from engine.grids import EASE2_CRS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray
    from rasterio.io import DatasetReader

NODATA = -9999.0
"""Stands for a missing value on disk."""

NO_BITS = 65535
"""Stands for missing bits on disk."""

BLOCK_SIZE, SMALL_BLOCK_SIZE = 512, 128
"""Sides of a tile in cells."""

SMALL = 1024
"""Maps whose longer side has fewer cells have small tiles."""

_PROFILE = {
    "driver": "COG",
    "count": 1,
    "compress": "DEFLATE",
    "level": 6,
    "bigtiff": "IF_SAFER",
}

_AMOUNTS = {
    "dtype": "float32",
    "nodata": NODATA,
    "predictor": "FLOATING_POINT",
    "overview_resampling": "AVERAGE",
    "statistics": "YES",
}

# Colours compress without loss, too; an average of colours is a colour.
_COLOURS = {
    "dtype": "uint8",
    "count": 4,
    "predictor": "STANDARD",
    "overview_resampling": "AVERAGE",
}

_CHANNELS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)

# The mean of two sets of bits is no set of bits.
_BITS = {
    "dtype": "uint16",
    "nodata": NO_BITS,
    "predictor": "STANDARD",
    "overview_resampling": "NEAREST",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What the valid values of a band look like."""

    minimum: float
    """Least value, in the band's unit."""
    maximum: float
    """Greatest value, in the band's unit."""
    mean: float
    """Arithmetic mean, in the band's unit."""
    stddev: float
    """Population standard deviation, in the band's unit."""
    valid_percent: float
    """Share of cells that hold a value, in per cent."""

    @classmethod
    def of(cls, values: ArrayLike) -> Self | None:
        """Describe an array, or return None where it holds no finite value.

        >>> Statistics.of([[1.0, float("nan")], [3.0, 2.0]]).valid_percent
        75.0
        """
        array = np.asarray(values, dtype=np.float64)
        valid = array[np.isfinite(array)]
        if not valid.size:
            return None
        return cls(
            minimum=float(valid.min()),
            maximum=float(valid.max()),
            mean=float(valid.mean()),
            stddev=float(valid.std()),
            valid_percent=100.0 * valid.size / array.size,
        )


def geobox_of(data: xr.DataArray | xr.Dataset) -> GeoBox:
    """Return the grid that the coordinates ``y`` and ``x`` of an array describe.

    The affine and CRS of a CF grid mapping ``spatial_ref`` are taken as they stand; without one
    the coordinates are cell centres in metres of EASE-Grid 2.0, as everywhere in vadose.

    Raises
    ------
    GridMismatchError
        Where there are no evenly spaced ``y`` and ``x``, or the grid mapping contradicts them.
    """
    x, y = (_centres(data, name) for name in ("x", "y"))
    width, height = _step(x, "x"), _step(y, "y")
    affine = Affine(width, 0, float(x[0]) - width / 2, 0, height, float(y[0]) - height / 2)
    mapping = data.coords["spatial_ref"].attrs if "spatial_ref" in data.coords else {}
    if "GeoTransform" in mapping:
        affine = _same(affine, Affine.from_gdal(*map(float, mapping["GeoTransform"].split())))
    return GeoBox((y.size, x.size), affine, mapping.get("crs_wkt", EASE2_CRS))


def nodata_of(dtype: str) -> float:
    """Return what stands for a missing value on disk.

    >>> nodata_of("float32"), nodata_of("uint16")
    (-9999.0, 65535.0)
    """
    return NODATA if dtype == "float32" else float(NO_BITS)


def write_cog(
    path: Path,
    values: xr.DataArray | NDArray[np.floating] | NDArray[np.uint16],
    *,
    geobox: GeoBox | None = None,
    name: str,
    units: str,
    long_name: str,
    tags: Mapping[str, str] | None = None,
) -> Path:
    """Write one layer as a cloud-optimised GeoTIFF, whole or not at all.

    Parameters
    ----------
    path
        Where to write it; an existing file is replaced.
    values
        ``(y, x)`` in ``units``; anything not finite becomes -9999. Bits as uint16 are written as
        they stand.
    geobox
        The grid; by default the one that the array's coordinates describe.
    name
        Band description, such as ``soil_moisture``.
    units
        UDUNITS text, written as the band's unit.
    long_name
        What the band holds, in words.
    tags
        Provenance, written as the dataset's metadata.

    Raises
    ------
    GridMismatchError
        Where values and grid differ in shape.
    """
    grid = geobox_of(values) if geobox is None and isinstance(values, xr.DataArray) else geobox
    bits = values.dtype == np.uint16
    array = np.asarray(values, dtype=np.uint16 if bits else np.float32)
    if grid is None or array.shape != tuple(grid.shape):
        raise GridMismatchError(name, None if grid is None else tuple(grid.shape), array.shape)
    filled = array if bits else np.where(np.isfinite(array), array, np.float32(NODATA))
    profile = _PROFILE | (_BITS if bits else _AMOUNTS) | _placed(grid)
    with atomic_path(path) as temporary, rasterio.open(temporary, "w", **profile) as cog:
        cog.write(filled, 1)
        cog.set_band_description(1, name)
        cog.set_band_unit(1, units)
        cog.update_tags(**dict(tags or {}))
        cog.update_tags(1, long_name=long_name)
    return path


def write_coloured_cog(
    path: Path,
    rgba: NDArray[np.uint8],
    *,
    geobox: GeoBox,
    tags: Mapping[str, str] | None = None,
) -> Path:
    """Write a picture of a map as a cloud-optimised GeoTIFF of four bands, whole or not at all.

    Parameters
    ----------
    path
        Where to write it; an existing file is replaced.
    rgba
        ``(y, x, 4)`` red, green, blue and opacity.
    geobox
        The grid.
    tags
        Provenance, written as the dataset's metadata.

    Raises
    ------
    GridMismatchError
        Where colours and grid differ in shape.
    """
    if rgba.shape != (*geobox.shape, 4):
        raise GridMismatchError("colours", (*geobox.shape, 4), rgba.shape)
    profile = _PROFILE | _COLOURS | _placed(geobox)
    with atomic_path(path) as temporary, rasterio.open(temporary, "w", **profile) as cog:
        cog.write(np.moveaxis(rgba, -1, 0))
        cog.colorinterp = _CHANNELS
        cog.update_tags(**dict(tags or {}))
    return path


def _placed(grid: GeoBox) -> dict[str, object]:
    """Return where a raster lies, and the tiles that suit its size."""
    height, width = grid.shape
    tile = SMALL_BLOCK_SIZE if max(height, width) < SMALL else BLOCK_SIZE
    where = {"width": width, "height": height, "transform": grid.affine, "crs": str(grid.crs)}
    return {**where, "blocksize": tile}


def read_cog(path: Path) -> xr.DataArray:
    """Read the first band of a GeoTIFF back.

    Returns
    -------
    DataArray (y, x), float32
        NaN where missing, named as the band, with ``units``, ``long_name`` and the dataset's
        tags in its attributes, cell centres as coordinates.

    Raises
    ------
    GranuleError
        Where the file is no readable raster.
    """
    try:
        with rasterio.open(path) as source:
            return _as_dataarray(source)
    except rasterio.errors.RasterioIOError as error:
        raise GranuleError(path, "not readable as a raster", "a GeoTIFF") from error


def _as_dataarray(source: DatasetReader) -> xr.DataArray:
    values = source.read(1, masked=True).astype(np.float32).filled(np.nan)
    band_tags = source.tags(1)
    return xr.DataArray(
        values,
        dims=("y", "x"),
        coords=_coordinates(source),
        name=source.descriptions[0],
        attrs={
            "units": source.units[0] or "",
            "long_name": band_tags.get("long_name", ""),
            **source.tags(),
        },
    )


def _coordinates(source: DatasetReader) -> dict[str, xr.Variable]:
    affine = source.transform
    mapping = {
        "crs_wkt": source.crs.to_wkt(),
        "GeoTransform": " ".join(repr(float(number)) for number in affine.to_gdal()),
    }
    return {
        "y": xr.Variable("y", affine.f + affine.e * (np.arange(source.height) + 0.5)),
        "x": xr.Variable("x", affine.c + affine.a * (np.arange(source.width) + 0.5)),
        "spatial_ref": xr.Variable((), 0, mapping),
    }


def _centres(data: xr.DataArray | xr.Dataset, name: str) -> NDArray[np.float64]:
    if name not in data.coords or data.coords[name].ndim != 1 or data.coords[name].size < 2:
        raise GridMismatchError("raster", "coordinates y and x of two or more cells", name)
    return np.asarray(data.coords[name].values, dtype=np.float64)


def _step(centres: NDArray[np.float64], name: str) -> float:
    step = float(centres[-1] - centres[0]) / (centres.size - 1)
    if not np.allclose(np.diff(centres), step, rtol=1e-6, atol=0):
        raise GridMismatchError(f"coordinate {name}", "even steps", "uneven steps")
    return step


def _same(measured: Affine, stated: Affine) -> Affine:
    """Return the stated affine if the coordinates bear it out to a thousandth of a cell."""
    tolerance = abs(stated.a) * 1e-3
    if not all(abs(m - s) <= tolerance for m, s in zip(measured[:6], stated[:6], strict=True)):
        raise GridMismatchError("raster", f"the grid mapping's {stated[:6]}", measured[:6])
    return stated
