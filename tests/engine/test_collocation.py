"""Errors of three witnesses, against cases built with known ones."""

from __future__ import annotations

import numpy as np
import pytest

from engine.collocation import (
    MIN_TRIPLETS,
    deseasonalised,
    persistence,
    triple_collocation,
)
from engine.months import Month, month_range


def witnesses(size: int = 200_000) -> list[np.ndarray]:
    """Return three views of one truth with errors of 0.3, 0.5 and 0.2, in units of their own."""
    draw = np.random.default_rng(3).normal
    truth = draw(size=size)
    return [
        truth + 0.3 * draw(size=size),
        2 * truth - 5 + 0.5 * draw(size=size),
        0.1 * truth + 0.02 * draw(size=size),
    ]


def test_the_error_of_the_first_is_found() -> None:
    """Whatever the units of the other two are."""
    x, y, z = witnesses()
    found = triple_collocation(x, y, z)
    assert found is not None
    assert found.error == pytest.approx(0.09, rel=0.03)
    assert found.signal == pytest.approx(1, rel=0.02)
    assert found.noise_share == pytest.approx(0.09 / 1.09, rel=0.03)


def test_each_of_the_three_may_come_first() -> None:
    """Its error is told in its own unit."""
    x, y, z = witnesses()
    second, third = triple_collocation(y, z, x), triple_collocation(z, x, y)
    assert second is not None
    assert third is not None
    assert second.error == pytest.approx(0.25, rel=0.05)
    assert third.error == pytest.approx(0.0004, rel=0.05)


def test_it_agrees_with_the_published_formula() -> None:
    """``var_x - cov_xy cov_xz / cov_yz`` over what all three have, to rounding."""
    x, y, z = (values[:500].copy() for values in witnesses())
    x[3], y[7], z[9] = np.nan, np.nan, np.nan
    kept = np.isfinite(x + y + z)
    moments = np.cov([x[kept], y[kept], z[kept]])
    found = triple_collocation(x, y, z)
    assert found is not None
    expected = moments[0, 0] - moments[0, 1] * moments[0, 2] / moments[1, 2]
    assert found.error == pytest.approx(expected, rel=1e-12)


def test_what_cannot_be_told_is_none() -> None:
    """Too few values, or witnesses that contradict each other."""
    x, y, z = witnesses(MIN_TRIPLETS - 1)
    assert triple_collocation(x, y, z) is None
    x, y, z = witnesses(1000)
    assert triple_collocation(x, y, -z) is None


def test_no_variance_is_negative() -> None:
    """A first witness without error is not given less than none."""
    _, y, z = witnesses(300)
    x = 0.5 * (y + 5) + 5 * z
    found = triple_collocation(x, y, z)
    assert found is not None
    assert found.error >= 0
    assert found.signal <= float(np.var(x, ddof=1)) * (1 + 1e-12)


def test_seasons_are_taken_off_and_the_variance_kept() -> None:
    """A month that occurs n times gives anomalies of the variance that the changes have."""
    months = month_range(Month(2018, 1), Month(2020, 12))
    draw = np.random.default_rng(5).normal(size=(36, 4000))
    season = np.array([10.0 * month.month for month in months])[:, np.newaxis]
    anomalies = deseasonalised(season + draw, months)
    assert float(anomalies.var()) == pytest.approx(1, rel=0.02)
    assert np.abs(anomalies.reshape(3, 12, -1).mean(axis=0)).max() < 1e-12


def test_a_month_without_another_year_has_no_anomaly() -> None:
    """It is missing, not 0."""
    months = month_range(Month(2019, 1), Month(2020, 1))
    anomalies = deseasonalised(np.arange(13.0), months)
    assert np.isfinite(anomalies).tolist() == [True, *[False] * 11, True]
    assert np.isnan(deseasonalised(np.array([[np.nan], [1.0]]), [months[0], months[12]])).all()


def test_persistence_is_that_of_the_month_before() -> None:
    """A gap in the months is stepped over, not bridged."""
    months = [Month(2019, 1), Month(2019, 2), Month(2019, 6), Month(2019, 7)]
    draw = np.random.default_rng(2).normal(size=(4, 100_000))
    draw[1] = 0.6 * draw[0] + 0.8 * draw[1]
    draw[2] = draw[1]
    draw[3] = 0.6 * draw[2] + 0.8 * draw[3]
    assert persistence(draw, months) == pytest.approx(0.6, abs=0.01)
    assert np.isnan(persistence(draw[::2], months[::2]))
