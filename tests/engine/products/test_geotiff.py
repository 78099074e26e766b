"""GeoTIFF and HGT."""

from __future__ import annotations

import gzip
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio

from engine.errors import GranuleError
from engine.granules import Granule
from engine.grids import BBox, coarse_window, fine_of, lonlat
from engine.products import decode, recognise
from engine.products.spec import VariableSpec
from engine.products.user_raster import read_user_raster
from engine.testing import shared_path, write_geotiff

if TYPE_CHECKING:
    from pathlib import Path

AREA = fine_of(coarse_window(BBox(113.1, 34.1, 113.7, 34.7)))
RAIN = "chirps-v2.0.2019.07.01.tif"
CORNER = (112.0, 36.0)
VALUES = np.arange(60 * 60, dtype=np.float32).reshape(60, 60) / 100


def read(path: Path, area=AREA):
    granule = recognise(path)
    assert granule is not None
    return decode(granule, area)


def test_only_the_area_is_read(tmp_path):
    """An area gets its pixels and a small margin, in their places."""
    path = write_geotiff(tmp_path / RAIN, VALUES, CORNER, 0.05, nodata=-9999)
    field = read(path)["precipitation"]
    lon, lat = lonlat(field.geobox)
    row = np.rint((36 - lat) / 0.05 - 0.5).astype(int)
    column = np.rint((lon - 112) / 0.05 - 0.5).astype(int)
    np.testing.assert_array_equal(field.values, VALUES[row, column])
    assert field.values.size < 20 * 20
    assert field.units == "mm day-1"


def test_the_lattice_is_made_exact(tmp_path):
    """Corners that are rounded to float32 come to the product's lattice."""
    corner = (112.0000024, 35.9999991)
    path = write_geotiff(tmp_path / RAIN, VALUES, corner, 0.0500000017, nodata=-9999)
    affine = read(path)["precipitation"].geobox.affine
    assert affine.a == 0.05
    assert (affine.c + 180) / 0.05 == pytest.approx(round((affine.c + 180) / 0.05), abs=1e-9)


def test_nodata_of_file_and_product_are_both_missing(tmp_path):
    """-9999 is missing even where the file says otherwise, and so is the file's own."""
    values = VALUES.copy()
    values[:, ::3], values[:, 1::3] = -9999, np.float32(-3.4e38)
    path = write_geotiff(tmp_path / RAIN, values, CORNER, 0.05, nodata=float(np.float32(-3.4e38)))
    field = read(path)["precipitation"]
    assert np.nanmin(field.values) >= 0
    assert (field.weight > 0).mean() == pytest.approx(1 / 3, abs=0.05)


def test_a_gzipped_file_is_read(tmp_path):
    """CHIRPS is delivered gzipped."""
    path = write_geotiff(tmp_path / RAIN, VALUES, CORNER, 0.05, nodata=-9999)
    expected = read(path)["precipitation"].values
    with path.open("rb") as plain, gzip.open(tmp_path / f"{RAIN}.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    np.testing.assert_array_equal(read(tmp_path / f"{RAIN}.gz")["precipitation"].values, expected)


def test_scale_and_offset_of_the_file_are_used_for_sif(tmp_path):
    """An eSIF GeoTIFF of scaled integers gives physical values."""
    stored = (VALUES * 10).astype(np.int16)
    path = write_geotiff(tmp_path / "eSIF_2019185.tif", stored, CORNER, 0.05, nodata=-32768)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.01,), (-0.1,)
    field = read(path)["sif"]
    assert np.nanmin(field.values) >= -0.1
    assert np.nanmax(field.values) < 3.6
    assert field.units == "mW m-2 nm-1 sr-1"


def test_a_raster_elsewhere_gives_nothing(tmp_path):
    """A raster that does not touch the area holds no field."""
    path = write_geotiff(tmp_path / RAIN, VALUES, (10.0, 20.0), 0.05, nodata=-9999)
    assert read(path) == {}


@pytest.mark.parametrize(
    ("content", "crs", "message"),
    [
        ((VALUES, CORNER, 0.25), "EPSG:4326", "pixels of 0.25 by 0.25; expected pixels of 0.05"),
        ((VALUES, (112.02, 36.0), 0.05), "EPSG:4326", "corner at 112.02, 36; expected a corner of"),
        (
            (VALUES, (5e5, 4e6), 5000),
            "EPSG:32649",
            "its grid is EPSG:32649; expected longitude and",
        ),
        ((VALUES, CORNER, 0.05), None, "names no coordinate reference system; expected EPSG:4326"),
        ((VALUES * 0 - 9999, CORNER, 0.05), "EPSG:4326", "precipitation holds fill or invalid"),
    ],
)
def test_wrong_content_is_named(tmp_path, content, crs, message):
    """Pixel size, lattice, reference system and emptiness are told with the file's name."""
    path = write_geotiff(tmp_path / RAIN, *content, crs=crs, nodata=-9999)
    with pytest.raises(GranuleError, match=rf"^{RAIN}: .*{message}"):
        read(path)


