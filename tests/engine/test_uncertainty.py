"""Intervals cover a truth that they were not shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.analysis import blend
from engine.background import Background
from engine.grids import COARSE, block_mean, fine_of
from engine.history import as_resolved
from engine.months import Month
from engine.testing_period import toy_period
from engine.uncertainty import Errors, estimate_errors, half_widths, interval_onnx
from engine.weights import estimate_weights

AREA = fine_of(COARSE[340:358, 3120:3138])


def errors() -> Errors:
    """Return errors whose changes are larger from month to month."""
    changes = tuple(1e-5 * month for month in range(1, 13))
    detail = (4e-5,) * 12
    return Errors(
        growth=3e-4, most=4e-3, changes=changes, detail=detail, factor=1.6, smap_bias=None
    )


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
    interval = interval_onnx(found)
    half = np.stack([half_widths(interval, period.unlike, month) for month in history.months])
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
    assert half[:, strange].mean() > 1.15 * half[:, ~strange].mean()


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
    assert np.mean(blind.detail) > np.mean(told.detail)


def test_months_that_are_hard_to_tell_have_wider_intervals() -> None:
    """Of cells and within them: when SMAP and the model disagree most; neighbours take a share."""
    history = toy_period(cells=12).history
    hard = history.held_out.copy()
    july = [month.month == 7 for month in history.months]
    hard[july] += 0.03 * np.random.default_rng(1).normal(size=hard[july].shape)
    history = replace(history, held_out=hard)
    found = estimate_errors(history, estimate_weights(history), np.ones(history.coarse.shape))
    for part in (found.changes, found.detail):
        assert np.argmax(part) == 6
        assert part[5] > 1.3 * part[0]
        assert part[6] > 1.1 * part[5]


def test_months_that_never_occur_have_the_others_mean() -> None:
    """A model of winters has intervals in summer, too."""
    history = toy_period(cells=12).history
    winter = [month.month in (12, 1, 2) for month in history.months]
    named = ("fine", "coarse", "held_out", "effects", "causes", "memory")
    parts: dict[str, Any] = {name: getattr(history, name)[winter] for name in named}
    months = tuple(month for month, kept in zip(history.months, winter, strict=True) if kept)
    short = replace(history, months=months, **parts)
    found = estimate_errors(short, estimate_weights(short), np.ones(short.coarse.shape))
    assert found.detail[6] == pytest.approx(np.mean(found.detail), rel=0.1)


def test_what_smap_blurs_is_not_taken_for_even() -> None:
    """Detail comes out about as large from a SMAP that resolves nine cells together."""
    period = toy_period(smap_error=0.004)
    history = period.history
    names = ("coarse", "held_out", "effects", "causes", "memory")
    parts: dict[str, Any] = {name: as_resolved(getattr(history, name), 3) for name in names}
    blurred = replace(history, footprint=3, **parts)
    cells = np.ones(history.coarse.shape)
    sharp, wide, blind = (
        float(np.mean(estimate_errors(one, estimate_weights(one), cells).detail))
        for one in (history, blurred, replace(blurred, footprint=1))
    )
    assert wide == pytest.approx(sharp, rel=0.5)
    assert blind < 0.7 * wide


def test_the_file_is_its_formula() -> None:
    """Variances are added, growth ends at a guess, and the root is widened to an interval."""
    unlike = np.array([0, 0.5, 1, 2, 50], np.float32)
    for month in (Month(2020, 1), Month(2021, 12)):
        rest = 4e-5 + 1e-5 * month.month
        expected = 1.6 * np.sqrt(np.minimum(3e-4 * unlike**2, 4e-3) + rest)
        made = half_widths(interval_onnx(errors()), unlike, month)
        np.testing.assert_allclose(made, expected, rtol=1e-6)


def test_a_period_that_tells_nothing_still_has_an_interval() -> None:
    """Without held-out cells an error may be as large as soil moisture varies."""
    history = toy_period(cells=6, years=2).history
    blind = replace(history, held_out=np.full(history.coarse.shape, np.nan))
    found = estimate_errors(blind, estimate_weights(blind), np.full(history.coarse.shape, np.nan))
    assert found.growth == found.most == pytest.approx(2 * float(np.var(history.coarse)))
