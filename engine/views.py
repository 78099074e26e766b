"""Maps in other projections: copies for programs and people that do not take EASE-Grid 2.0.

Cells are taken as they are, by the nearest centre: no value is made that the map has not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.warp import reproject

from engine.cog import NO_BITS
from engine.errors import InputError
from engine.grids import EASE2_CRS, apply_affine, lonlat, outline, transformer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from engine.grids import BBox

    type Values = NDArray[np.float32] | NDArray[np.uint16]

LONLAT = "EPSG:4326"
UTM = "utm"
"""Stands for the zone of UTM that fits."""
ARC_SECONDS_30 = 1 / 120
"""Side of a cell in degrees."""
KILOMETRE = 1000.0
"""Side of a cell in metres."""


def utm_zone(lon: float, lat: float) -> str:
    """Return the reference system of the zone of UTM that a place lies in.

    >>> utm_zone(113.6, 34.7), utm_zone(28.0, -26.2)
    ('EPSG:32649', 'EPSG:32735')
    """
    zone = min(60, math.floor((lon + 180) / 6) + 1)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"


def view_grid(grid: GeoBox, crs: str, area: BBox | None = None) -> GeoBox:
    """Return the cells of a view of a map.

    Parameters
    ----------
    grid
        The map's cells.
    crs
        ``EPSG:…``, or ``utm`` for the zone of the view's middle. In EASE-Grid 2.0 the cells are
        the map's own, in degrees they have 30 arc-seconds, in UTM 1 km; their edges lie on whole
        multiples of that.
    area
        What is wanted of the map, degrees; by default all.

    Raises
    ------
    InputError
        Where the area has nothing of the map.
    """
    lon, lat = _corners(grid, area)
    if crs == UTM:
        crs = utm_zone((min(lon) + max(lon)) / 2, (min(lat) + max(lat)) / 2)
    x, y = map(np.asarray, transformer(LONLAT, crs).transform(lon, lat))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("crs", f"{crs} does not reach as far as the map", "a zone that does, utm")
    if crs == EASE2_CRS:
        return _part(grid, x, y)
    size = ARC_SECONDS_30 if crs == LONLAT else KILOMETRE
    west, south = (math.floor(values.min() / size) for values in (x, y))
    east, north = (math.ceil(values.max() / size) for values in (x, y))
    affine = Affine(size, 0, west * size, 0, -size, north * size)
    return GeoBox((north - south, east - west), affine, crs)


def view(values: Values, grid: GeoBox, target: GeoBox) -> Values:
    """Return a map on other cells, each with the value of the cell that holds its centre.

    Parameters
    ----------
    values
        ``(y, x)`` on ``grid``; amounts with NaN where missing, or bits.
    grid, target
        The map's cells, and the view's.
    """
    missing = np.nan if values.dtype.kind == "f" else NO_BITS
    found = np.full(tuple(target.shape), missing, dtype=values.dtype)
    reproject(
        values,
        found,
        src_transform=grid.affine,
        src_crs=str(grid.crs),
        src_nodata=missing,
        dst_transform=target.affine,
        dst_crs=str(target.crs),
        dst_nodata=missing,
        resampling=Resampling.nearest,
        tolerance=0.0,
    )
    return found


def inside(polygon: BaseGeometry, grid: GeoBox) -> NDArray[np.bool_]:
    """Return ``(y, x)``: whether the centre of each cell lies in a polygon of degrees."""
    return np.asarray(shapely.contains_xy(polygon, *lonlat(grid)))


def _corners(grid: GeoBox, area: BBox | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points along the edge of the wanted part of a map, degrees."""
    lon, lat = outline(grid)
    if area is None:
        return np.asarray(lon), np.asarray(lat)
    left, bottom, right, top = (float(v) for v in (lon.min(), lat.min(), lon.max(), lat.max()))
    west, east = max(area.west, left), min(area.east, right)
    south, north = max(area.south, bottom), min(area.north, top)
    if west >= east or south >= north:
        box = ", ".join(f"{value:.2f}" for value in (left, bottom, right, top))
        raise InputError("bbox", "it has nothing of the map", f"an area within {box}")
    along = np.linspace(0, 1, 64)
    across, up = west + along * (east - west), south + along * (north - south)
    return (
        np.concatenate([across, across, np.full(64, west), np.full(64, east)]),
        np.concatenate([np.full(64, south), np.full(64, north), up, up]),
    )


def _part(grid: GeoBox, x: NDArray[np.float64], y: NDArray[np.float64]) -> GeoBox:
    """Return the cells of a map that hold some points."""
    columns, rows = apply_affine(~grid.affine, x, y)
    nearly = 1e-6
    top, bottom = math.floor(rows.min() + nearly), math.ceil(rows.max() - nearly)
    left, right = math.floor(columns.min() + nearly), math.ceil(columns.max() - nearly)
    found: GeoBox = grid[
        max(0, top) : min(grid.shape.y, bottom), max(0, left) : min(grid.shape.x, right)
    ]
    return found
