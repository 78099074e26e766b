"""Files that are not what their names say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from engine.errors import GranuleError
from engine.grids import COARSE, fine_of
from engine.products import decode, recognise
from engine.testing import write_geotiff, write_modis, write_smap

if TYPE_CHECKING:
    from pathlib import Path

WINDOW = COARSE[330:342, 3109:3119]
AREA = fine_of(WINDOW)
NAMES = [
    "SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5",
    "MCD43A4.A2019182.h26v05.061.2019191040506.hdf",
    "eSIF_2019185.nc",
    "chirps-v2.0.2019.07.01.tif",
    "chirps-v2.0.2019.07.01.tif.gz",
    "N36E110.hgt",
]
HTML = b"<!DOCTYPE html><html><head><title>Earthdata Login</title></head></html>"


def write_genuine(path: Path) -> Path:
    """Write a valid file of the format of its name."""
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
            path, engine="h5netcdf"
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


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith((".gz", ".hgt"))])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_named(tmp_path, name, share):
    """A download that broke off is an error, never a map with a hole."""
    path = write_genuine(tmp_path / name)
    assert decode(recognise(path), AREA)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(GranuleError, match=rf"^{name}: "):
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
    names = [NAMES[0], NAMES[1], NAMES[2], NAMES[3]]
    other = write_genuine(tmp_path / f"genuine{suffixes[position - 1]}")
    path = tmp_path / names[position]
    path.write_bytes(other.read_bytes())
    with pytest.raises(GranuleError, match=rf"^{names[position]}: "):
        decode(recognise(path), AREA)
