"""What eSIF says beyond the model: spread smoothly, and only as far as it is no noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from engine.grids import BBox, coarse_window, fine_of
from engine.regrid import WeightCache
from engine.sif_residual import UNKNOWN_NOISE, residual_weight, smooth_residual
from engine.testing import lattice_over

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox


@pytest.fixture(scope="module")
def grids() -> tuple[GeoBox, GeoBox]:
    """Give eSIF's cells over a small area, and the area's fine cells."""
    fine = fine_of(coarse_window(BBox(113.0, 34.0, 113.8, 34.6)))
    return lattice_over(fine, 0.05, pad=0), fine


def smooth_and_noise(noise: float, seed: int = 3) -> tuple[NDArray[np.float64], float]:
    """Return a smooth field of sd 1 with noise, and the share of its variance that is smooth."""
    generator = np.random.default_rng(seed)
    smooth = gaussian_filter(generator.normal(size=(120, 120)), 4, mode="wrap")
    smooth /= smooth.std()
    return smooth + noise * generator.normal(size=smooth.shape), 1 / (1 + noise**2)


def test_means_over_cells_are_kept(grids: tuple[GeoBox, GeoBox]) -> None:
    """The field's mean over every whole cell is the residual, though no step shows its edge."""
    coarse, fine = grids
    weights = WeightCache(None)
    values = 0.1 * np.random.default_rng(1).normal(size=tuple(coarse.shape))
    spread = smooth_residual(values, coarse, fine, weights)
    means, covered = weights.area(fine, coarse).apply(spread.fine, min_valid=0.999)
    inside = covered > 0.999
    assert inside.sum() > 50
    assert np.abs(means - values)[inside].max() < 0.01
    assert spread.conservation_error < 0.005
    once, _ = weights.bilinear(coarse, fine).apply(values.astype(np.float32), min_valid=0.0)
    means_once, _ = weights.area(fine, coarse).apply(once, min_valid=0.999)
    assert np.abs(means_once - values)[inside].max() > 0.02


def test_a_missing_cell_fades(grids: tuple[GeoBox, GeoBox]) -> None:
    """Where eSIF has no value the correction is finite and smaller than around it."""
    coarse, fine = grids
    values = np.full(tuple(coarse.shape), 0.1)
    values[5:9, 5:9] = np.nan
    spread = smooth_residual(values, coarse, fine, WeightCache(None))
    assert np.isfinite(spread.fine).all()
    assert spread.fine.min() < 0.08


@pytest.mark.parametrize("noise", [0.3, 1.0, 2.0])
def test_the_weight_is_the_share_that_is_no_noise(noise: float) -> None:
    """A field of known smoothness with known noise gives its share back."""
    field, share = smooth_and_noise(noise)
    assert residual_weight([field]) == pytest.approx(share, abs=0.06)


def test_pure_noise_gets_hardly_any_weight() -> None:
    """Nothing of it is added to a map."""
    noise = np.random.default_rng(2).normal(size=(80, 80))
    assert residual_weight([noise]) < 0.08


def test_gaps_are_passed_over() -> None:
    """Missing cells take no part."""
    field, share = smooth_and_noise(1.0)
    field[np.random.default_rng(4).random(field.shape) < 0.3] = np.nan
    assert residual_weight([field]) == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize("fields", [[], [np.full((50, 50), np.nan)], [np.zeros((3, 3))]])
def test_too_few_neighbours_tell_nothing(fields: list[NDArray[np.float64]]) -> None:
    """Then half of the residual is added."""
    assert residual_weight(fields) == UNKNOWN_NOISE
