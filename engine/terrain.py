"""Slope from elevation, at the elevation's own resolution.

References
----------
Horn, B. K. P. (1981). Hill shading and the reflectance map. doi:10.1109/PROC.1981.11918
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.errors import GridMismatchError
from engine.grids import EARTH_RADIUS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    type Floats = NDArray[np.floating]

_ROWS = 512
"""Rows worked on at once, so that memory does not grow with the area."""


def horn_slope(elevation: Floats, geobox: GeoBox) -> NDArray[np.float32]:
    """Return the steepness of a surface.

    Parameters
    ----------
    elevation
        ``(y, x)``, m, NaN where missing.
    geobox
        Its grid, geographic or projected, rows along x.

    Returns
    -------
    ndarray (y, x), degree
        NaN along the rim and beside missing pixels.

    Notes
    -----
    On a geographic grid a column's width shrinks with latitude, ``dx = R cos(lat) dlon``, row by
    row; one factor for both directions would be 17 % wrong at 34 degrees.
    """
    if elevation.shape != tuple(geobox.shape):
        raise GridMismatchError("elevation", tuple(geobox.shape), elevation.shape)
    dx, dy = _spacing(geobox)
    slope = np.full(elevation.shape, np.nan, dtype=np.float32)
    for first in range(1, elevation.shape[0] - 1, _ROWS):
        last = min(first + _ROWS, elevation.shape[0] - 1)
        part = np.asarray(elevation[first - 1 : last + 1], dtype=np.float64)
        slope[first:last, 1:-1] = _horn(part, dx[first:last, None], dy)
    return slope


def _horn(z: Floats, dx: Floats, dy: float) -> Floats:
    """Return the slope in degrees of all but the outer pixels."""
    north = z[:-2, :-2] + 2 * z[:-2, 1:-1] + z[:-2, 2:]
    south = z[2:, :-2] + 2 * z[2:, 1:-1] + z[2:, 2:]
    west = z[:-2, :-2] + 2 * z[1:-1, :-2] + z[2:, :-2]
    east = z[:-2, 2:] + 2 * z[1:-1, 2:] + z[2:, 2:]
    rise = np.hypot((east - west) / (8 * dx), (south - north) / (8 * dy))
    return np.degrees(np.arctan(rise))


def _spacing(geobox: GeoBox) -> tuple[Floats, float]:
    """Return the distance between columns, for every row, and between rows, in metres."""
    across, down = geobox.affine.a, abs(geobox.affine.e)
    rows = geobox.shape.y
    if geobox.crs is None or not geobox.crs.geographic:
        return np.full(rows, across), down
    latitude = geobox.affine.f + geobox.affine.e * (np.arange(rows) + 0.5)
    metres = np.radians(1.0) * EARTH_RADIUS
    return metres * across * np.cos(np.radians(latitude)), metres * down
