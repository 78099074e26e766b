"""The grids: their numbers, their nesting, their windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pyproj import Transformer

from engine.errors import GridMismatchError, InputError
from engine.grids import (
    COARSE,
    COARSE_PIXEL,
    BBox,
    as_blocks,
    block_mean,
    coarse_of,
    coarse_window,
    covering_strips,
    covering_window,
    fine_of,
    lonlat,
    sinusoidal_tile,
    spread,
)

HENAN = BBox(110.35, 31.38, 116.65, 36.37)

BOXES = st.builds(
    lambda west, south, width, height: BBox(west, south, west + width, south + height),
    st.floats(-175, 170),
    st.floats(-80, 76),
    st.floats(0.05, 5),
    st.floats(0.05, 5),
)


@pytest.mark.parametrize(
    ("row", "column", "longitude", "latitude"),
    [
        (0, 0, -179.953320, 84.656419),
        (330, 3109, 110.306017, 36.332224),
        (388, 3177, 116.654564, 31.418455),
    ],
)
def test_coarse_cells_lie_where_nsidc_says(
    row: int, column: int, longitude: float, latitude: float
) -> None:
    """The centres of three cells agree to a millionth of a degree."""
    lon, lat = lonlat(COARSE[row : row + 1, column : column + 1])
    assert lon.item() == pytest.approx(longitude, abs=1e-6)
    assert lat.item() == pytest.approx(latitude, abs=1e-6)


def test_the_window_of_henan_has_its_known_corners() -> None:
    """69 × 59 coarse cells, 621 × 531 fine cells, and corners known to the millimetre."""
    coarse = coarse_window(HENAN)
    fine = fine_of(coarse)
    assert coarse.shape == (59, 69)
    assert fine.shape == (531, 621)
    assert fine.affine.c == pytest.approx(10638513.203, abs=1e-3)
    assert fine.affine.f == pytest.approx(4341882.611, abs=1e-3)
    right, bottom = fine.affine @ (621, 531)
    assert right == pytest.approx(11260069.013, abs=1e-3)
    assert bottom == pytest.approx(3810407.354, abs=1e-3)
    assert fine.affine.a == pytest.approx(1000.8950233495556, abs=1e-9)


def test_a_coarse_pixel_is_not_nine_kilometres() -> None:
    """A pixel of 9000 m would shift Zhengzhou by 25 km."""
    assert pytest.approx(81.145, abs=1e-3) == COARSE_PIXEL**2 / 1e6


@given(BOXES)
def test_a_window_covers_its_box_tightly(bbox: BBox) -> None:
    """No corner of the box is outside, and every rim cell is touched by the box."""
    window = coarse_window(bbox)
    to_grid = Transformer.from_crs("EPSG:4326", "EPSG:6933", always_xy=True)
    left, top = ~window.affine @ to_grid.transform(bbox.west, bbox.north)
    right, bottom = ~window.affine @ to_grid.transform(bbox.east, bbox.south)
    assert -1e-6 <= left < 1
    assert -1e-6 <= top < 1
    assert window.shape.x - 1 < right <= window.shape.x + 1e-6
    assert window.shape.y - 1 < bottom <= window.shape.y + 1e-6


@given(BOXES)
def test_fine_and_coarse_nest(bbox: BBox) -> None:
    """A coarse window's fine cells make up the same coarse window, corner on corner."""
    coarse = coarse_window(bbox)
    again = coarse_of(fine_of(coarse))
    assert again.shape == coarse.shape
    assert np.allclose(tuple(again.affine), tuple(coarse.affine), rtol=0, atol=1e-6)


def test_fine_cells_that_make_no_whole_coarse_cells_are_refused() -> None:
    """A window of 10 fine rows is no block of coarse cells."""
    fine = fine_of(coarse_window(HENAN))
    with pytest.raises(GridMismatchError, match="9 × 9"):
        coarse_of(fine[:10, :9])
    with pytest.raises(GridMismatchError, match="9 × 9"):
        as_blocks(np.zeros((10, 9)))


