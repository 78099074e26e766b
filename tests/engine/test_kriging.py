"""Area-to-point kriging: exact, smooth, and with the range that it was told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from engine.kriging import area_to_point, kriging_weights, point_range


def coarse_means(fine: np.ndarray, factor: int) -> np.ndarray:
    height, width = (size // factor for size in fine.shape)
    return fine.reshape(height, factor, width, factor).mean(axis=(1, 3))


@pytest.mark.parametrize("factor", [3, 9])
def test_means_are_kept(factor: int) -> None:
    """The mean over every cell with neighbours is its value, to rounding."""
    coarse = np.random.default_rng(1).normal(size=(9, 11))
    fine = area_to_point(coarse, factor)
    np.testing.assert_allclose(coarse_means(fine, factor), coarse, atol=1e-9)


def test_weights_sum_to_one() -> None:
    """A constant field stays constant."""
    weights = kriging_weights(2.0, 3)
    np.testing.assert_allclose(weights.sum(axis=(2, 3)), 1)
    np.testing.assert_allclose(area_to_point(np.full((5, 5), 0.2), 3), 0.2)


def test_a_smooth_field_comes_back_better_than_by_cells() -> None:
    """Kriging repeats more of a smooth field's detail than steps do."""
    fine = gaussian_filter(np.random.default_rng(2).normal(size=(90, 90)), 6, mode="wrap")
    coarse = coarse_means(fine, 3)
    steps = np.kron(coarse, np.ones((3, 3)))
    kriged = area_to_point(coarse, 3)
    assert np.std(kriged - fine) < 0.3 * np.std(steps - fine)


def test_the_range_is_found() -> None:
    """From means over cells, of points whose covariance is exponential."""
    random = np.random.default_rng(3)
    size, factor, reach = 240, 3, 5.0
    frequency = 2 * np.pi * np.fft.fftfreq(size)
    k2 = frequency[:, None] ** 2 + frequency[None, :] ** 2
    spectrum = (1 + k2 * (reach * factor) ** 2) ** -1.5
    points = np.fft.ifft2(np.fft.fft2(random.normal(size=(size, size))) * np.sqrt(spectrum)).real
    found = point_range(coarse_means(points, factor), factor)
    assert found == pytest.approx(reach, rel=0.5)


def test_missing_and_flat_cells_do_no_harm() -> None:
    """A gap fades; a field without variation is repeated."""
    coarse = np.random.default_rng(4).normal(size=(8, 8))
    coarse[2, 3] = np.nan
    assert np.isfinite(area_to_point(coarse, 3)).all()
    np.testing.assert_allclose(area_to_point(np.zeros((4, 4)), 3), 0)
