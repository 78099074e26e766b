"""Products that were given a station's mean and spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.validation.metrics import agreement
from engine.validation.scaled import scaled

series = hnp.arrays(np.float64, 24, elements=st.floats(0.0, 0.625, width=32))


@given(x=series, y=series)
def test_only_timing_is_left_of_the_error(x: np.ndarray, y: np.ndarray) -> None:
    """After scaling the squared error is 2 sd² (1 - R): bias and amplitude are gone."""
    if min(x.std(), y.std()) < 1e-3:
        return
    found = agreement(scaled(x, y), y)
    r = np.corrcoef(x, y)[0, 1]
    assert found.bias == pytest.approx(0, abs=1e-12)
    assert found.rmse**2 == pytest.approx(2 * y.var() * (1 - r), abs=1e-10)


def test_what_either_lacks_is_left_out() -> None:
    """Mean and spread are of the common values alone; the others stay unknown."""
    x, y = np.array([[1.0, 2.0, 3.0, 90.0]]), np.array([[10.0, np.nan, 30.0, np.nan]])
    np.testing.assert_allclose(scaled(x, y), [[10.0, np.nan, 30.0, np.nan]])


def test_a_constant_product_cannot_be_scaled() -> None:
    """Without spread there is nothing to scale, and no number."""
    assert np.isnan(scaled(np.full(12, 0.2), np.linspace(0, 1, 12))).all()
