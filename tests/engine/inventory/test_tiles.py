"""Names of the tiles under an area, against the tiles' own outlines."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.grids import BBox, coarse_window, fine_of, sinusoidal_tile, transformer
from engine.inventory.tiles import _five_degrees, _one_degree, _sinusoidal, tiles_of
from engine.products import load_specs
from engine.products.degree_tiles import degree_tile

longitudes = st.floats(-179.5, 179.5).map(lambda degrees: np.array([degrees]))
latitudes = st.floats(-59.5, 59.5).map(lambda degrees: np.array([degrees]))


@given(lon=longitudes, lat=latitudes)
@settings(max_examples=50)
def test_a_point_lies_on_its_tile(lon: np.ndarray, lat: np.ndarray) -> None:
    """Whatever names a tile, the tile of that name holds the point."""
    for namer in (_five_degrees, _one_degree):
        bounds = degree_tile(str(namer(lon, lat)[0]))
        assert bounds is not None
        west, south, east, north = bounds
        assert west - 1e-9 <= lon[0] <= east + 1e-9
        assert south - 1e-9 <= lat[0] <= north + 1e-9
    grid = sinusoidal_tile(str(_sinusoidal(lon, lat)[0]), 1200)
    x, y = transformer("EPSG:4326", str(grid.crs)).transform(lon[0], lat[0])
    box = grid.boundingbox
    assert box.left - 1 <= x <= box.right + 1
    assert box.bottom - 1 <= y <= box.top + 1


def test_an_area_about_the_origin_has_four_one_degree_tiles() -> None:
    """North and south, east and west are told apart where they meet."""
    area = fine_of(coarse_window(BBox(-0.4, -0.4, 0.4, 0.4)))
    tiles = tiles_of(load_specs()["SRTM"], area, {"N00E000"})
    assert tiles.needed == ("N00E000", "N00W001", "S01E000", "S01W001")


def test_a_large_area_is_counted_by_coarse_cells() -> None:
    """A continent takes no longer than a province and has the tiles that one knows."""
    area = fine_of(coarse_window(BBox(100, 20, 125, 45)))
    tiles = tiles_of(load_specs()["MOD11A2"], area, set())
    assert {"h26v05", "h27v05", "h28v05", "h27v06", "h28v06", "h26v04"} <= set(tiles.needed)
    assert sum(tiles.slivers.values()) < 0.05
