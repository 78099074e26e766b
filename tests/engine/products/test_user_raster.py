"""Rasters of users, through rioxarray."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio

from engine.errors import GranuleError
from engine.grids import BBox, coarse_window, fine_of
from engine.products.geotiff import read_raster
from engine.products.spec import VariableSpec
from engine.products.user_raster import read_user_raster
from engine.testing import shared_path, write_geotiff

if TYPE_CHECKING:
    from pathlib import Path

AREA = fine_of(coarse_window(BBox(20.1, -33.4, 20.6, -32.9)))
VALUES = np.random.default_rng(5).random((400, 400)).astype(np.float32)
CORNER = (19.0, -31.0)
DEPTH = VariableSpec(name="depth", units="m", source_units=("m",))


@pytest.fixture
def path(tmp_path) -> Path:
    """Write a raster of hundredths of a degree."""
    return write_geotiff(tmp_path / "own.tif", VALUES, CORNER, 0.01, nodata=-1)


def test_both_ways_of_reading_agree(path):
    """What rioxarray hands over is what rasterio reads, on the same window."""
    mine, plain = read_user_raster(path, DEPTH, AREA), read_raster(path, DEPTH, AREA)
    assert mine is not None
    assert plain is not None
    assert mine.geobox.affine.almost_equals(plain.geobox.affine, 1e-9)
    np.testing.assert_array_equal(mine.values, plain.values)
    assert mine.values.size < VALUES.size / 10


def test_scale_offset_and_units_of_the_file_count(path):
    """Stored numbers become metres by the file's own word."""
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets, file.units = (2.0,), (10.0,), ("m",)
    field = read_user_raster(path, DEPTH, AREA)
    assert field is not None
    assert 10 <= np.nanmin(field.values) < 10.1
    assert 11.9 < np.nanmax(field.values) <= 12


def test_the_band_that_was_asked_for_is_read(tmp_path):
    """Of two bands with units of their own the second."""
    path = tmp_path / "own.tif"
    profile = {"driver": "GTiff", "width": 400, "height": 400, "count": 2, "dtype": "float32"}
    transform = rasterio.transform.from_origin(*CORNER, 0.01, 0.01)
    with rasterio.open(path, "w", crs="EPSG:4326", transform=transform, **profile) as file:
        file.write(np.stack([VALUES, VALUES + 5]))
        file.units = ("K", "m")
    field = read_user_raster(path, DEPTH.model_copy(update={"band": 2}), AREA)
    assert field is not None
    assert np.nanmin(field.values) >= 5
    with pytest.raises(GranuleError, match=r"own.tif: depth has units 'K'; expected 'm'"):
        read_user_raster(path, DEPTH, AREA)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ((0.01, 0, 19, 0, 0.01, -35), "upside down or without place"),
        ((0.01, 0.002, 19, 0, -0.01, -31), "rotated"),
        ((np.nan, 0, np.nan, 0, np.nan, np.nan), "without place"),
    ],
)
def test_a_raster_that_cannot_be_placed_is_named(path, transform, message):
    """Only north-up grids have rows along parallels or nearly so."""
    with rasterio.open(path, "r+") as file:
        file.transform = rasterio.Affine(*transform)
    with pytest.raises(GranuleError, match=rf"^own.tif: .*{message}"):
        read_user_raster(path, DEPTH, AREA)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_cut_raster_is_named(path, share):
    """A copy that broke off is an error even where the area's rows are there."""
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(GranuleError, match=r"^own.tif: "):
        read_user_raster(path, DEPTH, AREA)


def test_the_real_slope_of_bungo():
    """An operator's own layer in UTM: counts and extremes are the file's."""
    path = shared_path("realdata", "soilgrids_bungo", "bungo_slope.tif")
    slope = VariableSpec(name="slope", units="percent")
    field = read_user_raster(path, slope, fine_of(coarse_window(BBox(101.3, -2.1, 102.7, -0.9))))
    assert field is not None
    assert np.isfinite(field.values).sum() == 455381
    assert np.nanmax(field.values) == pytest.approx(156.3345)
