"""Mass conservation without edges, and the shrunken correction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter, map_coordinates

from engine.errors import GridMismatchError
from engine.grids import block_mean, spread
from engine.residual import bilinear, conserve, edge_ratio, half_residual

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 5))
MOIST = st.floats(0.05, 0.5)


def rough(seed: int, shape: tuple[int, int], mean: float = 0.25, sd: float = 0.02) -> np.ndarray:
    """Return a smooth random fine field over so many coarse cells."""
    noise = np.random.default_rng(seed).normal(size=(9 * shape[0], 9 * shape[1]))
    field = gaussian_filter(noise, 3)
    return mean + sd * field / field.std()


@settings(max_examples=60, deadline=None)
@given(data=st.data(), shape=SHAPES, seed=st.integers(0, 99))
def test_block_means_are_exact(data: st.DataObject, shape: tuple[int, int], seed: int) -> None:
    """Whatever SMAP says, the corrected map's block means say the same."""
    soil_moisture = data.draw(arrays(np.float64, shape, elements=MOIST))
    corrected = conserve(rough(seed, shape), soil_moisture)
    np.testing.assert_allclose(block_mean(corrected), soil_moisture, atol=1e-6)
    assert corrected.dtype == np.float32


@settings(max_examples=60, deadline=None)
@given(data=st.data(), shape=SHAPES, seed=st.integers(0, 99))
def test_missing_cells_take_no_part(data: st.DataObject, shape: tuple[int, int], seed: int) -> None:
    """Missing pixels and coarse cells stay missing; the others' means are exact all the same."""
    soil_moisture = data.draw(arrays(np.float64, shape, elements=st.just(np.nan) | MOIST))
    prediction = rough(seed, shape)
    prediction[np.random.default_rng(seed).random(prediction.shape) < 0.6] = np.nan
    corrected = conserve(prediction, soil_moisture)
    known = np.isfinite(prediction) & np.isfinite(spread(soil_moisture))
    np.testing.assert_array_equal(np.isfinite(corrected), known)
    means = block_mean(corrected, min_valid=0)
    told = np.isfinite(means)
    np.testing.assert_allclose(means[told], soil_moisture[told], atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(shift=st.floats(-0.05, 0.05), shape=SHAPES, seed=st.integers(0, 99))
def test_a_constant_residual_is_a_constant_shift(
    shift: float, shape: tuple[int, int], seed: int
) -> None:
    """A model that is off by the same everywhere keeps its pattern to the last pixel."""
    prediction = rough(seed, shape)
    corrected = conserve(prediction, block_mean(prediction) + shift)
    np.testing.assert_allclose(corrected, prediction + shift, atol=1e-5)
    half = half_residual(prediction, block_mean(prediction) + shift)
    np.testing.assert_allclose(half, prediction + shift / 2, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_no_edges_remain(seed: int) -> None:
    """The correction prints no coarse cells into the map; adding it block by block would."""
    shape = (24, 24)
    prediction = rough(seed, shape)
    soil_moisture = block_mean(rough(seed + 50, shape, sd=0.04))
    blocky = prediction + spread(soil_moisture - block_mean(prediction))
    assert edge_ratio(conserve(prediction, soil_moisture)) == pytest.approx(1, abs=0.05)
    assert 0.9 < edge_ratio(half_residual(prediction, soil_moisture)) < 1.05
    assert edge_ratio(blocky) > 1.1


def test_an_isolated_peak_neither_towers_nor_digs_a_moat() -> None:
    """Around one wet cell the correction keeps near the range of the residuals beside it."""
    soil_moisture = np.full((7, 7), 0.08)
    soil_moisture[3, 3] = 0.46
    corrected = conserve(np.full((63, 63), 0.1), soil_moisture)
    np.testing.assert_allclose(block_mean(corrected), soil_moisture, atol=1e-6)
    assert 0.46 < corrected.max() < 0.5
    assert 0.04 < corrected.min() < 0.08
    wet = corrected[27:36, 27:36]
    assert wet[4, 4] > wet[0, 0] > 0.08
    np.testing.assert_allclose(corrected, corrected.T, atol=1e-6)
    np.testing.assert_allclose(corrected, corrected[::-1], atol=1e-6)


def test_clipping_keeps_the_means() -> None:
    """Pixels that reach the physical limit pass their share on to the others of their cell."""
    prediction = rough(3, (6, 6), mean=0.05, sd=0.03)
    soil_moisture = np.full((6, 6), 0.04)
    soil_moisture[2, 2] = 0.021
    corrected = conserve(prediction, soil_moisture)
    assert corrected.min() >= np.float32(0.02)
    assert (corrected == np.float32(0.02)).any()
    np.testing.assert_allclose(block_mean(corrected), soil_moisture, atol=1e-6)


def test_smap_beyond_the_range_widens_its_own_cell() -> None:
    """Where SMAP itself is drier than the limit its cell may be, and no other."""
    soil_moisture = np.full((3, 3), 0.1)
    soil_moisture[1, 1] = 0.01
    corrected = conserve(rough(1, (3, 3), mean=0.1), soil_moisture)
    np.testing.assert_allclose(block_mean(corrected), soil_moisture, atol=1e-6)
    assert corrected[:9].min() >= np.float32(0.02)


def test_bilinear_agrees_with_scipy() -> None:
    """Interpolation between the centres is SciPy's of order 1, constant beyond the outermost."""
    coarse = np.random.default_rng(0).normal(size=(4, 6))
    rows, columns = ((np.arange(9 * n) + 0.5) / 9 - 0.5 for n in coarse.shape)
    grid = np.meshgrid(rows, columns, indexing="ij")
    expected = map_coordinates(coarse, grid, order=1, mode="nearest")
    np.testing.assert_allclose(bilinear(coarse), expected, atol=1e-12)


def test_the_half_residual_fades_where_smap_is_missing() -> None:
    """Beyond SMAP's coverage the analysis returns to the model's own map with distance."""
    prediction = np.full((9, 90), 0.2)
    soil_moisture = np.full((1, 10), np.nan)
    soil_moisture[0, 0] = 0.3
    analysis = half_residual(prediction, soil_moisture)[4]
    assert analysis[0] == pytest.approx(0.25)
    assert (np.diff(analysis) <= 0).all()
    assert analysis[-1] == pytest.approx(0.2, abs=1e-3)


def test_without_any_smap_the_half_residual_is_the_model() -> None:
    """Nothing known leaves the prediction as it is."""
    prediction = rough(0, (2, 2))
    nothing = np.full((2, 2), np.nan)
    np.testing.assert_allclose(half_residual(prediction, nothing), prediction, atol=1e-7)


def test_edge_ratio_of_a_plane_is_one() -> None:
    """A field of constant slope has the same step everywhere."""
    assert edge_ratio(np.add.outer(np.arange(27.0), np.arange(36.0))) == pytest.approx(1)


def test_edge_ratio_of_one_block_is_undefined() -> None:
    """One coarse cell has no edges to compare."""
    assert np.isnan(edge_ratio(rough(0, (1, 1))))


def test_grids_that_do_not_nest_are_refused() -> None:
    """A map must have 9 × 9 cells for each coarse one."""
    with pytest.raises(GridMismatchError, match="18 × 18"):
        conserve(np.zeros((18, 9)), np.zeros((2, 2)))
