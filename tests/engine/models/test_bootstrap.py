"""Intervals of scores: from clusters of rows, and paired."""

from __future__ import annotations

import numpy as np
import pytest

from engine.models.bootstrap import METRICS, Clusters
from engine.models.scores import metrics
from engine.testing import toy_table

RANDOM = np.random.default_rng(8)


def test_values_are_those_of_all_rows() -> None:
    """The number itself is the plain score; the interval lies around it."""
    truth = 0.25 + 0.05 * RANDOM.normal(size=600)
    prediction = truth + 0.02 * RANDOM.normal(size=600)
    scores = Clusters(np.arange(600) // 10).scores(prediction, truth)
    plain = metrics(prediction, truth)
    for name in METRICS:
        interval = getattr(scores, name)
        assert interval.value == pytest.approx(getattr(plain, name), abs=1e-9)
        assert interval.lower < interval.value < interval.upper


def test_single_rows_give_the_textbook_interval() -> None:
    """With every row its own cluster, the mean's interval is ± 1.96 standard errors."""
    truth = np.zeros(900)
    truth[0] = 1e-9
    prediction = RANDOM.normal(size=900)
    bias = Clusters(np.arange(900), resamples=4000).scores(prediction, truth).bias
    half = 1.96 * prediction.std() / 30
    assert bias.upper - bias.value == pytest.approx(half, rel=0.1)
    assert bias.value - bias.lower == pytest.approx(half, rel=0.1)


def test_rows_that_err_alike_widen_the_interval() -> None:
    """100 clusters of 25 equal errors know as much as 100 rows, not as 2500."""
    error = np.repeat(RANDOM.normal(size=100), 25)
    truth = RANDOM.normal(size=2500)
    alone = Clusters(np.arange(2500)).scores(truth + error, truth).bias
    together = Clusters(np.repeat(np.arange(100), 25)).scores(truth + error, truth).bias
    assert (together.upper - together.lower) / (alone.upper - alone.lower) == pytest.approx(5, 0.2)


def test_a_paired_difference_is_sharper_than_two_intervals() -> None:
    """What makes a draw hard for both models cancels."""
    truth = RANDOM.normal(size=2000)
    shared = np.repeat(RANDOM.normal(size=50), 40)
    better, worse = truth + 0.9 * shared, truth + shared
    clusters = Clusters(np.repeat(np.arange(50), 40))
    difference = clusters.difference(better, worse, truth).rmse
    alone = clusters.scores(worse, truth).rmse
    assert difference.value == pytest.approx(-0.1 * alone.value)
    assert difference.excludes_zero
    assert difference.upper - difference.lower < 0.3 * (alone.upper - alone.lower)


def test_equal_predictions_differ_by_nothing() -> None:
    """Every interval is zero."""
    truth = RANDOM.normal(size=100)
    made = truth + RANDOM.normal(size=(3, 100))
    difference = Clusters(np.arange(100)).difference(made, made, truth)
    assert (difference.r2.lower, difference.r2.upper) == (0, 0)
    assert not difference.r2.excludes_zero


def test_seeds_are_averaged_and_drawn() -> None:
    """The number is the mean over seeds; seeds that disagree widen the interval."""
    truth = RANDOM.normal(size=1000)
    noise = RANDOM.normal(size=1000)
    clusters = Clusters(np.arange(1000))
    alike = clusters.scores(truth + np.stack([noise, noise]), truth).rmse
    apart = clusters.scores(truth + np.stack([0.5 * noise, 1.5 * noise]), truth).rmse
    assert apart.value == pytest.approx(alike.value, rel=1e-6)
    assert apart.upper - apart.lower > 3 * (alike.upper - alike.lower)


def test_missing_predictions_take_no_part() -> None:
    """A split that tests only some rows is scored on those; none at all is an error."""
    truth = RANDOM.normal(size=100)
    prediction = np.where(np.arange(100) < 40, truth + 1, np.nan)
    clusters = Clusters(np.arange(100))
    assert clusters.scores(prediction, truth).bias.value == pytest.approx(1)
    with pytest.raises(ValueError, match="no row"):
        clusters.scores(np.full(100, np.nan), truth)


def test_clusters_of_a_table_are_blocks_and_years() -> None:
    """A small area gets smaller blocks, so that there is something to draw."""
    clusters = Clusters.of(toy_table())
    assert clusters.count >= 16
    assert "year by year" in clusters.definition
