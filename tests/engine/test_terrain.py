"""Slope, against an independent library and inclined planes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
import xrspatial  # type: ignore[import-untyped]
from affine import Affine
from odc.geo.geobox import GeoBox

from engine.errors import GridMismatchError
from engine.grids import EARTH_RADIUS, lonlat
from engine.terrain import horn_slope

UTM = GeoBox((40, 50), Affine(90, 0, 5e5, 0, -90, 3.8e6), "EPSG:32649")
ARC = GeoBox((60, 50), Affine(1 / 1200, 0, 113, 0, -1 / 1200, 34.5), "EPSG:4326")


def hills(shape: tuple[int, int]) -> np.ndarray:
    """Return rough ground, m."""
    y, x = np.indices(shape)
    rough = np.random.default_rng(2).normal(size=shape)
    return np.asarray(400 + 60 * np.sin(x / 5) + 80 * np.cos(y / 7) + 5 * rough)


def test_slope_agrees_with_xarray_spatial_on_a_plane_grid() -> None:
    """On square metric pixels Horn's slope is the same in both programs."""
    elevation = hills((40, 50))
    array = xr.DataArray(elevation, dims=("y", "x"), attrs={"res": (90, 90)})
    theirs = xrspatial.slope(array).to_numpy()
    ours = horn_slope(elevation, UTM)
    assert np.allclose(ours[1:-1, 1:-1], theirs[1:-1, 1:-1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("direction", ["east", "north", "both"])
def test_an_inclined_plane_has_its_slope(direction: str) -> None:
    """A surface that rises one metre in ten on the ground slopes 5.71 degrees everywhere.

    East and north are measured on the ground, though the grid is in degrees.
    """
    lon, lat = lonlat(ARC)
    metres = np.radians(1) * EARTH_RADIUS
    east = (lon - 113) * metres * np.cos(np.radians(lat))
    north = (lat - 34.5) * metres
    rise = {"east": east, "north": north, "both": (east + north) / np.sqrt(2)}[direction]
    slope = horn_slope(0.1 * rise, ARC)
    # A plane that rises to the east cannot be level to the north as well on a sphere.
    assert np.allclose(slope[1:-1, 1:-1], np.degrees(np.arctan(0.1)), atol=0.02)


def test_degrees_are_not_square() -> None:
    """The same step in height is steeper from column to column than from row to row."""
    y, x = np.indices((9, 9))
    at_34 = GeoBox((9, 9), ARC.affine, ARC.crs)
    east, north = horn_slope(10.0 * x, at_34), horn_slope(10.0 * y, at_34)
    ratio = np.tan(np.radians(east[4, 4])) / np.tan(np.radians(north[4, 4]))
    assert ratio == pytest.approx(1 / np.cos(np.radians(34.5)), rel=1e-3)


def test_flat_ground_has_no_slope() -> None:
    """A constant elevation slopes zero degrees."""
    slope = horn_slope(np.full((40, 50), 123.4, dtype=np.float32), UTM)
    assert (slope[1:-1, 1:-1] == 0).all()


def test_slope_needs_all_neighbours() -> None:
    """The rim and the eight neighbours of a hole have no slope."""
    elevation = hills((40, 50))
    elevation[20, 20] = np.nan
    slope = horn_slope(elevation, UTM)
    missing = np.isnan(slope)
    assert missing[[0, -1]].all()
    assert missing[:, [0, -1]].all()
    inner = missing[1:-1, 1:-1]
    assert inner.sum() == 8  # Horn's kernel has no weight in its middle
    assert missing[19:22, 19:22].sum() == 8


def test_tall_rasters_are_worked_on_in_parts() -> None:
    """Many rows give what their parts give."""
    elevation = hills((1300, 6))
    tall = GeoBox((1300, 6), UTM.affine, UTM.crs)
    slope = horn_slope(elevation, tall)
    part = horn_slope(elevation[500:530], tall[500:530, :])
    assert np.array_equal(slope[501:529], part[1:-1], equal_nan=True)


def test_elevation_on_another_grid_is_refused() -> None:
    """The error names both shapes."""
    with pytest.raises(GridMismatchError, match="elevation"):
        horn_slope(np.zeros((3, 3)), UTM)
