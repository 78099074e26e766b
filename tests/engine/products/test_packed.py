"""Rasters in gzip and zip."""

from __future__ import annotations

import gzip
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.errors import GranuleError
from engine.grids import BBox, coarse_window, fine_of
from engine.products import decode, packed, recognise
from engine.products.degree_tiles import degree_tile
from engine.testing import shared_path, write_geotiff

if TYPE_CHECKING:
    from pathlib import Path

AREA = fine_of(coarse_window(BBox(113.1, 34.1, 113.7, 34.7)))
RAIN = "chirps-v2.0.2019.07.01.tif.gz"
VALUES = np.random.default_rng(3).random((40, 40), np.float32)
HEIGHTS = (np.add.outer(np.arange(1201), np.arange(1201)) % 900).astype(">i2")


def read(path: Path, area=AREA):
    granule = recognise(path)
    assert granule is not None
    return decode(granule, area)


def gzipped(folder: Path) -> Path:
    """Write a day of rain as it is delivered."""
    plain = write_geotiff(folder / "plain.tif", VALUES, (112.0, 36.0), 0.05, nodata=-9999)
    (folder / RAIN).write_bytes(gzip.compress(plain.read_bytes()))
    return folder / RAIN


def zipped(folder: Path, name: str, *members: tuple[str, bytes]) -> Path:
    """Write a zip of some members."""
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members:
            archive.writestr(member, content)
    return folder / name


@pytest.mark.parametrize("name", ["N34E113.SRTMGL3.hgt.zip", "N34E113.SRTMGL3S.hgt.zip"])
def test_a_zipped_tile_is_the_tile(tmp_path, name):
    """USGS delivers zips; the tile inside is read where its own name says."""
    (tmp_path / "N34E113.hgt").write_bytes(HEIGHTS.tobytes())
    plain = read(tmp_path / "N34E113.hgt")["elevation"]
    packed_field = read(zipped(tmp_path, name, ("N34E113.hgt", HEIGHTS.tobytes())))["elevation"]
    assert packed_field.geobox == plain.geobox
    np.testing.assert_array_equal(packed_field.values, plain.values)


@pytest.mark.parametrize("name", ["N34E113.SRTMGL3.hgt", "N34E113.SRTMGL3S.hgt"])
def test_a_tile_is_placed_by_its_name(tmp_path, name):
    """What follows the corner in the name does not matter."""
    (tmp_path / name).write_bytes(HEIGHTS.tobytes())
    field = read(tmp_path / name)["elevation"]
    column, row = ~field.geobox.affine @ (113, 35)
    assert (column % 1, row % 1) == pytest.approx((0.5, 0.5), abs=1e-6)
    assert field.values.size > 400 * 400


def test_a_zip_of_cgiar_holds_more_than_its_raster(tmp_path):
    """The readme and the header beside the raster are left alone."""
    values = np.full((600, 600), 120, np.int16)
    plain = write_geotiff(tmp_path / "x.tif", values, (113.0, 35.0), 1 / 600, nodata=-32768)
    members = [("readme.txt", b"terms"), ("srtm_59_06.tif", plain.read_bytes())]
    field = read(zipped(tmp_path, "srtm_59_06.zip", *members, ("srtm_59_06.hdr", b"x")))
    assert np.nanmax(field["elevation"].values) == 120


def test_the_real_tile_in_a_zip(tmp_path):
    """Mount Washington, packed."""
    content = shared_path("realdata", "srtm", "N44W072.hgt").read_bytes()
    path = zipped(tmp_path, "N44W072.SRTMGL3.hgt.zip", ("N44W072.hgt", content))
    field = read(path, fine_of(coarse_window(BBox(-72.2, 43.8, -70.8, 45.2))))["elevation"]
    stored = np.frombuffer(content, ">i2").reshape(1201, 1201)
    np.testing.assert_array_equal(field.values, stored)
    assert (field.weight > 0).sum() == (stored != -32768).sum() == 1201 * 1201


@pytest.mark.parametrize("members", [0, 2])
def test_a_zip_needs_one_raster(tmp_path, members):
    """With none or several nobody knows which is meant."""
    tiles = [(f"N34E11{number}.hgt", b"xx") for number in range(members)]
    path = zipped(tmp_path, "N34E113.hgt.zip", ("readme.txt", b""), *tiles)
    with pytest.raises(GranuleError, match=rf"^N34E113.hgt.zip: it holds {members} rasters"):
        read(path)


def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    """Neither a gzip nor a zip may fill the memory, whatever the zip says of itself."""
    monkeypatch.setattr(packed, "LIMIT", 4096)
    zipped(tmp_path, "N34E113.hgt.zip", ("N34E113.hgt", bytes(1201 * 1201 * 2)))
    gzipped(tmp_path)
    for name in ("N34E113.hgt.zip", RAIN):
        with pytest.raises(GranuleError, match=rf"^{name}: it unpacks to too much"):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("srtm_59_05", (110, 35, 115, 40)),
        ("srtm_01_01", (-180, 55, -175, 60)),
        ("srtm_72_24", (175, -60, 180, -55)),
        ("N34E113", (113, 34, 114, 35)),
        ("S34E018", (18, -34, 19, -33)),
        ("N44W072", (-72, 44, -71, 45)),
        ("h27v05", None),
    ],
)
def test_tiles_lie_where_their_names_say(name, bounds):
    """CGIAR counts five degrees from the upper left, USGS names the lower left corner."""
    assert degree_tile(name) == bounds
