"""Polygons of requests."""

from __future__ import annotations

from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from engine.errors import InputError
from engine.grids import BBox

_ALLOWED = "a valid GeoJSON Polygon or MultiPolygon in longitude and latitude"


def read_polygon(value: object, field: str = "geometry") -> BaseGeometry:
    """Read a GeoJSON polygon in longitude and latitude.

    Parameters
    ----------
    value
        As it came; what is read already passes.
    field
        The input, for messages.

    Raises
    ------
    InputError
        Where it is none, is empty, crosses itself, or lies beyond the grid.
    """
    if isinstance(value, BaseGeometry):
        return value
    if not isinstance(value, dict) or value.get("type") not in ("Polygon", "MultiPolygon"):
        raise InputError(field, "it is no polygon", _ALLOWED)
    try:
        geometry = shape(value)
    except (ShapelyError, ValueError, TypeError, IndexError, KeyError, AttributeError):
        raise InputError(field, "its coordinates cannot be read", _ALLOWED) from None
    if geometry.is_empty or not geometry.is_valid or geometry.area == 0:
        raise InputError(field, "it is empty or crosses itself", _ALLOWED)
    try:
        BBox.parse(geometry.bounds)
    except InputError as error:
        raise InputError(field, f"its box {error.wrong}", error.allowed) from None
    return geometry
