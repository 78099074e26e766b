"""The truth has the statistics of the prototype that the method was tried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio

from engine.grids import block_mean, spread

if TYPE_CHECKING:
    from engine.world import World


@pytest.fixture(scope="module")
def truth(tiny_world: World) -> np.ndarray:
    """Give the monthly truth, ``(month, y, x)``, m3 m-3."""
    layers = []
    for month in tiny_world.months:
        with rasterio.open(tiny_world.truth_file("soil_moisture", month)) as file:
            layers.append(file.read(1))
    return np.stack(layers)


def test_soil_moisture_is_henan_s(truth: np.ndarray) -> None:
    """Mean and range are those of a temperate plain with hills."""
    assert 0.19 < truth.mean() < 0.30
    assert 0.03 < truth.min() < 0.12
    assert 0.35 < truth.max() < 0.48


def test_variability_has_its_share_at_every_scale(truth: np.ndarray) -> None:
    """Within 9 km about 0.027, between cells about 0.041, in time about 0.034 m3 m-3."""
    coarse = block_mean(truth)
    assert (truth - spread(coarse)).std() == pytest.approx(0.027, abs=0.006)
    assert coarse.std() == pytest.approx(0.041, abs=0.010)
    assert truth.std(axis=0).mean() == pytest.approx(0.034, abs=0.010)


def test_fluorescence_follows_the_crops(tiny_world: World) -> None:
    """SIF is near 0 in January and high in July."""
    means = {}
    for month in tiny_world.months:
        with rasterio.open(tiny_world.truth_file("sif", month)) as file:
            means[str(month)] = float(file.read(1).mean())
    assert means["2020-01"] < 0.05
    assert 0.4 < means["2020-07"] < 1.0


def test_truth_lies_on_the_area(tiny_world: World) -> None:
    """The files are on the area's M01 cells, with units, fill value and mark."""
    with rasterio.open(tiny_world.truth_file("soil_moisture", tiny_world.months[0])) as file:
        assert file.crs.to_epsg() == 6933
        assert file.shape == (54, 63)
        assert file.transform.almost_equals(tiny_world.domain.area.affine)
        assert file.nodata == -9999
        assert file.units == ("m3 m-3",)
        assert file.dtypes == ("float32",)
        assert file.tags()["synthetic"].startswith("true: made by the vadose world, preset tiny")
