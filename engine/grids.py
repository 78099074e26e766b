"""The grids of the house, as :class:`~odc.geo.geobox.GeoBox` values.

The fine grid (EASE-Grid 2.0 M01) nests exactly 9 × 9 in SMAP's coarse grid (M09), so a coarse
value is the plain mean of its 81 fine cells and the target is never resampled.

References
----------
Brodzik, M. J. et al. (2012). EASE-Grid 2.0. doi:10.3390/ijgi1010032
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from engine.errors import GridMismatchError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    type FloatArray = NDArray[np.floating]

BLOCK = 9
"""Fine cells along one side of a coarse cell."""

COARSE_PIXEL = 9008.055210146
"""Side of an M09 cell in metres (not 9000)."""

EASE2_CRS = "EPSG:6933"
_EASE2_ORIGIN = (-17367530.4451615, 7314540.8306386)

COARSE = GeoBox(
    (1624, 3856),
    Affine(COARSE_PIXEL, 0, _EASE2_ORIGIN[0], 0, -COARSE_PIXEL, _EASE2_ORIGIN[1]),
    EASE2_CRS,
)
"""EASE-Grid 2.0 M09, the whole globe."""

EARTH_RADIUS = 6371007.181
"""Radius of the sphere with the area of the earth in metres; MODIS uses it."""
SINUSOIDAL_CRS = f"+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R={EARTH_RADIUS} +units=m +no_defs"
SINUSOIDAL_TILE = 2 * math.pi * EARTH_RADIUS / 36
"""Side of a MODIS tile in metres."""

_TILE = re.compile(r"h(\d{2})v(\d{2})")
_OUTLINE_POINTS = 1024
"""Along each side of an area that strips follow; on the globe every 40 km."""


class BBox(NamedTuple):
    """West, south, east, north in degrees, WGS 84."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, values: Iterable[float]) -> Self:
        """Check four numbers and return them as a bounding box.

        Raises
        ------
        InputError
            Where there are not four finite numbers, the box is inside out, empty, beyond the
            globe, or crosses the antimeridian.
        """
        numbers = tuple(float(value) for value in values)
        allowed = "west < east within ±180, south < north within ±84 degrees"
        if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
            raise InputError("bbox", f"{list(numbers)} is not four finite numbers", allowed)
        west, south, east, north = numbers
        if not (-180 <= west <= 180 and -180 <= east <= 180 and south >= -84 and north <= 84):
            raise InputError("bbox", f"{list(numbers)} lies beyond the grid", allowed)
        if west > east:
            raise InputError(
                "bbox",
                f"{list(numbers)} crosses the antimeridian or is inside out",
                f"{allowed}; split an area at the antimeridian into two requests",
            )
        if west == east or south >= north:
            raise InputError("bbox", f"{list(numbers)} is empty or inside out", allowed)
        return cls(west, south, east, north)


def coarse_window(bbox: BBox) -> GeoBox:
    """Return the M09 cells that a bounding box touches.

    >>> tuple(coarse_window(BBox(110.35, 31.38, 116.65, 36.37)).shape)
    (59, 69)
    """
    to_grid = transformer("EPSG:4326", EASE2_CRS)
    (west, east), (south, north) = to_grid.transform(
        [bbox.west, bbox.east], [bbox.south, bbox.north]
    )
    inverse = ~COARSE.affine
    left, top = inverse @ (west, north)
    right, bottom = inverse @ (east, south)
    rows = slice(max(0, math.floor(top)), min(COARSE.shape.y, math.ceil(bottom)))
    columns = slice(max(0, math.floor(left)), min(COARSE.shape.x, math.ceil(right)))
    return COARSE[rows, columns]


def fine_of(coarse: GeoBox) -> GeoBox:
    """Return the M01 cells of a block of M09 cells."""
    return GeoBox(
        (coarse.shape.y * BLOCK, coarse.shape.x * BLOCK),
        coarse.affine @ Affine.scale(1 / BLOCK),
        coarse.crs,
    )