def test_units_in_the_file_are_checked(tmp_path):
    """Precipitation in inches is refused."""
    path = write_geotiff(tmp_path / RAIN, VALUES, CORNER, 0.05)
    with rasterio.open(path, "r+") as file:
        file.units = ("inch",)
    with pytest.raises(GranuleError, match=r"precipitation has units 'inch'; expected 'mm day-1'"):
        read(path)


def test_a_raster_without_a_place_is_refused(tmp_path):
    """A picture with no transform is no map."""
    path = write_geotiff(tmp_path / RAIN, VALUES, CORNER, 0.05)
    with rasterio.open(path, "r+") as file:
        file.transform = rasterio.Affine(0.05, 0.01, 112, 0, -0.05, 36)
    with pytest.raises(GranuleError, match=r"rotated, upside down or without place"):
        read(path)


def test_a_missing_band_is_named(tmp_path):
    """Band 7 of a single-band raster does not exist."""
    path = write_geotiff(tmp_path / "own.tif", VALUES, CORNER, 0.05)
    with pytest.raises(GranuleError, match=r"own.tif: it has 1 band\(s\); expected band 7"):
        read_user_raster(path, VariableSpec(name="own", units="1", band=7), AREA)


def test_any_projection_serves_a_users_own_raster(tmp_path):
    """A UTM raster is cut along the area's outline."""
    path = write_geotiff(
        tmp_path / "own.tif", VALUES.repeat(5, 0).repeat(5, 1), (6e5, 4e6), 1000, crs="EPSG:32649"
    )
    field = read_user_raster(path, VariableSpec(name="own", units="1"), AREA)
    assert field is not None
    lon, lat = lonlat(field.geobox)
    assert lon.min() < 113.1
    assert lon.max() > 113.7
    assert lat.min() < 34.1
    assert lat.max() > 34.7


def test_a_cgiar_tile_of_srtm_is_read(tmp_path):
    """Elevation of a 3 arc-second GeoTIFF, holes missing."""
    values = np.full((1200, 1200), 120, np.int16)
    values[:, 600:] = -32768
    path = write_geotiff(tmp_path / "srtm_59_06.tif", values, (113.0, 35.0), 1 / 1200)
    field = read(path)["elevation"]
    assert np.nanmax(field.values) == 120
    assert 0 < (field.weight > 0).mean() < 1


class TestRealFiles:
    """Genuine SRTM and CHIRPS."""

    def test_srtm_knows_mount_washington(self):
        """The highest point of N44W072 is Mount Washington, 1908 m, at 44.27 N, 71.30 W."""
        path = shared_path("realdata", "srtm", "N44W072.hgt")
        area = fine_of(coarse_window(BBox(-71.95, 44.05, -71.05, 44.95)))
        field = read(path, area)["elevation"]
        lon, lat = lonlat(field.geobox)
        highest = np.nanargmax(field.values)
        assert field.values.flat[highest] == 1908
        assert (lon.flat[highest], lat.flat[highest]) == pytest.approx((-71.303, 44.271), abs=2e-3)

    def test_every_height_of_srtm_is_as_numpy_reads_it(self):
        """1201 × 1201 big-endian integers, row 0 in the north, 115 to 1908 m, no void."""
        path = shared_path("realdata", "srtm", "N44W072.hgt")
        stored = np.fromfile(path, ">i2").reshape(1201, 1201)
        area = fine_of(coarse_window(BBox(-72.2, 43.8, -70.8, 45.2)))
        field = read(path, area)["elevation"]
        np.testing.assert_array_equal(field.values, stored)
        assert (stored.min(), stored.max(), (stored == -32768).sum()) == (115, 1908, 0)
        assert (field.weight == 1).all()

    def test_srtm_samples_are_points_at_pixel_centres(self):
        """A tile's samples lie on whole arc-seconds, so its pixels' edges are half a pixel off."""
        path = shared_path("realdata", "srtm", "N44W072.hgt")
        area = fine_of(coarse_window(BBox(-72.2, 43.8, -70.8, 45.2)))
        affine = read(path, area)["elevation"].geobox.affine
        assert (affine.c, affine.f) == pytest.approx((-72 - 1 / 2400, 45 + 1 / 2400), abs=1e-9)

    def test_chirps_is_put_on_its_lattice(self):
        """A day of Chile's winter, whose corners are rounded in the file."""
        path = shared_path("realdata", "chirps", "CHIRPS5km.tif")
        granule = Granule(path=path, product="CHIRPS", period=None)
        area = fine_of(coarse_window(BBox(-71.8, -33.9, -70.0, -32.1)))
        field = decode(granule, area)["precipitation"]
        assert field.geobox.affine.a == 0.05
        position = (field.geobox.affine.c + 180) / 0.05
        assert position == pytest.approx(round(position), abs=1e-9)
        assert np.nanmin(field.values) >= 0
        assert 0.8 < (field.weight > 0).mean() < 1
