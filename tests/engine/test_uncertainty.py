"""Intervals cover a truth that they were not shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.analysis import blend
from engine.background import Background
from engine.grids import COARSE, block_mean, fine_of
from engine.models.inference import Session
from engine.testing_period import toy_period
from engine.uncertainty import Errors, estimate_errors, interval_onnx
from engine.weights import estimate_weights

AREA = fine_of(COARSE[340:358, 3120:3138])


def errors(**parts: float) -> Errors:
    given = {"growth": 3e-4, "most": 4e-3, "changes": 5e-5, "detail": 4e-5}
    return Errors(**{**given, "factor": 1.6, **parts}, smap_bias=None)


@pytest.mark.parametrize(("error", "bias"), [(0.010, 0.015), (0.005, 0.005)])
def test_nine_of_ten_truths_lie_inside(error: float, bias: float) -> None:
    """At least, whatever SMAP's own errors are, and where the model hardly knows the place, too.

    Intervals are wider than they need be by what SMAP's mean mends, but not by half.
    """
    period = toy_period(smap_error=error, smap_bias=bias)
    history = period.history
    weights = estimate_weights(history)
    cells = np.broadcast_to(block_mean(period.unlike), history.coarse.shape)
    found = estimate_errors(history, weights, cells)
    half = Session(interval_onnx(found))(period.unlike.reshape(-1, 1)).reshape(AREA.shape)
    background = Background.of(history, AREA)
    maps = [
        blend(model, smap, background, weights)
        for model, smap in zip(history.fine, history.coarse, strict=True)
    ]
    wrong = np.stack(maps) - period.truth
    inside = np.abs(wrong) <= half
    assert 0.88 <= inside.mean() <= 0.985
    assert half.mean() < 1.5 * np.quantile(np.abs(wrong), 0.9)
    strange = period.unlike > np.quantile(period.unlike, 0.9)
    assert inside[:, strange].mean() > 0.88
    assert half[strange].mean() > 1.15 * half[~strange].mean()


def test_without_witnesses_intervals_are_wider() -> None:
    """What may be SMAP's error counts as the model's, and the card says so."""
    history = toy_period(cells=12).history
    weights = estimate_weights(history)
    cells = np.ones(history.coarse.shape)
    told = estimate_errors(history, weights, cells)
    alone = estimate_errors(replace(history, causes=None), weights, cells)
    assert told.smap_bias is not None
    assert alone.smap_bias is None
    assert alone.growth >= told.growth
    blind = estimate_errors(replace(history, memory=None), weights, cells)
    assert blind.detail > told.detail


def test_the_file_is_its_formula() -> None:
    """Variances are added, growth ends at a guess, and the root is widened to an interval."""
    unlike = np.array([0, 0.5, 1, 2, 50], np.float32)
    expected = 1.6 * np.sqrt(np.minimum(3e-4 * unlike**2, 4e-3) + 9e-5)
    made = Session(interval_onnx(errors()))(unlike[:, np.newaxis])
    np.testing.assert_allclose(made, expected, rtol=1e-6)


def test_a_period_that_tells_nothing_still_has_an_interval() -> None:
    """Without held-out cells an error may be as large as soil moisture varies."""
    history = toy_period(cells=6, years=2).history
    blind = replace(history, held_out=np.full(history.coarse.shape, np.nan))
    found = estimate_errors(blind, estimate_weights(blind), np.full(history.coarse.shape, np.nan))
    assert found.growth == found.most == pytest.approx(2 * float(np.var(history.coarse)))
