"""Tiles of one raster, put together on the lattice that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from engine.errors import GridMismatchError, UnitsError
from engine.granules import Field

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOLERANCE = 0.01
"""Share of a pixel by which tiles may miss their common lattice."""


def mosaic(tiles: Sequence[Field]) -> Field:
    """Join tiles, which may overlap, such as SRTM's by their common edge.

    Parameters
    ----------
    tiles
        At least one; same reference system, pixel size, lattice and units.

    Returns
    -------
    Field
        The bounding rectangle of all tiles, NaN between them. Where tiles overlap, the first
        valid value counts.

    Raises
    ------
    GridMismatchError
        Where a tile is not on the first one's lattice.
    UnitsError
        Where a tile is in another unit than the first.
    """
    if len(tiles) == 1:
        return tiles[0]
    places = [_place(tile, tiles[0]) for tile in tiles]
    top, left = (min(place[axis] for place in places) for axis in (0, 1))
    bottom = max(row + tile.geobox.shape.y for (row, _), tile in zip(places, tiles, strict=True))
    right = max(col + tile.geobox.shape.x for (_, col), tile in zip(places, tiles, strict=True))
    values = np.full((bottom - top, right - left), np.nan, dtype=np.float32)
    weight = np.zeros_like(values)
    for (row, column), tile in zip(places, tiles, strict=True):
        height, width = tile.values.shape
        part = np.s_[row - top : row - top + height, column - left : column - left + width]
        empty = np.isnan(values[part]) & np.isfinite(tile.values)
        values[part][empty] = tile.values[empty]
        weight[part][empty] = tile.weight[empty]
    affine = tiles[0].geobox.affine @ Affine.translation(left, top)
    geobox = GeoBox(values.shape, affine, tiles[0].geobox.crs)
    return Field(values=values, weight=weight, geobox=geobox, units=tiles[0].units)


def _place(tile: Field, first: Field) -> tuple[int, int]:
    """Return row and column of a tile's corner on the first tile's lattice."""
    ours, theirs = tile.geobox, first.geobox
    column, row = ~theirs.affine @ (ours.affine.c, ours.affine.f)
    stray = max(abs(column - round(column)), abs(row - round(row)))
    scale = abs(theirs.affine.a) / max(ours.shape)
    same_size = np.allclose(_linear(ours), _linear(theirs), rtol=0, atol=_TOLERANCE * scale)
    if ours.crs != theirs.crs or stray > _TOLERANCE or not same_size:
        raise GridMismatchError("tile", theirs, ours)
    if tile.units != first.units:
        raise UnitsError("tile", first.units, tile.units)
    return round(row), round(column)


def _linear(geobox: GeoBox) -> tuple[float, ...]:
    affine = geobox.affine
    return affine.a, affine.b, affine.d, affine.e
