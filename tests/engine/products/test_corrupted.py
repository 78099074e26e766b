"""Corrupted and misleading granules: each a clear error that names the file and what is wrong."""

from __future__ import annotations

import gzip
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import rasterio
import xarray as xr
from pyhdf.SD import SD, SDC

from engine.errors import GranuleError
from engine.grids import COARSE, COARSE_PIXEL, BBox, coarse_window, fine_of
from engine.products import decode, recognise
from engine.testing import shared_path, write_geotiff, write_modis, write_smap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    type Writer = Callable[[Path], object]

WINDOW = coarse_window(BBox(113.5, 34.6, 113.8, 34.9))
AREA = fine_of(WINDOW)

SMAP = "SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5"
LST = "MOD11A2.A2019185.h27v05.061.2019194040506.hdf"
COVER = "MCD12Q1.A2019001.h27v05.061.2022169161021.hdf"
WATER = "MOD16A2GF.A2019185.h27v05.061.2020042123456.hdf"
SIF = "eSIF_2019185.nc"
RAIN = "chirps-v2.0.2019.07.01.tif"
CGIAR = "srtm_59_06.tif"
HGT = "N34E113.hgt"
CLAY = "clay_0-5cm_mean.tif"

RANDOM = np.random.default_rng(11)
NOISE = RANDOM.random((200, 200)).astype(np.float32)
LAT = 40 - 0.05 * np.arange(200)
LON = 108 + 0.05 * np.arange(200)
CELLS = tuple(WINDOW.shape)
LST_SAYS = {"scale_factor": 0.02, "add_offset": 0.0, "_FillValue": 0, "units": "K"}


@dataclass(frozen=True, slots=True)
class Case:
    """A file that is not what its name says."""

    label: str
    name: str
    write: Writer
    message: str
    """What the error says after the file's name, as a regular expression."""


def smap(values: Any = None, **options: Any) -> Writer:
    """Return a writer of soil moisture on the cells around Zhengzhou."""
    field = np.full(CELLS, 0.25, np.float32) if values is None else values

    def write(path: Path) -> None:
        write_smap(path, field, WINDOW, **options)

    return write


def smap_changed(change: Callable[[h5py.File], None]) -> Writer:
    """Return a writer of soil moisture that is changed afterwards."""

    def write(path: Path) -> None:
        smap()(path)
        with h5py.File(path, "r+") as file:
            change(file)

    return write


def replace_x(values: Any) -> Callable[[h5py.File], None]:
    """Return a change of the cell centres' x."""

    def change(file: h5py.File) -> None:
        x = file["x"][:]
        del file["x"]
        file["x"] = values(x)

    return change


def lst_layers(dtype: str = "uint16", **says: Any) -> dict[str, Any]:
    """Return day and night, with quality."""
    values = (14000 + 1000 * RANDOM.random((400, 400))).astype(dtype)
    quality = np.zeros((400, 400), np.uint8)
    said = LST_SAYS | says
    return {
        "LST_Day_1km": (values, said),
        "QC_Day": (quality, {}),
        "LST_Night_1km": (values, said),
        "QC_Night": (quality, {}),
    }


def lst(layers: dict[str, Any] | None = None, **options: Any) -> Writer:
    """Return a writer of surface temperature around Zhengzhou."""
    where = {"grid": "MODIS_Grid_8Day_1km_LST", "tile_pixels": 1200, "corner": (10910.0, -4330.0)}

    def write(path: Path) -> None:
        write_modis(path, lst_layers() if layers is None else layers, **(where | options))

    return write


FEWER_ROWS = {"QC_Day": (np.zeros((40, 400), np.uint8), {})}


def exchanged(name: str) -> dict[str, Any]:
    """Return layers of 300 rows of which one has its axes exchanged."""
    layers = {key: (values[:300], said) for key, (values, said) in lst_layers().items()}
    return layers | {name: (layers[name][0].T, layers[name][1])}


def lst_without(name: str) -> Writer:
    """Return a writer that forgets a layer."""
    return lst({key: layer for key, layer in lst_layers().items() if key != name})


