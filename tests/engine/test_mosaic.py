"""Tiles are joined on the lattice that they share."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from engine.errors import GridMismatchError, UnitsError
from engine.granules import Field
from engine.mosaic import mosaic

WHOLE = GeoBox((21, 31), Affine(1 / 1200, 0, 113 - 1 / 2400, 0, -1 / 1200, 35), "EPSG:4326")
VALUES = np.arange(21 * 31, dtype=np.float32).reshape(21, 31)


def part(rows: slice, columns: slice, units: str = "m") -> Field:
    """Return a part of the whole as a tile."""
    values = VALUES[rows, columns].copy()
    weight = np.isfinite(values).astype(np.float32)
    return Field(values=values, weight=weight, geobox=WHOLE[rows, columns], units=units)


def test_tiles_that_share_their_edges_make_the_whole() -> None:
    """Four tiles that overlap by one pixel, in any order, give back the raster."""
    tiles = [
        part(rows, columns)
        for rows in (slice(10, 21), slice(0, 11))
        for columns in (slice(0, 16), slice(15, 31))
    ]
    whole = mosaic(tiles)
    assert np.array_equal(whole.values, VALUES)
    assert whole.geobox.shape == WHOLE.shape
    assert np.allclose(tuple(whole.geobox.affine), tuple(WHOLE.affine), rtol=0, atol=1e-9)
    assert (whole.weight == 1).all()


def test_a_hole_in_one_tile_is_filled_by_the_other() -> None:
    """Where tiles overlap a valid value beats a missing one."""
    first, second = part(slice(0, 21), slice(0, 16)), part(slice(0, 21), slice(15, 31))
    first.values[:, -1] = np.nan
    assert np.array_equal(mosaic([first, second]).values, VALUES)


def test_between_tiles_nothing_is_made_up() -> None:
    """Two tiles at a corner leave the other corners missing."""
    whole = mosaic([part(slice(0, 10), slice(0, 15)), part(slice(10, 21), slice(15, 31))])
    assert np.isnan(whole.values[0, -1])
    assert whole.weight[0, -1] == 0
    assert np.isfinite(whole.values).sum() == 10 * 15 + 11 * 16


def test_one_tile_is_its_own_mosaic() -> None:
    """Nothing is copied where nothing is joined."""
    tile = part(slice(0, 5), slice(0, 5))
    assert mosaic([tile]) is tile


@pytest.mark.parametrize(
    "affine",
    [
        WHOLE.affine @ Affine.translation(0.3, 0),
        WHOLE.affine @ Affine.scale(1.01),
    ],
)
def test_a_tile_off_the_lattice_is_refused(affine: Affine) -> None:
    """A third of a pixel, or another pixel size, is another lattice."""
    stray = Field(
        values=VALUES,
        weight=np.ones_like(VALUES),
        geobox=GeoBox((21, 31), affine, WHOLE.crs),
        units="m",
    )
    with pytest.raises(GridMismatchError, match="tile"):
        mosaic([part(slice(0, 5), slice(0, 5)), stray])


def test_a_tile_in_another_unit_is_refused() -> None:
    """Feet do not join metres."""
    tiles = [part(slice(0, 5), slice(0, 5)), part(slice(0, 5), slice(5, 9), units="ft")]
    with pytest.raises(UnitsError, match="ft"):
        mosaic(tiles)
