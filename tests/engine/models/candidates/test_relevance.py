"""Relevance tells predictors that say something from those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from engine.models.candidates import SupportVectors
from engine.models.candidates.relevance import relevance


def inputs(columns: int, rows: int = 1500) -> np.ndarray:
    """Return columns that know nothing of each other."""
    return np.random.default_rng(5).normal(size=(rows, columns)).astype(np.float32)


def test_all_alike_share_alike() -> None:
    """Where every column tells as much, each counts as one part of them."""
    values = inputs(4)
    np.testing.assert_allclose(relevance(values, values.sum(axis=1)), 1 / 4, rtol=0.15)


def test_one_column_is_all() -> None:
    """A column on its own counts whole, and so does each where nothing is to be told."""
    values = inputs(2)
    assert relevance(values[:, :1], values[:, 0]) == pytest.approx([1])
    np.testing.assert_allclose(relevance(values, np.ones(len(values))), 1 / 2)


def test_noise_counts_little_and_hardly_changes_others() -> None:
    """A column of noise counts a small part of the others, which stay nearly as they were."""
    values = inputs(5)
    target = values[:, 0] + np.sin(2 * values[:, 1]) + values[:, 2] * values[:, 3]
    counts = relevance(values, target.astype(np.float64))
    without = relevance(values[:, :4], target.astype(np.float64))
    assert counts[4] < 0.15 * counts[:4].sum()
    assert counts[4] == counts.min()
    np.testing.assert_allclose(counts[:4], without, rtol=0.15)


def test_a_kernel_sees_through_noise() -> None:
    """Ten columns of noise cost support vectors less than half of what they cost a plain kernel."""
    from sklearn.svm import SVR  # noqa: PLC0415

    values = inputs(13, rows=900)
    truth = 0.25 + 0.05 * np.tanh(values[:, 0] + values[:, 1] * values[:, 2])
    seen, unseen = slice(0, 600), slice(600, None)
    settings = SupportVectors(cost=1, tube=0.1, width=0.3)
    folds = np.zeros(600, dtype=int)

    def error(columns: int) -> float:
        fitted = settings.fit(values[seen, :columns], truth[seen], folds=folds)
        return float(np.mean((fitted.predict(values[unseen, :columns]) - truth[unseen]) ** 2))

    def plain(columns: int) -> float:
        deviation = truth[seen].std()
        machine = SVR(C=1, epsilon=0.1, gamma=0.3 / columns)
        machine.fit(values[seen, :columns], truth[seen] / deviation)
        said = machine.predict(values[unseen, :columns]) * deviation
        return float(np.mean((said - truth[unseen]) ** 2))

    assert error(13) - error(3) < (plain(13) - plain(3)) / 2
