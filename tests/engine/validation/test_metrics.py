"""Metrics against independent programs, and the identities that hold among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from record_pytesmo import CASES, made
from scipy import stats

from engine.errors import GridMismatchError
from engine.validation.intervals import (
    autocorrelation,
    bias_interval,
    block_draws,
    effective_pairs,
    r_interval,
    ubrmse_interval,
)
from engine.validation.metrics import agreement, climatology_anomalies
from engine.validation.rules import Rules
from engine.validation.triples import triple

RECORDS: dict[str, Any] = json.loads(Path(__file__).with_name("pytesmo.json").read_text("utf-8"))

moisture = hnp.arrays(np.float64, (3, 20), elements=st.floats(0.0, 0.625, width=32))


@pytest.mark.parametrize("case", CASES)
def test_metrics_are_those_of_pytesmo_and_scores(case: str) -> None:
    """Every metric equals what two other programs computed, to 1e-9."""
    x, y, _ = made(case)
    found, told = agreement(x[None], y[None]), RECORDS[case]
    pairs = {
        "bias": ("bias", "bias_scores"),
        "rmse": ("rmse", "rmse_scores"),
        "ubrmse": ("ubrmse",),
        "mae": ("mae_scores",),
        "r": ("r", "r_scores"),
        "spearman": ("spearman",),
        "mse_correlation": ("mse_correlation",),
        "mse_variance": ("mse_variance",),
        "mse_bias": ("mse_bias",),
    }
    for ours, theirs in pairs.items():
        for name in theirs:
            assert getattr(found, ours)[0] == pytest.approx(told[name], abs=1e-9), name
    assert found.slope[0] == pytest.approx(stats.linregress(y, x).slope, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_intervals_of_independent_pairs_are_those_of_pytesmo(case: str) -> None:
    """Where every pair counts as independent the intervals are the published ones."""
    x, y, _ = made(case)
    found, told = agreement(x[None], y[None]), RECORDS[case]
    n = found.n.astype(float)
    sd = (x - y).std(ddof=1)
    bounds = {
        "bias_ci": bias_interval(found.bias, np.array([sd]), n),
        "ubrmse_ci": ubrmse_interval(found.ubrmse, n),
        "r_ci": r_interval(found.r, n),
    }
    for name, ours in bounds.items():
        np.testing.assert_allclose(np.sort(np.ravel(ours)), np.sort(told[name]), atol=1e-9)


def test_triple_collocation_is_that_of_pytesmo() -> None:
    """SNR, error and scaling of three witnesses equal pytesmo's, to 1e-9."""
    x, y, z = made("long")
    rules = Rules(triplets=30)
    found, told = triple(("x", "y", "z"), (x, y, z), rules), RECORDS["long"]
    assert found.witnesses is not None, found.why_not
    for k, witness in enumerate(found.witnesses):
        assert witness.snr_db == pytest.approx(told["snr"][k], abs=1e-9)
        assert witness.error_sd == pytest.approx(told["error"][k], abs=1e-9)
        assert witness.scale == pytest.approx(told["beta"][k], abs=1e-9)
        assert witness.snr_interval[0] < witness.snr_db < witness.snr_interval[1]


def test_monthly_maps_do_not_get_a_triple_collocation() -> None:
    """44 months are worth fewer independent triplets than it needs, and it says so."""
    x, y, z = made("paper")
    found = triple(("map", "station", "other"), (x, y, z), Rules())
    assert found.witnesses is None
    assert "44 triplets are worth" in found.why_not


@given(moisture, moisture)
def test_squared_errors_add_up(x: np.ndarray, y: np.ndarray) -> None:
    """RMSE² = bias² + ubRMSE², and its split adds up, at every place to 1e-12."""
    found = agreement(x, y)
    np.testing.assert_allclose(found.rmse**2, found.bias**2 + found.ubrmse**2, rtol=0, atol=1e-12)
    parts = found.mse_correlation + found.mse_variance + found.mse_bias
    # A constant series has no correlation, and nothing to lose by it.
    np.testing.assert_allclose(parts, found.rmse**2, rtol=0, atol=1e-9)


@given(moisture, moisture, hnp.arrays(np.bool_, (3, 20)))
def test_missing_pairs_take_no_part(x: np.ndarray, y: np.ndarray, lost: np.ndarray) -> None:
    """A metric over gaps equals the metric of what is left."""
    gappy = np.where(lost, np.nan, x)
    found = agreement(gappy, y, least=4)
    for k in range(3):
        left = ~lost[k]
        assert found.n[k] == left.sum()
        if left.sum() < 4:
            assert np.isnan(found.rmse[k])
            continue
        alone = agreement(x[k][left][None], y[k][left][None], least=4)
        for name, values in found.as_mapping().items():
            other = alone.as_mapping()[name][0]
            np.testing.assert_allclose(values[k], other, rtol=1e-9, atol=1e-9, equal_nan=True)


def test_few_pairs_give_no_number() -> None:
    """Nine pairs are told, and nothing is computed from them."""
    x = np.linspace(0.1, 0.3, 9)[None]
    found = agreement(x, x + 0.01, least=10)
    assert found.n[0] == 9
    assert all(np.isnan(values[0]) for values in found.as_mapping().values())


def test_a_constant_series_has_no_correlation() -> None:
    """A product that never changes has a bias and no R."""
    y = np.linspace(0.1, 0.3, 20)[None]
    found = agreement(np.full((1, 20), 0.2), y)
    assert np.isnan(found.r[0])
    assert np.isnan(found.spearman[0])
    assert found.rmse[0] > 0


def test_shapes_must_agree() -> None:
    """Product and reference of other shapes are refused."""
    with pytest.raises(GridMismatchError):
        agreement(np.zeros((2, 3)), np.zeros((3, 2)))


def test_anomalies_leave_the_year_itself_out() -> None:
    """An anomaly is the distance to the mean of the same month of the other years."""
    calendar = np.array([1, 2, 1, 2, 1])
    values = np.array([[1.0, 5.0, 2.0, np.nan, 6.0]])
    expected = [[1 - 4, np.nan, 2 - 3.5, np.nan, 6 - 1.5]]
    np.testing.assert_allclose(climatology_anomalies(values, calendar), expected)


def test_autocorrelation_takes_pairs_away() -> None:
    """Series with a memory of 0.6 are worth less than half of their pairs."""
    generator = np.random.default_rng(3)
    series = np.zeros((2, 4000))
    for k in range(1, 4000):
        series[:, k] = 0.6 * series[:, k - 1] + generator.normal(size=2)
    memory = autocorrelation(series)
    np.testing.assert_allclose(memory, 0.6, atol=0.05)
    left = effective_pairs(np.array([44]), np.array([0.6]), np.array([0.6]))
    np.testing.assert_allclose(left, 44 * 0.64 / 1.36)


def test_noise_keeps_its_pairs() -> None:
    """A series that swings back and forth is worth no more than its pairs."""
    swinging = np.tile([0.0, 1.0], 30)[None]
    memory = autocorrelation(swinging)
    assert memory[0] < -0.9
    assert effective_pairs(np.array([60]), memory, -memory)[0] == 60


def test_blocks_keep_every_month_equally_often() -> None:
    """Each draw has as many months as the series, and each month is drawn as often as any."""
    draws = block_draws(44, 4000, np.random.default_rng(1))
    assert (draws.sum(axis=1) == 44).all()
    np.testing.assert_allclose(draws.mean(axis=0), 1, atol=0.06)