def coarse_of(fine: GeoBox) -> GeoBox:
    """Return the M09 cells that a block of M01 cells is made of."""
    if fine.shape.y % BLOCK or fine.shape.x % BLOCK:
        raise GridMismatchError("fine grid", "a multiple of 9 × 9 cells", fine.shape)
    return GeoBox(
        (fine.shape.y // BLOCK, fine.shape.x // BLOCK),
        fine.affine @ Affine.scale(BLOCK),
        fine.crs,
    )


def sinusoidal_tile(name: str, pixels: int) -> GeoBox:
    """Return the exact grid of a MODIS tile.

    Parameters
    ----------
    name
        Such as ``h27v05``.
    pixels
        Pixels along a side: 2400 (500 m) or 1200 (1 km).
    """
    match = _TILE.fullmatch(name)
    if match is None or int(match[1]) > 35 or int(match[2]) > 17:
        raise InputError("tile", repr(name), "h00v00 to h35v17")
    left = (int(match[1]) - 18) * SINUSOIDAL_TILE
    top = (9 - int(match[2])) * SINUSOIDAL_TILE
    size = SINUSOIDAL_TILE / pixels
    return GeoBox((pixels, pixels), Affine(size, 0, left, 0, -size, top), SINUSOIDAL_CRS)


def lonlat(geobox: GeoBox) -> tuple[FloatArray, FloatArray]:
    """Return longitude and latitude of the cell centres, each ``(y, x)`` in degrees."""
    columns = np.arange(geobox.shape.x) + 0.5
    rows = np.arange(geobox.shape.y) + 0.5
    x, y = apply_affine(geobox.affine, *np.meshgrid(columns, rows))
    lon, lat = transformer(str(geobox.crs), "EPSG:4326").transform(x, y)
    return np.asarray(lon), np.asarray(lat)


def covering_window(source: GeoBox, area: GeoBox, pad: int = 1) -> tuple[slice, slice] | None:
    """Return the rows and columns of ``source`` that cover ``area``, or None where none do.

    Parameters
    ----------
    source
        The grid to cut.
    area
        What must be covered; its densified outline is followed, never two corners.
    pad
        Source pixels to add on every side.
    """
    columns, rows = _outline_on(source, area)
    finite = np.isfinite(columns) & np.isfinite(rows)
    if not finite.any():
        return None
    row = _clip_slice(rows[finite], source.shape.y, pad)
    column = _clip_slice(columns[finite], source.shape.x, pad)
    return None if row is None or column is None else (row, column)


def covering_strips(
    source: GeoBox, area: GeoBox, pixels: int, pad: int = 2
) -> list[tuple[slice, slice]]:
    """Cut the part of ``source`` that covers ``area`` into strips of rows.

    Parameters
    ----------
    source
        The grid to cut.
    area
        What must be covered. Every strip is as wide as the area is there.
    pixels
        Of a strip across the whole of ``source``, about.
    pad
        Source pixels to add on every side.

    Returns
    -------
    list of (slice, slice)
        Rows and columns of the strips, from north to south.
    """
    columns, rows = _outline_on(source, area, _OUTLINE_POINTS)
    height, width = source.shape
    if not (np.isfinite(columns) & np.isfinite(rows)).all():  # not all of it is on the map
        return [(slice(0, height), slice(0, width))]
    sides = np.stack([rows, columns]).reshape(2, 4, _OUTLINE_POINTS)
    low = np.minimum(sides[..., :-1], sides[..., 1:]).reshape(2, -1)
    high = np.maximum(sides[..., :-1], sides[..., 1:]).reshape(2, -1)
    step = max(1, pixels // width)
    strips = []
    for top in range(0, height, step):
        bottom = min(top + step, height)
        crossing = (high[0] >= top - pad) & (low[0] <= bottom + pad)
        if crossing.any():
            edges = np.array([low[1, crossing].min(), high[1, crossing].max()])
            across = _clip_slice(edges, width, pad)
            if across is not None:
                strips.append((slice(top, bottom), across))
    return strips


def block_mean(fine: FloatArray, min_valid: float = 0.6) -> FloatArray:
    """Average the valid fine cells of every coarse cell.

    Parameters
    ----------
    fine
        ``(..., 9 h, 9 w)``, NaN where missing.
    min_valid
        Least share of valid fine cells; below it the coarse cell is NaN.

    Returns
    -------
    ndarray (..., h, w), float64
    """
    blocks = as_blocks(fine)
    valid = np.isfinite(blocks)
    count = valid.sum(axis=(-3, -1))
    total = np.where(valid, blocks, 0.0).sum(axis=(-3, -1), dtype=np.float64)
    enough = count >= max(1, min_valid * BLOCK * BLOCK)
    return np.where(enough, total / np.maximum(count, 1), np.nan)


def as_blocks(fine: FloatArray) -> FloatArray:
    """View ``(..., 9 h, 9 w)`` as ``(..., h, 9, w, 9)``."""
    height, width = fine.shape[-2:]
    if height % BLOCK or width % BLOCK:
        raise GridMismatchError("fine array", "a multiple of 9 × 9 cells", fine.shape)
    return fine.reshape(*fine.shape[:-2], height // BLOCK, BLOCK, width // BLOCK, BLOCK)


def spread(coarse: FloatArray) -> FloatArray:
    """Repeat every coarse value over its 81 fine cells: ``(..., h, w)`` to ``(..., 9 h, 9 w)``."""
    return coarse.repeat(BLOCK, axis=-2).repeat(BLOCK, axis=-1)


def _clip_slice(positions: FloatArray, size: int, pad: int) -> slice | None:
    start = max(0, math.floor(float(positions.min())) - pad)
    stop = min(size, math.ceil(float(positions.max())) + pad)
    return slice(start, stop) if start < stop else None


def _outline_on(source: GeoBox, area: GeoBox, points: int = 64) -> tuple[FloatArray, FloatArray]:
    """Return columns and rows of ``source`` along the four edges of ``area``."""
    lon, lat = outline(area, points)
    x, y = transformer("EPSG:4326", str(source.crs)).transform(lon, lat)
    return apply_affine(~source.affine, np.asarray(x), np.asarray(y))


def outline(area: GeoBox, points: int = 64) -> tuple[FloatArray, FloatArray]:
    """Return longitude and latitude along the four edges of a grid, in degrees."""
    along = np.linspace(0, 1, points)
    zero, one = np.zeros(points), np.ones(points)
    columns = np.concatenate([along, one, along, zero]) * area.shape.x
    rows = np.concatenate([zero, along, one, along]) * area.shape.y
    x, y = apply_affine(area.affine, columns, rows)
    lon, lat = transformer(str(area.crs), "EPSG:4326").transform(x, y)
    return np.asarray(lon), np.asarray(lat)


def apply_affine(affine: Affine, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the images of many points."""
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


@cache
def transformer(source: str, target: str) -> Transformer:
    """Return the way from one reference system to another, x before y."""
    return Transformer.from_crs(
        CRS.from_user_input(source), CRS.from_user_input(target), always_xy=True
    )
