"""Soil maps, read with rasterio alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio

from engine.world.land import make_land
from engine.world.operators.soil import soil_maps

if TYPE_CHECKING:
    from engine.world import World


def _read(world: World, name: str) -> np.ndarray:
    with rasterio.open(world.archive / "SoilGrids" / f"{name}_0-5cm_mean.tif") as file:
        values: np.ndarray = file.read(1).astype(float)
        return np.where(values == file.nodata, np.nan, values)


@pytest.mark.parametrize("name", ["clay", "sand", "silt"])
def test_maps_lie_on_the_homolosine_lattice(name: str, tiny_world: World) -> None:
    """250 m pixels at whole multiples, int16, -32768 for no data, no unit, and the mark."""
    with rasterio.open(tiny_world.archive / "SoilGrids" / f"{name}_0-5cm_mean.tif") as file:
        assert "Goode_Homolosine" in file.crs.to_wkt()
        assert file.res == (250, 250)
        assert file.transform.c % 250 == 0
        assert file.transform.f % 250 == 0
        assert file.nodata == -32768
        assert file.dtypes == ("int16",)
        assert file.units == (None,)
        assert "not an observation" in file.tags()["synthetic"]


def test_fractions_need_not_sum_to_one(tiny_world: World) -> None:
    """The three sum to 1000 g/kg on average only; all three miss the same pixels."""
    clay, sand, silt = (_read(tiny_world, name) for name in ("clay", "sand", "silt"))
    total = clay + sand + silt
    np.testing.assert_array_equal(np.isnan(clay), np.isnan(total))
    assert np.nanmean(total) == pytest.approx(1000, abs=1)
    assert 8 < np.nanstd(total) < 20


def test_maps_may_err(tiny_world: World) -> None:
    """The knob adds errors of its size to the maps and to nothing else."""
    world = tiny_world
    land = make_land(world.domain, world.seed)
    right = soil_maps(world.preset, world.domain, land, world.seed)
    wrong = soil_maps(
        world.preset.model_copy(update={"soil_map_error": 6.0}), world.domain, land, world.seed
    )
    difference = wrong.fractions["clay"] - right.fractions["clay"]
    assert 20 < np.nanstd(difference) + abs(np.nanmean(difference)) < 120
    np.testing.assert_array_equal(np.isnan(difference), np.isnan(right.fractions["clay"]))
