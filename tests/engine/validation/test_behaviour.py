"""Changes with time that were planted, found again."""

from __future__ import annotations

import numpy as np
import pytest

from engine.months import Month, month_range
from engine.validation.behaviour import (
    LAGS,
    correlations,
    every_month,
    lagged,
    rain_response,
)
from engine.validation.rules import Rules

RULES = Rules(draws=300)
MONTHS = month_range(Month(2017, 1), Month(2020, 12))
CALENDAR = np.array([month.month for month in MONTHS], dtype=np.int64)


def fields(lag: int, *, noise: float = 0.3) -> dict[str, np.ndarray]:
    """Return rain with a season, and plants that follow its anomalies so many months later."""
    generator = np.random.default_rng(8)
    season = 3 + 2 * np.sin(2 * np.pi * CALENDAR / 12)
    weather = generator.normal(size=len(MONTHS) + 12)
    here = np.arange(len(MONTHS)) + 6
    shape = (len(MONTHS), 4, 5)
    rain = (season + weather[here])[:, None, None] + noise * generator.normal(size=shape)
    follows = weather[here - lag][:, None, None] + noise * generator.normal(size=shape)
    return {"precipitation": rain, "ndvi": 0.05 * follows, "soil_moisture": 0.02 * rain}


@pytest.mark.parametrize("lag", [-2, 0, 1, 3])
def test_a_planted_lag_is_found(lag: int) -> None:
    """The strongest correlation lies where it was planted, and its interval excludes 0."""
    found = lagged("precipitation", "ndvi", fields(lag), CALENDAR, RULES)
    assert found is not None
    assert found.strongest == lag
    assert found.strongest_range == (lag, lag)
    assert found.lower[LAGS.index(lag)] > 0.5


def test_seasons_alone_are_no_correlation() -> None:
    """Two fields that share nothing but the season are uncorrelated once it is taken off."""
    generator = np.random.default_rng(9)
    season = np.sin(2 * np.pi * CALENDAR / 12)[:, None, None]
    shape = (len(MONTHS), 4, 5)
    two = {name: season + 0.3 * generator.normal(size=shape) for name in ("ndvi", "sif")}
    plain = correlations("ndvi", "sif", two, CALENDAR, RULES, anomalies=False)
    without = correlations("ndvi", "sif", two, CALENDAR, RULES, anomalies=True)
    assert plain is not None
    assert without is not None
    assert plain.median > 0.7
    assert abs(without.median) < 0.15


def test_one_year_has_no_anomalies() -> None:
    """Twelve months tell nothing of anomalies."""
    part = {name: values[:12] for name, values in fields(0).items()}
    assert lagged("precipitation", "ndvi", part, CALENDAR[:12], RULES) is None
    anomalies = correlations("precipitation", "ndvi", part, CALENDAR[:12], RULES, anomalies=True)
    assert anomalies is None


def test_soil_is_wetter_when_it_rains_more() -> None:
    """Anomalies in wet months are above 0, in dry ones below, beyond their intervals."""
    planted = fields(0)
    found = rain_response(
        "soil_moisture", planted["soil_moisture"], planted["precipitation"], CALENDAR, RULES
    )
    assert found is not None
    assert found.wet_interval[0] > 0 > found.dry_interval[1]
    assert found.rising > 0.9


def test_missing_months_keep_their_place() -> None:
    """A series with a gap is spread over all months, and nothing moves."""
    months = (Month(2020, 1), Month(2020, 2), Month(2020, 5))
    whole, calendar = every_month({"a": np.array([1.0, 2.0, 5.0])}, months)
    np.testing.assert_array_equal(whole["a"], [1, 2, np.nan, np.nan, 5])
    np.testing.assert_array_equal(calendar, [1, 2, 3, 4, 5])
