"""Maps in other projections: values stay where they were, on the globe."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from engine.cog import NO_BITS
from engine.errors import InputError
from engine.grids import BBox, apply_affine, lonlat, transformer
from engine.views import inside, utm_zone, view, view_grid
from stac.testing import AREA, toy_layer


@pytest.mark.parametrize("crs", ["EPSG:4326", "utm", "EPSG:32650", "EPSG:6933"])
def test_each_cell_has_the_value_of_its_place(crs: str) -> None:
    """Looked up by hand: the centre's longitude and latitude lead to the map's cell."""
    values = toy_layer(AREA).to_numpy()
    target = view_grid(AREA, crs)
    seen = view(values, AREA, target)
    x, y = transformer("EPSG:4326", str(AREA.crs)).transform(*lonlat(target))
    columns, rows = apply_affine(~AREA.affine, np.asarray(x), np.asarray(y))
    near_an_edge = (np.abs(columns - np.rint(columns)) < 0.01) | (
        np.abs(rows - np.rint(rows)) < 0.01
    )
    column, row = np.floor(columns).astype(int), np.floor(rows).astype(int)
    held = (column >= 0) & (row >= 0) & (column < AREA.shape.x) & (row < AREA.shape.y)
    expected = np.full(seen.shape, np.nan, np.float32)
    expected[held] = values[row[held], column[held]]
    np.testing.assert_array_equal(seen[~near_an_edge], expected[~near_an_edge])
    assert held.mean() > 0.85


def test_the_own_grid_is_cut_and_not_resampled() -> None:
    """All of it is the map itself, a part is a part of it."""
    values = toy_layer(AREA).to_numpy()
    assert view_grid(AREA, "EPSG:6933") == AREA
    box = BBox(113.1, 34.05, 113.2, 34.1)
    target = view_grid(AREA, "EPSG:6933", box)
    seen = view(values, AREA, target)
    column, row = (round(v) for v in ~AREA.affine @ (target.affine.c, target.affine.f))
    part = values[row : row + target.shape.y, column : column + target.shape.x]
    np.testing.assert_array_equal(seen, part)
    lon, lat = lonlat(target)
    assert lon.min() < box.west + 0.011
    assert lat.max() > box.north - 0.011


def test_cells_of_a_view_lie_on_whole_multiples() -> None:
    """So that views of different areas fit together."""
    for box in (BBox(113.0, 34.0, 113.2, 34.1), BBox(113.111, 34.055, 113.25, 34.18)):
        degrees, metres = (view_grid(AREA, crs, box).affine for crs in ("EPSG:4326", "utm"))
        assert 120 * degrees.c == pytest.approx(round(120 * degrees.c), abs=1e-6)
        assert metres.c % 1000 == 0
        assert metres.f % 1000 == 0


def test_bits_stay_bits() -> None:
    """They keep their type, and what has none is marked."""
    bits = (toy_layer(AREA).to_numpy() > 0.2).astype(np.uint16)
    seen = view(bits, AREA, view_grid(AREA, "EPSG:4326"))
    assert seen.dtype == np.uint16
    assert set(np.unique(seen)) <= {0, 1, NO_BITS}


def test_zones_follow_longitude_and_hemisphere() -> None:
    """Every edge of the globe has its zone."""
    assert utm_zone(-180, 10) == "EPSG:32601"
    assert utm_zone(180, -10) == "EPSG:32760"
    assert utm_zone(3, 52) == "EPSG:32631"


def test_what_lies_elsewhere_is_refused() -> None:
    """An area without the map; inside() is False beyond a polygon."""
    with pytest.raises(InputError, match="bbox"):
        view_grid(AREA, "EPSG:4326", BBox(0, 0, 1, 1))
    polygon = shapely.box(113.0, 34.0, 113.1, 34.1)
    lon, lat = lonlat(AREA)
    expected = (lon > 113.0) & (lon < 113.1) & (lat > 34.0) & (lat < 34.1)
    np.testing.assert_array_equal(inside(polygon, AREA), expected)
