"""The months of a world with SIF are what the service would reconstruct from its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from engine.archive import Archive
from engine.feature_store import FeatureStore
from engine.models.candidates import candidate
from engine.models.store import ModelStore
from engine.months import Month
from engine.region import load_region
from engine.sif import reconstruct_sif, train_sif
from engine.world import build_world, load_preset
from engine.world.presets import Preset, Window
from engine.world.sif_cube import MODELS, write_sif_cube

if TYPE_CHECKING:
    from pathlib import Path

JULY = Month(2020, 7)


@pytest.fixture(scope="module")
def little() -> Preset:
    """Give a world of two months."""
    return load_preset("tiny").model_copy(
        update={
            "first": "2020-06",
            "last": "2020-07",
            "spin_up_days": 30,
            "window": Window(row=345, column=3133, height=4, width=4),
            "stations": 0,
        }
    )


@pytest.fixture(scope="module")
def folder(little: Preset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of its months."""
    out = tmp_path_factory.mktemp("cubes")
    paths = write_sif_cube(little, 3, out, smap_errors=("good", "coarse"))
    assert [path.name for path in paths] == ["cube_2020-06.nc", "cube_2020-07.nc"]
    return out


def test_sif_is_that_of_the_files(little: Preset, folder: Path, tmp_path: Path) -> None:
    """Trained on the same rows, the model makes the same map, and nothing waits in the folder."""
    world = build_world(little, 3, tmp_path / "world")
    archive = Archive(world.archive)
    store = FeatureStore(archive, load_region(world.region), tmp_path / "f", climatology=False)
    model = train_sif(store, world.months)
    made = reconstruct_sif(model, store, JULY)
    with xr.open_dataset(folder / f"cube_{JULY}.nc", engine="h5netcdf") as month:
        np.testing.assert_allclose(month["sif_raw"], made["sif_raw"], atol=5e-3)
        assert float(np.abs(month["sif"] - made["sif"]).mean()) < 1e-3
        assert {"red", "swir2", "par", "ndvi", "smap", "true_sif"} <= set(month.data_vars)
        assert 0 <= month.attrs["sif_residual_weight"] <= 1
    assert sorted(path.name for path in folder.iterdir()) == [
        "cube.json",
        "cube_2020-06.nc",
        "cube_2020-07.nc",
        MODELS,
    ]
    (card,) = ModelStore(folder / MODELS).cards()
    assert card.kind == "sif"
    assert card.synthetic


def test_other_smaps_see_the_same_truth(folder: Path) -> None:
    """A good SMAP is nearer to the truth than the realistic one; a coarse one varies less."""
    with xr.open_dataset(folder / f"cube_{JULY}.nc", engine="h5netcdf") as month:
        truth = month["true_soil_moisture"].coarsen(y=9, x=9).mean().to_numpy()
        error = {
            name: float(np.sqrt(np.mean((month[name].to_numpy() - truth) ** 2)))
            for name in ("smap", "smap_good", "smap_coarse")
        }
    assert error["smap_good"] < 0.7 * error["smap"]
    assert error["smap_coarse"] != error["smap"]


def test_a_second_time_changes_nothing(little: Preset, folder: Path) -> None:
    """The months are left where they are."""
    path = folder / f"cube_{JULY}.nc"
    written = path.stat().st_mtime_ns
    assert path in write_sif_cube(little, 3, folder, smap_errors=("good", "coarse"))
    assert path.stat().st_mtime_ns == written


def test_the_services_model_of_sif_does_for_a_lesser_one(little: Preset, folder: Path) -> None:
    """Where fewer trees would have been enough, months by all of them are left where they are."""
    path = folder / f"cube_{JULY}.nc"
    written = path.stat().st_mtime_ns
    few = candidate("sif").model_copy(update={"trees": 3})
    write_sif_cube(little, 3, folder, smap_errors=("good",), sif_model=few)
    assert path.stat().st_mtime_ns == written
