"""CHIRPS, SRTM and eSIF files, read with rasterio and netCDF tools alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import xarray as xr
from odc.geo.geobox import GeoBox

from engine.regrid import area_weights, total
from engine.world import build_world, load_preset
from engine.world.land import make_land
from engine.world.presets import Window

if TYPE_CHECKING:
    from pathlib import Path

    from engine.world import World


def test_chirps_has_every_day_on_its_lattice(tiny_world: World) -> None:
    """Daily files with the published name, whole 0.05° cells from 180 W, 50 N."""
    paths = sorted((tiny_world.archive / "CHIRPS").rglob("*.tif"))
    assert paths[0].name == "chirps-v2.0.2019.12.01.tif"
    assert paths[-1].name == "chirps-v2.0.2021.01.31.tif"
    assert len(paths) == sum(month.days for month in tiny_world.months)
    with rasterio.open(paths[100]) as file:
        assert file.crs.to_epsg() == 4326
        assert file.nodata == -9999
        assert file.dtypes == ("float32",)
        assert "not an observation" in file.tags()["synthetic"]
        offsets = [(file.transform.c + 180) / 0.05, (50 - file.transform.f) / 0.05]
        np.testing.assert_allclose(offsets, np.rint(offsets), atol=1e-6)
        assert file.res == pytest.approx((0.05, 0.05))
        assert file.read(1).min() >= 0


def test_chirps_rain_is_a_year_s(tiny_world: World) -> None:
    """2020 brings some 500 to 1,100 mm, most of it from June to September."""
    months = np.zeros(12)
    for path in (tiny_world.archive / "CHIRPS" / "2020").glob("*.tif"):
        with rasterio.open(path) as file:
            months[int(path.name[17:19]) - 1] += file.read(1).mean()
    assert 450 < months.sum() < 1150
    assert months[5:9].sum() > 0.45 * months.sum()


def test_srtm_tiles_meet_at_35_north(tiny_world: World) -> None:
    """The window is cut at the border of two CGIAR tiles, on the 3 arc-second lattice."""
    paths = sorted((tiny_world.archive / "SRTM").glob("*.tif"))
    assert [path.name for path in paths] == ["srtm_59_05.tif", "srtm_59_06.tif"]
    with rasterio.open(paths[0]) as north, rasterio.open(paths[1]) as south:
        for file in (north, south):
            assert file.nodata == -32768
            assert file.dtypes == ("int16",)
            assert file.res == pytest.approx((1 / 1200, 1 / 1200))
        assert north.bounds.bottom == pytest.approx(35)
        assert south.bounds.top == pytest.approx(35)


def test_srtm_averages_to_the_world_s_elevation(tiny_world: World) -> None:
    """The mean of the 90 m pixels over each 1 km cell is the world's elevation to 0.5 m."""
    domain = tiny_world.domain
    sums = []
    for path in sorted((tiny_world.archive / "SRTM").glob("*.tif")):
        with rasterio.open(path) as file:
            grid = GeoBox(file.shape, file.transform, "EPSG:4326")
            sums.append(area_weights(grid, domain.area).sums(file.read(1).astype(float)))
    mean, _ = total(sums).mean()
    expected = domain.crop(make_land(domain, tiny_world.seed).elevation)
    assert np.nanmax(np.abs(mean - expected)) < 0.5


def test_esif_is_a_plain_netcdf(tiny_world: World) -> None:
    """One file per 8 days with lat, lon, units and the mark."""
    paths = sorted((tiny_world.archive / "eSIF").rglob("*.nc"))
    assert len(paths) == 55
    assert paths[0].name == "eSIF_005deg_8day_2019329.nc"
    with xr.open_dataset(paths[28], engine="h5netcdf") as data:
        assert data["eSIF"].dims == ("lat", "lon")
        assert data["eSIF"].attrs["units"] == "mW m-2 nm-1 sr-1"
        assert "not an observation" in data.attrs["synthetic"]
        steps = (data["lon"].to_numpy() + 180) / 0.05 - 0.5
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
        assert data["eSIF"].notnull().all()


def test_esif_can_be_geotiff(tmp_path: Path) -> None:
    """The other format holds the same numbers on the same lattice."""
    little = load_preset("tiny").model_copy(
        update={
            "first": "2020-06",
            "last": "2020-06",
            "spin_up_days": 30,
            "window": Window(row=345, column=3133, height=1, width=2),
        }
    )
    netcdf = build_world(little, 3, tmp_path / "a")
    geotiff = build_world(little.model_copy(update={"sif_format": "geotiff"}), 3, tmp_path / "b")
    one = next((netcdf.archive / "eSIF").rglob("*2020161.nc"))
    other = next((geotiff.archive / "eSIF").rglob("*2020161.tif"))
    with xr.open_dataset(one, engine="h5netcdf") as data, rasterio.open(other) as file:
        np.testing.assert_array_equal(file.read(1), data["eSIF"].to_numpy())
        assert file.transform.c == pytest.approx(float(data["lon"][0]) - 0.025)
        assert file.transform.f == pytest.approx(float(data["lat"][0]) + 0.025)
        assert file.units == ("mW m-2 nm-1 sr-1",)