def lst_placed(old: str, new: str) -> Writer:
    """Return a writer with other words in StructMetadata."""

    def write(path: Path) -> None:
        lst()(path)
        file = SD(str(path), SDC.WRITE)
        text = re.sub(old, new, getattr(file, "StructMetadata.0"))
        file.attr("StructMetadata.0").set(SDC.CHAR, text)
        file.end()

    return write


def cover(codes: int) -> Writer:
    """Return a writer of land cover of one code."""
    layers = {
        "LC_Type1": (np.full((800, 800), codes, np.uint8), {"_FillValue": 255}),
        "QC": (np.zeros((800, 800), np.uint8), {}),
    }
    return lst(layers, grid="MCD12Q1", tile_pixels=2400, corner=(21820, -8660))


def water(**says: Any) -> Writer:
    """Return a writer of evapotranspiration with some attributes."""
    values = np.full((800, 800), 200, np.int16)
    said = {"units": "kg/m^2/8day", "scale_factor": 0.1, "_FillValue": 32767} | says
    layers = {"ET_500m": (values, said)}
    return lst(layers, grid="MOD_Grid_MOD16A2", tile_pixels=2400, corner=(21820, -8660))


def sif(
    values: Any = NOISE,
    lat: Any = LAT,
    lon: Any = LON,
    *,
    dims: tuple[str, ...] = ("lat", "lon"),
    name: str = "sif",
    units: str = "mW m-2 nm-1 sr-1",
) -> Writer:
    """Return a writer of fluorescence."""
    coords = {"lat": lat, "lon": lon}

    def write(path: Path) -> None:
        array = xr.DataArray(values, coords, dims, attrs={"units": units})
        array.to_dataset(name=name).to_netcdf(path, engine="h5netcdf")

    return write


def raster(
    values: Any = NOISE, corner: Any = (108.0, 40.0), pixel: float = 0.05, **profile: Any
) -> Writer:
    """Return a writer of a GeoTIFF."""

    def write(path: Path) -> None:
        write_geotiff(path, values, corner, pixel, **profile)

    return write


def raster_moved(*numbers: float) -> Writer:
    """Return a writer of a GeoTIFF with another transform."""

    def write(path: Path) -> None:
        raster()(path)
        with rasterio.open(path, "r+") as file:
            file.transform = rasterio.Affine(*numbers)

    return write


def hgt(path: Path) -> None:
    """Write a tile of 3 arc-seconds."""
    path.write_bytes((9 * np.indices((1201, 1201))[0]).astype(">i2").tobytes())


