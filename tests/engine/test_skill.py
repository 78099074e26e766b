"""Known answers and identities of the scores against a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import GridMismatchError
from engine.grids import block_mean, spread
from engine.skill import conservation_error, pooled_skill, subgrid_correlations


def random_pair(seed: int, noise: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.uniform(0.05, 0.45, (27, 36))
    values = truth + random.normal(0.01, noise, truth.shape)
    values[random.random(truth.shape) < 0.05] = np.nan
    return values, truth


def test_a_perfect_map_has_perfect_scores() -> None:
    """The truth itself has no error and correlates with itself everywhere."""
    truth = random_pair(1)[1]
    skill = pooled_skill([(truth, truth)])
    assert skill.rmse == skill.bias == 0
    assert skill.correlation == pytest.approx(1)
    assert skill.subgrid_correlation == pytest.approx(1)
    assert skill.pixels == truth.size


def test_a_constant_offset_is_all_bias() -> None:
    """An offset moves bias and RMSE, and nothing else."""
    truth = random_pair(2)[1]
    skill = pooled_skill([(truth + 0.03, truth)])
    assert skill.bias == pytest.approx(0.03)
    assert skill.rmse == pytest.approx(0.03)
    assert skill.ubrmse == pytest.approx(0, abs=1e-12)
    assert skill.subgrid_correlation == pytest.approx(1)


def test_a_map_without_subgrid_detail_has_no_subgrid_correlation() -> None:
    """Spreading the coarse means over their cells adds nothing within them."""
    truth = random_pair(3)[1]
    skill = pooled_skill([(spread(block_mean(truth)), truth)])
    assert skill.subgrid_correlation == 0


def test_subgrid_correlation_equals_numpy_cell_by_cell() -> None:
    """The vectorised correlations are numpy's, one coarse cell at a time."""
    values, truth = random_pair(4)
    expected = []
    for row in range(3):
        for column in range(4):
            cell = np.s_[row * 9 : row * 9 + 9, column * 9 : column * 9 + 9]
            valid = np.isfinite(values[cell])
            expected.append(np.corrcoef(values[cell][valid], truth[cell][valid])[0, 1])
    np.testing.assert_allclose(subgrid_correlations(values, truth), expected, rtol=1e-10)


def test_coarse_cells_with_few_pixels_are_left_out() -> None:
    """A coarse cell with fewer than 20 valid pixels says nothing about detail."""
    values, truth = random_pair(5)
    values[:9, :9] = np.nan
    values[0, :9] = 0.2
    assert subgrid_correlations(values, truth).size == 11


@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.1))
def test_squared_error_splits_into_bias_and_the_rest(seed: int, noise: float) -> None:
    """RMSE² = bias² + ubRMSE², and RMSE is numpy's."""
    values, truth = random_pair(seed, noise)
    skill = pooled_skill([(values, truth)])
    difference = (values - truth)[np.isfinite(values)]
    assert skill.rmse**2 == pytest.approx(skill.bias**2 + skill.ubrmse**2, rel=1e-9)
    assert skill.rmse == pytest.approx(np.sqrt(np.mean(difference**2)), rel=1e-9)


def test_months_are_pooled_by_pixel() -> None:
    """Two months count as one long list of pixels."""
    first, second = random_pair(6), random_pair(7)
    both = tuple(np.vstack(arrays) for arrays in zip(first, second, strict=True))
    pooled, stacked = pooled_skill([first, second]), pooled_skill([both])
    assert pooled.rmse == pytest.approx(stacked.rmse)
    assert pooled.correlation == pytest.approx(stacked.correlation)


def test_conservation_error_is_the_largest_block_difference() -> None:
    """Block means equal to the coarse field give no error; one moved cell is found."""
    truth = random_pair(8)[1]
    coarse = block_mean(truth)
    assert conservation_error(truth, coarse) == pytest.approx(0, abs=1e-12)
    coarse[1, 2] += 0.004
    assert conservation_error(truth, coarse) == pytest.approx(0.004)


def test_maps_of_another_grid_are_refused() -> None:
    """A map and a truth that differ in shape are never compared."""
    values, truth = random_pair(9)
    with pytest.raises(GridMismatchError, match="map and truth"):
        pooled_skill([(values[:18], truth)])
