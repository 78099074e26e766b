"""The range of errors is found, and blocks are at least as large."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from engine.grids import COARSE_PIXEL
from engine.models.blocks import BLOCK_SIDE
from engine.models.pilot import block_side, measured_splits, pilot_variogram
from engine.models.splits import deal
from engine.models.variogram import Variogram, residual_variogram, spherical
from engine.testing import toy_table


def field(reach: float, nugget: float, times: int, side: int = 22) -> tuple[np.ndarray, ...]:
    """Draw Gaussian fields with a spherical variogram of sill 1."""
    generator = np.random.default_rng(0)
    y, x = (index.ravel() * COARSE_PIXEL for index in np.indices((side, side)))
    places = np.column_stack([x, y]).astype(float)
    covariance = (1 - nugget) * (1 - spherical(cdist(places, places), reach))
    covariance += nugget * np.eye(len(places))
    drawn = np.linalg.cholesky(covariance) @ generator.normal(size=(len(places), times))
    time = np.repeat([f"2020-{month:02d}" for month in range(1, times + 1)], len(places))
    return np.tile(x, times).astype(float), np.tile(y, times).astype(float), time, drawn.T.ravel()


def test_a_known_field_is_recovered() -> None:
    """Range, nugget and sill of simulated fields come out."""
    found = residual_variogram(*field(reach=80e3, nugget=0.3, times=12))
    assert found is not None
    assert found.range == pytest.approx(80e3, rel=0.2)
    assert found.nugget == pytest.approx(0.3, abs=0.08)
    assert found.sill == pytest.approx(1, abs=0.15)
    model = found.model(np.array(found.lags))
    np.testing.assert_allclose(model, found.semivariance, atol=0.1)


def test_noise_has_no_range() -> None:
    """Errors that know nothing of each other need no larger blocks."""
    x, y, time, _ = field(reach=50e3, nugget=0.5, times=4)
    noise = np.random.default_rng(1).normal(size=x.size)
    found = residual_variogram(x, y, time, noise)
    assert found is not None
    assert found.range == 0
    assert found.sill == pytest.approx(1, abs=0.05)


def test_only_the_same_time_is_paired() -> None:
    """A month that is off as a whole adds nothing to the semivariance."""
    x, y, time, values = field(reach=60e3, nugget=0.2, times=6)
    shifted = values + np.unique(time, return_inverse=True)[1] * 50.0
    plain, other = (residual_variogram(x, y, time, one) for one in (values, shifted))
    assert plain is not None
    assert other is not None
    np.testing.assert_allclose(other.semivariance, plain.semivariance, rtol=1e-6)


def test_too_few_pairs_are_no_variogram() -> None:
    """Nor are residuals that are all missing."""
    x, y, time, values = field(reach=60e3, nugget=0.2, times=1)
    assert residual_variogram(x[:5], y[:5], time[:5], values[:5]) is None
    assert residual_variogram(x, y, time, np.full_like(values, np.nan)) is None


def variogram(reach: float) -> Variogram:
    return Variogram(lags=(1,), semivariance=(1,), pairs=(1,), nugget=0, sill=1, range=reach)


@pytest.mark.parametrize(
    ("reach", "side"),
    [(0, BLOCK_SIDE), (100e3, 12 * COARSE_PIXEL), (900e3, 20 * COARSE_PIXEL)],
)
def test_blocks_are_as_large_as_errors_are_alike(reach: float, side: float) -> None:
    """At least 72 km, in whole cells, and never more than half of the area."""
    table = toy_table(cells=40**2, months=1)
    assert block_side(table, variogram(reach)) == pytest.approx(side)
    assert block_side(table, None) == BLOCK_SIDE


def test_a_hidden_trait_makes_blocks_larger() -> None:
    """What no predictor knows, and reaches 150 km, is found in a pilot's errors."""
    table = toy_table(cells=40**2, months=3, hidden=0.0)
    hidden = 0.02 * np.sin(2 * np.pi * table.x / 300e3) * np.cos(2 * np.pi * table.y / 300e3)
    table = replace(table, truth=(table.truth + hidden).astype(np.float32)).usable()
    found = pilot_variogram(table)
    splits, _ = measured_splits(table)
    assert found is not None
    assert 75e3 < found.range < 220e3
    assert splits.side >= found.range
    assert "spatial-block" in splits.found


def test_an_area_too_small_for_pairs_keeps_the_default() -> None:
    """Nothing is known of the errors' range, and the splits are those of 72 km."""
    table = toy_table(cells=9, months=12).usable()
    splits, found = measured_splits(table)
    assert found is None or found.range >= 0
    assert (splits.blocks == deal(table).blocks).all()
