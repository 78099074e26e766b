"""The cube without files gives what the files give."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import xarray as xr

from engine.archive import Archive, soil_moisture_month
from engine.feature_store import FeatureStore
from engine.months import Month
from engine.region import load_region
from engine.world import cube, load_preset, write_cube
from engine.world.presets import Window

if TYPE_CHECKING:
    from pathlib import Path

    from engine.world import World


@pytest.fixture(scope="module")
def months(tiny_world: World) -> list[xr.Dataset]:
    """Give the first three months, made without files."""
    return list(islice(cube(tiny_world.preset, tiny_world.seed), 3))


def test_features_are_those_of_the_files(
    tiny_world: World, months: list[xr.Dataset], tmp_path: Path
) -> None:
    """Names, order, units, gaps and, to rounding, every number; short gaps filled."""
    archive, region = Archive(tiny_world.archive), load_region(tiny_world.region)
    store = FeatureStore(archive, region, tmp_path, climatology=False)
    names = [name for name in store.standard if name != "sif"]
    for made in months:
        read = store.month(Month.parse(made.attrs["month"]), names)
        assert list(made.data_vars)[: len(names)] == names
        for name in names:
            assert made[name].attrs == read[name].attrs
            np.testing.assert_allclose(made[name], read[name], rtol=1e-5, atol=1e-6)


def test_smap_and_truth_are_those_of_the_files(tiny_world: World, months: list[xr.Dataset]) -> None:
    """The coarse mean to rounding, the truth to the bit."""
    archive = Archive(tiny_world.archive)
    for made in months:
        month = Month.parse(made.attrs["month"])
        smap = soil_moisture_month(archive, tiny_world.domain.coarse, month, "SPL4SMGP")
        np.testing.assert_allclose(made["smap"], smap.values, atol=1e-6)
        for name in ("soil_moisture", "sif"):
            with rasterio.open(tiny_world.truth_file(name, month)) as file:
                np.testing.assert_array_equal(made[f"true_{name}"], file.read(1))


def test_months_are_written_one_by_one(tmp_path: Path) -> None:
    """A NetCDF file for each month, marked, with the features asked for."""
    little = load_preset("tiny").model_copy(
        update={
            "first": "2020-06",
            "last": "2020-07",
            "spin_up_days": 30,
            "window": Window(row=345, column=3133, height=2, width=2),
            "stations": 0,
        }
    )
    paths = write_cube(little, 3, tmp_path, ["ndvi", "precipitation"])
    assert [path.name for path in paths] == ["cube_2020-06.nc", "cube_2020-07.nc"]
    with xr.open_dataset(paths[1], engine="h5netcdf") as data:
        assert list(data.data_vars) == [
            "ndvi",
            "precipitation",
            "true_soil_moisture",
            "true_sif",
            "smap",
        ]
        assert "not an observation" in data.attrs["synthetic"]
        assert data["smap"].shape == (2, 2)
