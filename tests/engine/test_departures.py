"""Anomalies and percentiles: known answers, other programs' answers, and what is always so."""

from __future__ import annotations

import numpy as np
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.departures import anomalies, percentiles

YEARS = arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 3)),
    elements=st.sampled_from([np.nan, 0.1, 0.15, 0.2, 0.35]),
)


def test_known_answers() -> None:
    """Three years, and a cell that two of them lack."""
    years = np.array([[[0.1, 0.3]], [[0.2, np.nan]], [[0.6, np.nan]]], np.float32)
    np.testing.assert_allclose(anomalies(years)[:, 0, 0], [-0.2, -0.1, 0.3], atol=1e-6)
    np.testing.assert_allclose(percentiles(years)[:, 0, 0], [100 / 6, 50, 500 / 6], rtol=1e-6)
    assert np.isnan(anomalies(years)[:, 0, 1]).all()
    assert np.isnan(percentiles(years)[:, 0, 1]).all()


@given(YEARS)
def test_percentiles_are_those_of_another_program(years: np.ndarray) -> None:
    """SciPy's mean rank of a score is Hazen's position."""
    found = percentiles(years)
    assert found.dtype == np.float32
    for place in np.ndindex(years.shape[1:]):
        series = years[(slice(None), *place)]
        known = series[np.isfinite(series)]
        for value, position in zip(series, found[(slice(None), *place)], strict=True):
            if known.size < 2 or np.isnan(value):
                assert np.isnan(position)
            else:
                wanted = scipy.stats.percentileofscore(known, value, kind="mean")
                np.testing.assert_allclose(position, wanted, rtol=1e-5)


@given(YEARS)
def test_anomalies_of_all_years_cancel(years: np.ndarray) -> None:
    """And they are there exactly where percentiles are."""
    found = anomalies(years)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.nansum(found, axis=0), 0, atol=1e-5)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(percentiles(years)))


@given(YEARS, st.sampled_from([-0.05, 0.5]))
def test_what_all_years_have_in_common_changes_nothing(years: np.ndarray, shift: float) -> None:
    """A constant in all years is usual."""
    np.testing.assert_allclose(anomalies(years + np.float32(shift)), anomalies(years), atol=1e-5)