def hit(write: Writer) -> Writer:
    """Return a writer that gzips or zips what another writes, with one wrong byte."""

    def pack(path: Path) -> None:
        inner = path.with_name(path.stem)
        write(inner)
        content = inner.read_bytes()
        if path.suffix == ".gz":
            path.write_bytes(gzip.compress(content, 1))
        else:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(inner.name, content)
        spoilt = bytearray(path.read_bytes())
        spoilt[len(spoilt) // 2] ^= 255
        path.write_bytes(spoilt)

    return pack


MISLEADING = [
    # SMAP, HDF5
    Case("pixels of 9000 m", SMAP, smap(pixel=9000.0), r"x is off the grid by up to 0\.\d+ cells"),
    Case("percent of volume", SMAP, smap(units="%"), "Geophysical_Data/sm_surface has units '%'"),
    Case(
        "another variable", SMAP, smap(name="Geophysical_Data/sm_rootzone"), "variable is missing"
    ),
    Case("a group for a variable", SMAP, smap(name="sm_surface/x"), "the variable is missing"),
    Case(
        "quantised to integers",
        SMAP,
        smap(np.full(CELLS, 25, np.int16)),
        "sm_surface holds numbers of type int16; expected float32",
    ),
    Case("all fill", SMAP, smap(np.full(CELLS, -9999, np.float32)), "sm_surface holds f"),
    Case("percent without a word", SMAP, smap(np.full(CELLS, 25, np.float32)), "fill or inv"),
    Case("another shape", SMAP, smap_changed(replace_x(lambda x: x[:-1])), r"has the shape \("),
    Case("x without numbers", SMAP, smap_changed(replace_x(lambda x: x * np.nan)), "x is empty or"),
    Case("x from the east", SMAP, smap_changed(replace_x(lambda x: x[::-1])), "from east to west"),
    Case(
        "a jump in x",
        SMAP,
        smap_changed(replace_x(lambda x: x + COARSE_PIXEL * (x > x[1]))),
        "x is off the grid",
    ),
    # MODIS, HDF4
    Case(
        "scale factor inverted",
        LST,
        lst(lst_layers(scale_factor=50.0)),
        "LST_Day_1km has scale_factor 50",
    ),
    Case("an offset", LST, lst(lst_layers(add_offset=-273.15)), "LST_Day_1km has add_offset"),
    Case(
        "degrees Celsius",
        LST,
        lst(lst_layers(units="degC")),
        "LST_Day_1km has units 'degC'; expected 'K'",
    ),
    Case(
        "signed numbers",
        LST,
        lst(lst_layers("int16")),
        "LST_Day_1km holds numbers of type int16; expected uint16",
    ),
    Case(
        "a layer missing",
        LST,
        lst_without("LST_Day_1km"),
        "the variable is missing; expected LST_Day",
    ),
    Case("quality missing", LST, lst_without("QC_Day"), "the variable is missing; expected QC_Day"),
    Case(
        "another shape of quality",
        LST,
        lst(lst_layers() | FEWER_ROWS),
        r"QC_Day has the shape \[40, 400\]",
    ),
    Case("axes exchanged", LST, lst(exchanged("QC_Day")), r"QC_Day has the shape"),
    Case(
        "more columns than numbers", LST, lst_placed("XDim=400", "XDim=401"), "pixels of|the shape"
    ),
    Case(
        "another tile than its name",
        LST.replace("h27v05", "h26v05"),
        lst(),
        "a place in tile h26v05",
    ),
    Case("no such tile", LST.replace("h27v05", "h40v05"), lst(), "there is no tile h40v05"),
    Case(
        "an older collection",
        LST.replace("061", "006", 1),
        lst(),
        "its version is 006; expected MOD11A2 of version 061",
    ),
    Case(
        "a later collection",
        LST.replace("061", "062", 1),
        lst(),
        "its version is 062; expected MOD11A2 of version 061",
    ),
    Case("another product's grid", LST, lst(grid="MOD_Grid_BRDF"), "its grids are: MOD_Grid_BRDF"),
    Case("pixels of 500 m", LST, lst(tile_pixels=2400), r"pixels of 463\.\d+ by 463\.\d+ m"),
    Case(
        "corners that are no numbers",
        LST,
        lst_placed(r"Mtrs=\([^)]*\)", "Mtrs=(nan,nan)"),
        "StructMetadata",
    ),
    Case("a grid without columns", LST, lst_placed("XDim=400", "XDim=0"), "StructMetadata"),
    Case(
        "corners forgotten",
        LST,
        lst_placed("LowerRightMtrs", "LowerLeft"),
        "StructMetadata.0 is incomplete",
    ),
    Case("land cover of fill", COVER, cover(255), "LC_Type1 holds fill or invalid values only"),
    Case("evaporation in watts", WATER, water(units="W m-2"), "ET_500m has units 'W m-2'"),
    Case(
        "evaporation, scale of its energy",
        WATER,
        water(scale_factor=10000.0),
        "ET_500m has scale_factor 10000",
    ),
    # NetCDF
    Case("longitude from 0 to 360", SIF, sif(lon=LON + 72), "longitude runs beyond 180"),
    Case(
        "latitude without numbers",
        SIF,
        sif(lat=np.full(200, np.nan)),
        "y lists no row of coordinates",
    ),
    Case("uneven latitude", SIF, sif(lat=LAT**1.01), "y is not evenly spaced"),
    Case("a coarser grid", SIF, sif(NOISE, 5 * LAT - 160, 5 * LON - 450), r"pixels of 0\.25"),
    Case("another name", SIF, sif(name="fluo"), "the variable is missing; expected eSIF or"),
    Case("other units", SIF, sif(units="W m-2"), "sif has units 'W m-2'"),
    Case("nothing but gaps", SIF, sif(NOISE * np.nan), "holds fill or invalid values only"),
    Case("text for numbers", SIF, sif(np.full((200, 200), "x", "S1")), "sif holds numbers of type"),
    # GeoTIFF
    Case("no transform", RAIN, raster_moved(np.nan, 0, np.nan, 0, np.nan, np.nan), "without place"),
    Case("rotated", RAIN, raster_moved(0.05, 0.01, 108, 0, -0.05, 40), "rotated"),
    Case("upside down", RAIN, raster_moved(0.05, 0, 108, 0, 0.05, 30), "upside down"),
    Case(
        "from 0 to 360",
        RAIN,
        raster(np.zeros((10, 7200), np.float32), (0.0, 36.0)),
        "it reaches from 0 to 360 E",
    ),
    Case("metres", RAIN, raster(crs="EPSG:32649"), "its grid is EPSG:32649"),
    Case("no reference system", RAIN, raster(crs=None), "names no coordinate reference system"),
    Case("off the lattice", RAIN, raster(corner=(108.02, 40.0)), "upper left corner at 108.02"),
    Case("a quarter degree", RAIN, raster(pixel=0.25), "pixels of 0.25"),
    Case(
        "no rain but fill",
        RAIN,
        raster(NOISE * 0 - 9999),
        "precipitation holds fill or invalid values only",
    ),
    Case(
        "whole millimetres",
        RAIN,
        raster((NOISE * 9).astype(np.int16)),
        "precipitation holds numbers of type int16",
    ),
    Case(
        "a tile elsewhere",
        CGIAR,
        raster((NOISE * 900).astype(np.int16), (115.0, 35.0), 1 / 40),
        "it lies at 115 E, 35 N; expected a place in tile srtm_59_06",
    ),
    Case(
        "soil in percent", CLAY, raster((NOISE * 60).astype(np.float32)), "clay declares no units"
    ),
    Case(
        "soil beyond everything",
        CLAY,
        raster((NOISE * 3000).astype(np.int16)),
        r"clay holds \d{4}; expected 0 to 100 %",
    ),
    # Packed
    Case("a gzip that was hit", f"{RAIN}.gz", hit(raster()), "is truncated, damaged"),
    Case("a zip that was hit", f"{HGT}.zip", hit(hgt), "is truncated, damaged"),
]


@pytest.mark.parametrize("case", MISLEADING, ids=lambda case: f"{case.name[:7]} {case.label}")
def test_what_misleads_is_refused(tmp_path, case):
    """File and field are named, and what was expected; nothing is read."""
    path = tmp_path / case.name
    case.write(path)
    granule = recognise(path)
    assert granule is not None
    with pytest.raises(GranuleError, match=rf"^{re.escape(case.name)}: .*(?:{case.message})"):
        decode(granule, AREA)


class TestMisleadingButRight:
    """What looks odd and is read right."""

    def test_latitude_from_the_south(self, tmp_path):
        """A NetCDF with its first row in the south gives the same field."""
        sif()(tmp_path / SIF)
        sif(NOISE[::-1], LAT[::-1])(tmp_path / "eSIF_2019193.nc")
        first, second = (
            decode(recognise(tmp_path / name), AREA)["sif"] for name in (SIF, "eSIF_2019193.nc")
        )
        np.testing.assert_array_equal(first.values, second.values)

    def test_longitude_before_latitude(self, tmp_path):
        """Named axes may come in either order."""
        sif()(tmp_path / SIF)
        sif(NOISE.T, dims=("lon", "lat"))(tmp_path / "eSIF_2019193.nc")
        first, second = (
            decode(recognise(tmp_path / name), AREA)["sif"] for name in (SIF, "eSIF_2019193.nc")
        )
        np.testing.assert_array_equal(first.values, second.values)


def test_the_update_file_is_not_the_product(tmp_path):
    """The sister of SPL4SMGP lacks its variable, whatever name it is given."""
    path = tmp_path / SMAP.replace("20190701T013000", "20200128T150000")
    content = shared_path("realdata", "smap_l4", "SMAP_L4_SM_aup_input.h5").read_bytes()
    path.write_bytes(content)
    with pytest.raises(GranuleError, match="the variable is missing; expected Geophysical_Dat"):
        decode(recognise(path), fine_of(COARSE[200:210, 500:510]))