@pytest.mark.parametrize(
    ("box", "wrong"),
    [
        ((170, 10, -170, 20), "antimeridian"),
        ((10, 20, 20, 10), "inside out"),
        ((10, 10, 10, 20), "empty"),
        ((10, 10, 20, math.nan), "finite"),
        ((10, 10, 20), "four"),
        ((-190, 10, 20, 20), "beyond"),
        ((10, 80, 20, 89), "beyond"),
    ],
)
def test_a_box_that_is_none_is_refused(box: tuple[float, ...], wrong: str) -> None:
    """The error says what is wrong with the box and what is allowed."""
    with pytest.raises(InputError, match=f"{wrong}.*allowed"):
        BBox.parse(box)


def test_a_modis_tile_has_its_published_corner() -> None:
    """The upper left corner and pixel of h27v05, and the window of Henan in it."""
    tile = sinusoidal_tile("h27v05", 2400)
    assert tile.affine.c == pytest.approx(10007554.677899, abs=1e-5)
    assert tile.affine.f == pytest.approx(4447802.079066, abs=1e-5)
    assert tile.affine.a == pytest.approx(463.3127165693847, abs=1e-9)
    window = covering_window(tile, fine_of(coarse_window(HENAN)), pad=0)
    assert window is not None
    assert abs(window[0].start - 871) <= 3
    assert abs(window[0].stop - 2069) <= 3


@pytest.mark.parametrize("name", ["h36v05", "h27v18", "27-05", "H27V05"])
def test_a_tile_that_is_none_is_refused(name: str) -> None:
    """The error says which tiles there are."""
    with pytest.raises(InputError, match="h35v17"):
        sinusoidal_tile(name, 2400)


def test_a_source_elsewhere_covers_nothing() -> None:
    """A tile of Africa has no window for Henan."""
    assert covering_window(sinusoidal_tile("h19v08", 1200), fine_of(coarse_window(HENAN))) is None


@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=3, max_side=4),
        elements=st.floats(-1e3, 1e3),
    )
)
def test_block_means_undo_spreading(coarse: np.ndarray) -> None:
    """The mean of 81 copies of a value is the value."""
    assert np.allclose(block_mean(spread(coarse)), coarse, rtol=0, atol=1e-9)


def test_block_means_ignore_gaps_up_to_their_limit() -> None:
    """60 % of valid cells are enough, one cell fewer is not."""
    fine = np.arange(81.0).reshape(9, 9)
    fine.flat[49:] = np.nan
    assert block_mean(fine).item() == pytest.approx(24.0)
    fine.flat[48] = np.nan
    assert np.isnan(block_mean(fine)).all()


@pytest.mark.parametrize("tile", ["h26v05", "h27v05"])
def test_strips_cover_an_area_and_little_more(tile: str) -> None:
    """Every pixel of a tile that lies in Henan is in one strip; few others are in any."""
    area, source = fine_of(coarse_window(HENAN)), sinusoidal_tile(tile, 2400)
    covered = np.zeros(tuple(source.shape), np.int64)
    for part in covering_strips(source, area, 40_000):
        covered[part] += 1
    lon, lat = lonlat(area)
    to_tile = Transformer.from_crs("EPSG:4326", source.crs, always_xy=True)
    x, y = to_tile.transform(lon, lat)
    column, row = ~source.affine * (x, y)
    inside = (column >= 0) & (column < 2400) & (row >= 0) & (row < 2400)
    seen = covered[row[inside].astype(int), column[inside].astype(int)]
    assert covered.max() == 1
    assert (seen == 1).all()
    window = covering_window(source, area)
    assert window is not None
    cells = float(inside.sum()) * (COARSE_PIXEL / 9) ** 2 / source.resolution.x**2
    assert cells <= covered.sum() < 1.1 * cells + 20 * max(source.shape)
    assert covered.sum() < covered[window].size


def test_strips_of_an_area_elsewhere_are_none() -> None:
    """A tile of another continent has nothing of it."""
    assert covering_strips(sinusoidal_tile("h09v05", 2400), fine_of(coarse_window(HENAN)), 9) == []
