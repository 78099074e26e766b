"""Metrics over all stations together, and the sums that a bootstrap makes them of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.validation.draws import drawn_metrics, pair_sums
from engine.validation.metrics import agreement
from engine.validation.pooling import BOUNDED, month_by_month, pooled
from engine.validation.rules import Rules
from engine.validation.summary import cluster_draws

RULES = Rules(draws=300)
SITES, MONTHS = 14, 24
CELLS = np.arange(SITES) // 2

moisture = hnp.arrays(np.float64, 12, elements=st.floats(0.0, 0.625, width=32))
times = hnp.arrays(np.int64, 12, elements=st.integers(0, 3))


def made() -> tuple[np.ndarray, np.ndarray]:
    """Return product and reference of some sites, with gaps."""
    generator = np.random.default_rng(4)
    y = 0.25 + 0.05 * generator.normal(size=(SITES, MONTHS))
    x = 0.02 + 0.9 * y + 0.02 * generator.normal(size=y.shape)
    y[generator.random(y.shape) < 0.1] = np.nan
    x[3, :5] = np.nan
    return x, y


@given(x=moisture, y=moisture, weights=times)
def test_a_weight_counts_as_often_as_the_pair_is_repeated(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> None:
    """Metrics from weighted sums are those of the pairs written out again and again."""
    again_x, again_y = np.repeat(x, weights), np.repeat(y, weights)
    if again_x.size < 2 or min(again_x.std(), again_y.std()) < 1e-3:
        return
    told = agreement(again_x, again_y, 1)
    found = drawn_metrics(weights[None].astype(float), pair_sums(x[:, None], y[:, None]))
    for name, value in found.items():
        expected = abs(told.bias) if name == "abs_bias" else getattr(told, name)
        assert value[0, 0] == pytest.approx(float(expected), abs=1e-7), name


def test_a_draw_without_pairs_has_no_number() -> None:
    """Where nothing was drawn nothing is told."""
    found = drawn_metrics(np.zeros((1, 3)), pair_sums(np.ones((3, 1)), np.ones((3, 1))))
    assert all(np.isnan(values).all() for values in found.values())


def test_intervals_are_those_of_cells_drawn_one_by_one() -> None:
    """The quick sums give the percentiles that writing out every draw gives."""
    x, y = made()
    found = pooled(x, y, CELLS, RULES)
    weights = cluster_draws(CELLS, RULES.draws).astype(int)
    draws = [agreement(np.repeat(x, one, axis=0).ravel(), np.repeat(y, one, axis=0).ravel())
             for one in weights]  # fmt: skip
    for name in BOUNDED:
        low, high = np.quantile([getattr(one, name) for one in draws], [0.025, 0.975])
        assert found.bounds[name] == pytest.approx((low, high), abs=1e-9), name
        assert low < float(getattr(found.agreement, name)) < high


def test_months_are_told_apart() -> None:
    """Each month's numbers are those of its stations, and few stations give none."""
    x, y = made()
    y[:8, 5] = np.nan
    found = month_by_month(x, y, CELLS, RULES)
    assert found.agreement.r[0] == pytest.approx(float(agreement(x[:, 0], y[:, 0]).r))
    assert np.isnan(found.agreement.r[5])
    for name in BOUNDED:
        low, high = found.bounds[name]
        assert np.isnan([low[5], high[5]]).all()
        inside = [k for k in range(MONTHS) if found.agreement.n[k] >= RULES.pairs]
        assert (low[inside] < high[inside]).all()
