"""Files that are not what their names say."""

from __future__ import annotations

import gzip
import re
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from engine.errors import GranuleError
from engine.grids import COARSE, fine_of
from engine.products import decode, recognise
from engine.testing import shared_path, write_geotiff, write_modis, write_smap

if TYPE_CHECKING:
    from pathlib import Path

WINDOW = COARSE[330:342, 3109:3119]
AREA = fine_of(WINDOW)
NAMES = [
    "SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5",
    "MCD43A4.A2019182.h26v05.061.2019191040506.hdf",
    "eSIF_2019185.nc",
    "eSIF_2019193.nc",
    "chirps-v2.0.2019.07.01.tif",
    "chirps-v2.0.2019.07.01.tif.gz",
    "N36E110.hgt",
    "N36E110.SRTMGL3.hgt.zip",
    "srtm_59_05.tif",
    "clay_0-5cm_mean.tif",
    "MCD12Q1.A2019001.h26v05.061.2022169161021.hdf",
    "MOD16A2GF.A2019185.h26v05.061.2020042123456.hdf",
]
WRITTEN = [name for name in NAMES if not name.startswith(("srtm", "clay", "MCD12", "MOD16"))]
HTML = b"<!DOCTYPE html><html><head><title>Earthdata Login</title></head></html>"


def pack(path: Path, inner: Path) -> Path:
    """Put a file into a gzip or a zip."""
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(inner.read_bytes(), 1))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(inner, inner.name)
    return path


def write_genuine(path: Path) -> Path:
    """Write a valid file of the format of its name."""
    if path.suffix in {".gz", ".zip"}:
        return pack(
            path, write_genuine(path.with_name("N36E110.hgt" if "N36" in path.name else "x.tif"))
        )
    if path.suffix == ".hgt":
        path.write_bytes((9 * np.indices((1201, 1201))[0]).astype(">i2").tobytes())
        return path
    noise = np.random.default_rng(1).random((120, 120)).astype(np.float32)
    if path.suffix == ".h5":
        return write_smap(path, noise[:12, :10], WINDOW)
    if path.suffix == ".hdf":
        kinds = {"Nadir_Reflectance_Band": "i2", "BRDF_Albedo_Band_Mandatory_Quality_Band": "u1"}
        layers = {
            f"{name}{band}": ((noise * 99).astype(kind), {})
            for name, kind in kinds.items()
            for band in range(1, 8)
        }
        return write_modis(
            path, layers, grid="MOD_Grid_BRDF", tile_pixels=2400, corner=(21450, -8710)
        )
    if path.suffix == ".nc":
        coords = {"lat": 40 - 0.05 * np.arange(120), "lon": 108 + 0.05 * np.arange(120)}
        xr.DataArray(noise, coords, ("lat", "lon")).to_dataset(name="sif").to_netcdf(
            path, engine="scipy" if "193" in path.name else "h5netcdf"
        )
        return path
    return write_geotiff(path, noise, (108.0, 40.0), 0.05)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (HTML, "holds a web page, not data"),
        (b"\x00\x01garbage" * 999, "is truncated, damaged or of another format"),
    ],
    ids=["empty", "web page", "garbage"],
)
def test_a_file_of_another_kind_is_named(tmp_path, name, content, trouble):
    """Whatever the library says, the user reads the file's name and what ails it."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(GranuleError, match=rf"^{name}: {trouble}; expected ") as caught:
        decode(recognise(path), AREA)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("share", [0.001, 0.03, 0.25, 0.5, 0.75, 0.95, 0.999])
def test_a_file_cut_anywhere_is_named(tmp_path, name, share):
    """A download that broke off is an error, never a map with a hole."""
    path = write_genuine(tmp_path / name)
    assert decode(recognise(path), AREA)
    content = path.read_bytes()
    path.write_bytes(content[: min(int(len(content) * share), len(content) - 16)])
    with pytest.raises(GranuleError, match=rf"^{re.escape(name)}: .*; expected "):
        decode(recognise(path), AREA)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_without_its_beginning_is_named(tmp_path, name):
    """A resumed download that lost its first part."""
    path = write_genuine(tmp_path / name)
    content = path.read_bytes()
    path.write_bytes(content[len(content) // 3 :])
    with pytest.raises(GranuleError, match=rf"^{re.escape(name)}: "):
        decode(recognise(path), AREA)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (
            ("modis_hdf4", "MOD11B2.A2017001.h14v04.006.2017013155631.hdf"),
            "MOD11A2.A2017001.h14v04.061.2017013155631.hdf",
        ),
        (("srtm", "N44W072.hgt"), "N44W072.hgt"),
    ],
    ids=["HDF4", "HGT"],
)
def test_a_genuine_file_cut_anywhere_is_named(tmp_path, parts, name, share):
    """A real tile's list of pieces tells that some are missing, an HGT's size that it is cut."""
    content = shared_path("realdata", *parts).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(GranuleError, match=rf"^{name}: is truncated"):
        decode(recognise(path), AREA)


def test_a_file_that_vanished_is_named(tmp_path):
    """A granule deleted after the archive was walked is told as such."""
    granule = recognise(tmp_path / NAMES[0])
    with pytest.raises(GranuleError, match="is not there; expected SPL4SMGP as HDF5"):
        decode(granule, AREA)


@pytest.mark.parametrize("position", range(4))
def test_one_format_under_the_name_of_another_is_refused(tmp_path, position):
    """A SMAP file named .tif, a GeoTIFF named .hdf and so on are errors that name the file."""
    suffixes = [".h5", ".hdf", ".nc", ".tif"]
    names = [NAMES[0], NAMES[1], NAMES[2], NAMES[4]]
    other = write_genuine(tmp_path / f"genuine{suffixes[position - 1]}")
    path = tmp_path / names[position]
    path.write_bytes(other.read_bytes())
    with pytest.raises(GranuleError, match=rf"^{names[position]}: "):
        decode(recognise(path), AREA)
