"""Weights are recovered where the truth is known but not shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.collocation import deseasonalised
from engine.grids import block_mean, spread
from engine.history import detail, fine_detail, over_time, rain_memory, slope, smoothed
from engine.months import Month, month_range
from engine.testing_period import ToyPeriod, toy_period
from engine.weights import DEFAULT_DETAIL, DEFAULT_SMAP, SMAP_RANGE, estimate_weights
from engine.witnesses import smap_bias, smap_error


def spread_signs(shape: tuple[int, ...]) -> np.ndarray:
    """Return large errors that are the same every month."""
    return np.broadcast_to(0.05 * (-1.0) ** np.indices(shape[1:]).sum(axis=0), shape)


@pytest.fixture(scope="module")
def period() -> ToyPeriod:
    return toy_period()


def test_smaps_errors_are_told_apart(period: ToyPeriod) -> None:
    """The monthly ones from its changes, the static ones from its means."""
    monthly, static = smap_error(period.history), smap_bias(period.history)
    assert monthly is not None
    assert static is not None
    assert np.sqrt(monthly) == pytest.approx(0.010, rel=0.15)
    assert np.sqrt(static) == pytest.approx(0.015, rel=0.3)


@pytest.mark.parametrize(("error", "damping"), [(0.010, 0.7), (0.006, 0.7), (0.012, 0.5)])
def test_the_changes_are_weighed_as_the_truth_would_weigh_them(
    error: float, damping: float
) -> None:
    """SMAP's share and the model's factor come near the least squares fit to the truth."""
    period = toy_period(smap_error=error, damping=damping)
    history = period.history
    weights = estimate_weights(history)
    truth = deseasonalised(block_mean(period.truth), history.months)
    smap = deseasonalised(history.coarse, history.months)
    model = deseasonalised(history.held_out, history.months)
    views = np.stack([smap.ravel(), model.ravel()], axis=1)
    best, *_ = np.linalg.lstsq(views, truth.ravel())
    assert weights.smap == pytest.approx(best[0], abs=0.08)
    assert (1 - weights.smap) * weights.amplitude == pytest.approx(best[1], abs=0.1)
    assert weights.amplitude == pytest.approx(slope(truth, model), rel=0.05)


def test_shapes_are_believed_and_grain_is_not(period: ToyPeriod) -> None:
    """The model's noise does not last; rather less is taken of the grain than would be best."""
    history = period.history
    truth = deseasonalised(fine_detail(period.truth), history.months)
    within = deseasonalised(fine_detail(history.fine), history.months)
    shapes = smoothed(within)
    best = [min(1, slope(truth, part)) for part in (shapes, within - shapes)]
    weights = estimate_weights(history)
    assert weights.detail == pytest.approx(best[0], abs=0.2)
    assert 0 < weights.grain < best[1] < weights.detail


def test_shapes_and_grain_add_up() -> None:
    """Smoothing keeps a constant, and gaps; noise loses most of its variance."""
    noise = np.random.default_rng(6).normal(size=(2, 90, 90))
    noise[0, 5, 5] = np.nan
    shapes = smoothed(noise)
    assert np.isnan(shapes[0, 5, 5])
    assert np.isfinite(shapes).sum() == np.isfinite(noise).sum()
    assert np.nanvar(shapes) < 0.15
    np.testing.assert_allclose(smoothed(np.full((9, 9), 0.3)), 0.3)


def test_the_sensitivity_is_told(period: ToyPeriod) -> None:
    """Twice SMAP's error variance would give it less, half of it more; all within its range."""
    weights = estimate_weights(period.history)
    least, most = weights.smap_between
    assert SMAP_RANGE[0] <= least < weights.smap < most <= SMAP_RANGE[1]


def test_smaps_mean_counts_as_far_as_the_model_surely_errs(period: ToyPeriod) -> None:
    """By how much the model's means move once it learns from a block; at most by half."""
    history = period.history
    rest = over_time(history.held_out) - over_time(history.coarse)
    moved = over_time(history.held_out) - over_time(block_mean(history.fine))
    share = float(np.mean(moved**2) / np.mean(rest**2))
    assert estimate_weights(history).static == pytest.approx(share)
    far = replace(history, held_out=history.held_out + spread_signs(history.held_out.shape))
    assert estimate_weights(far).static == 0.5


def test_a_documented_bias_takes_its_place(period: ToyPeriod) -> None:
    """Without any bias SMAP's mean takes all, with an implausibly large one nothing."""
    history = period.history
    rest = float(np.var(over_time(history.coarse - history.held_out)))
    assert estimate_weights(history, 0.0).static == 1
    assert estimate_weights(history, 0.01).static == pytest.approx(1 - 0.0001 / rest)
    assert estimate_weights(history, 0.1).static == 0


def test_a_short_period_takes_the_usual_weights(period: ToyPeriod) -> None:
    """Without a second year, or without witnesses, the weights say that they are not estimated."""
    history = period.history
    part = {
        name: getattr(history, name)[:11]
        for name in ("months", "fine", "coarse", "held_out", "effects", "causes", "memory")
    }
    weights = estimate_weights(replace(history, **part))
    assert (weights.smap, weights.detail) == (DEFAULT_SMAP, DEFAULT_DETAIL)
    assert set(weights.defaults) == {"smap", "detail"}
    alone = estimate_weights(replace(history, effects=None))
    assert alone.smap == DEFAULT_SMAP
    assert set(alone.defaults) == {"smap"}


def test_missing_cells_change_little(period: ToyPeriod) -> None:
    """A tenth of SMAP and of the held-out rows may be missing."""
    history = period.history
    lost = np.random.default_rng(1).random(history.coarse.shape) < 0.1
    gappy = replace(
        history,
        coarse=np.where(lost, np.nan, history.coarse),
        held_out=np.where(lost, np.nan, history.held_out),
    )
    whole, some = estimate_weights(history), estimate_weights(gappy)
    assert some.smap == pytest.approx(whole.smap, abs=0.06)
    assert some.amplitude == pytest.approx(whole.amplitude, rel=0.03)


def test_detail_is_what_is_left_of_a_smoother_field() -> None:
    """Groups of 3 × 3 have the mean 0; what fills none is left out."""
    cells = np.random.default_rng(4).normal(size=(2, 7, 8))
    left = detail(cells)
    assert left.shape == (2, 6, 6)
    np.testing.assert_allclose(left.reshape(2, 2, 3, 2, 3).mean(axis=(2, 4)), 0, atol=1e-15)
    fine = spread(cells) + fine_detail(np.random.default_rng(5).normal(size=(2, 63, 72)))
    np.testing.assert_allclose(block_mean(fine), cells, atol=1e-12)


def test_rain_is_remembered_by_halves() -> None:
    """A month that is not there is stood for by the month's own rain."""
    months = [*month_range(Month(2020, 1), Month(2020, 3)), Month(2020, 6)]
    rain = np.array([1.0, 2.0, 4.0, 8.0])[:, np.newaxis]
    expected = [1 + 0.5 + 0.25, 2 + 0.5 * 1 + 0.25 * 2, 4 + 1 + 0.25, 8 * 1.75]
    np.testing.assert_allclose(rain_memory(rain, months)[:, 0], np.log1p(30 * np.array(expected)))
