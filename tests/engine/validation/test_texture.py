"""Edges, imprints and detail of maps that were made to have them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.grids import BBox, coarse_window, fine_of, spread
from engine.validation.texture import RainEdges, imprint, sd_within, texture, variogram

GRID = fine_of(coarse_window(BBox(113.0, 34.0, 114.0, 34.8)))
SHAPE = (GRID.shape.y, GRID.shape.x)


def noise(seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.25, 0.02, SHAPE)


def test_a_map_without_edges_is_clean() -> None:
    """Noise has neither edges nor an imprint."""
    found = texture(noise(), None, RainEdges.of(GRID))
    assert found.edge_ratio == pytest.approx(1, abs=0.03)
    assert found.imprint == pytest.approx(1, abs=0.03)
    assert found.sd_within == pytest.approx(0.02, rel=0.02)
    assert np.isnan(found.conservation_max)


def test_blocks_show_as_edges_at_nine_kilometres() -> None:
    """Steps between 9 km cells raise the edge ratio and leave the imprint alone."""
    blocks = spread(np.random.default_rng(4).normal(0, 0.03, (SHAPE[0] // 9, SHAPE[1] // 9)))
    found = texture(noise() + blocks, None, RainEdges.of(GRID))
    assert found.edge_ratio > 1.3
    assert found.imprint == pytest.approx(1, abs=0.03)


def test_rain_cells_show_as_an_imprint_at_five_kilometres() -> None:
    """Steps between cells of 0.05° raise the imprint."""
    edges = RainEdges.of(GRID)
    rows = np.concatenate([[0], np.cumsum(edges.down)])
    columns = np.concatenate([[0], np.cumsum(edges.across)])
    cells = np.random.default_rng(5).normal(0, 0.03, (rows[-1] + 1, columns[-1] + 1))
    found = imprint(noise() + cells[np.ix_(rows, columns)], edges)
    assert found > 1.3
    assert 4.0 < SHAPE[1] / columns[-1] < 5.5


def test_cells_with_few_pixels_have_no_spread() -> None:
    """A cell of which most is missing has no standard deviation."""
    values = noise()
    values[:9, :8] = np.nan
    found = sd_within(values)
    assert np.isnan(found[0, 0])
    assert np.isfinite(found[1, 1])


def test_conservation_is_the_distance_from_smap() -> None:
    """A map that is 0.01 wetter than SMAP everywhere is so at its largest and on average."""
    coarse = np.full((SHAPE[0] // 9, SHAPE[1] // 9), 0.25)
    found = texture(np.full(SHAPE, 0.26), coarse, RainEdges.of(GRID))
    assert found.conservation_max == pytest.approx(0.01)
    assert found.conservation_rms == pytest.approx(0.01)


def test_the_variogram_of_noise_is_its_variance() -> None:
    """Independent cells differ by their variance at any distance; a slope by its square."""
    np.testing.assert_allclose(variogram(noise(), np.array([1, 5, 20])), 0.02**2, rtol=0.05)
    slope = np.tile(np.arange(40.0), (40, 1))
    np.testing.assert_allclose(variogram(slope, np.array([1, 3])), [0.25, 2.25])
    assert np.isnan(variogram(slope, np.array([50]))[0])
