"""How maps change with time: with SMAP, with rain, and with the plants that follow.

Without its season every pair of series in a monsoon climate is highly correlated, so anomalies
from the same month of the other years are what counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.intervals import block_draws, percentiles
from engine.validation.metrics import agreement, climatology_anomalies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.months import Month
    from engine.validation.rules import Rules

    type Floats = NDArray[np.float64]

LAGS = tuple(range(-3, 4))
"""Months by which the second of a pair follows the first."""
PAIRS = (
    ("precipitation", "soil_moisture"),
    ("precipitation", "sif"),
    ("precipitation", "ndvi"),
    ("soil_moisture", "sif"),
    ("soil_moisture", "ndvi"),
    ("sif", "ndvi"),
)
_WET = 1.0
"""Standard deviations of rain's anomaly from which on a month is wet; below their negative, dry."""
_LEAST_CELLS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlations:
    """Correlations in time over the 9 km cells of an area."""

    first: str
    second: str
    anomalies: bool
    """Whether the season was taken off."""
    cells: int
    median: float
    quarter: float
    three_quarters: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lagged:
    """Cross-correlation of two series' anomalies, all cells together."""

    first: str
    second: str
    lags: tuple[int, ...]
    """Months by which the second follows the first."""
    r: tuple[float, ...]
    """NaN where too few months are left."""
    lower: tuple[float, ...]
    """95 % interval, from draws of months in blocks."""
    upper: tuple[float, ...]
    strongest: int | None
    """Lag of the largest correlation."""
    strongest_range: tuple[int, int] | None
    """Lags that hold it in 95 % of the draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RainResponse:
    """What a product's anomaly does in months wetter and drier than usual."""

    product: str
    wet_cell_months: int
    dry_cell_months: int
    wet: float
    """Mean anomaly in wet months, m3 m-3."""
    wet_interval: tuple[float, float]
    dry: float
    """Mean anomaly in dry months, m3 m-3."""
    dry_interval: tuple[float, float]
    rising: float
    """Share of the wet cells and months in which the product is wetter than usual, too."""


def every_month(
    fields: Mapping[str, Floats], months: Sequence[Month]
) -> tuple[dict[str, Floats], NDArray[np.int64]]:
    """Spread fields ``(t, ...)`` over all months from the first to the last, NaN where missing.

    Returns
    -------
    dict of ndarray (all months, ...), and ndarray (all months,)
        The fields, and the month of the year.
    """
    first = months[0]
    at = [12 * (m.year - first.year) + m.month - first.month for m in months]
    calendar = np.array([first.shift(k).month for k in range(at[-1] + 1)], dtype=np.int64)
    spread = {}
    for name, values in fields.items():
        whole = np.full((at[-1] + 1, *values.shape[1:]), np.nan)
        whole[at] = values
        spread[name] = whole
    return spread, calendar


def correlations(
    first: str,
    second: str,
    fields: Mapping[str, Floats],
    calendar: NDArray[np.int64],
    rules: Rules,
    *,
    anomalies: bool,
) -> Correlations | None:
    """Correlate two fields ``(t, h, w)`` in time, cell by cell; None where no cell has enough."""
    x, y = (fields[name].reshape(calendar.size, -1).T for name in (first, second))
    both = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(both, x, np.nan), np.where(both, y, np.nan)
    if anomalies:
        x, y = (climatology_anomalies(one, calendar) for one in (x, y))
    r = agreement(x, y, rules.pairs).r
    known = r[np.isfinite(r)]
    if known.size < _LEAST_CELLS:
        return None
    quarter, median, three_quarters = np.quantile(known, [0.25, 0.5, 0.75])
    return Correlations(
        first=first,
        second=second,
        anomalies=anomalies,
        cells=int(known.size),
        median=float(median),
        quarter=float(quarter),
        three_quarters=float(three_quarters),
    )


def lagged(
    first: str,
    second: str,
    fields: Mapping[str, Floats],
    calendar: NDArray[np.int64],
    rules: Rules,
    *,
    seed: int = 20,
) -> Lagged | None:
    """Cross-correlate the anomalies of two fields ``(t, h, w)``; None where years are too few."""
    a, b = (_standardised(fields[name], calendar) for name in (first, second))
    # The same draws of months serve every lag, so that their maximum is drawn as a whole.
    draws = block_draws(calendar.size, rules.draws, np.random.default_rng(seed))
    drawn = np.stack([_pooled(*_shifted(a, b, lag), draws, rules) for lag in LAGS], axis=1)
    whole = np.ones((1, calendar.size))
    r = np.array([_pooled(*_shifted(a, b, lag), whole, rules)[0] for lag in LAGS])
    if not np.isfinite(r).any():
        return None
    low, high = percentiles(drawn)
    peaks = np.array(LAGS)[np.argmax(np.where(np.isfinite(drawn), drawn, -np.inf), axis=1)]
    ends = np.quantile(peaks, [0.025, 0.975], method="nearest")
    return Lagged(
        first=first,
        second=second,
        lags=LAGS,
        r=tuple(map(float, r)),
        lower=tuple(map(float, low)),
        upper=tuple(map(float, high)),
        strongest=LAGS[int(np.nanargmax(r))],
        strongest_range=(int(ends[0]), int(ends[1])),
    )


def rain_response(
    product: str,
    values: Floats,
    rain: Floats,
    calendar: NDArray[np.int64],
    rules: Rules,
    *,
    seed: int = 20,
) -> RainResponse | None:
    """Average a product's anomalies ``(t, ...)`` over wet and over dry months.

    Intervals come from draws of months in blocks. None where there are too few years or months.
    """
    sm = climatology_anomalies(values.reshape(calendar.size, -1).T, calendar).T
    wetness = _standardised(rain, calendar)
    known = np.isfinite(sm) & np.isfinite(wetness)
    wet, dry = known & (wetness > _WET), known & (wetness < -_WET)
    if min(int(mask.any(axis=1).sum()) for mask in (wet, dry)) < 3:
        return None
    draws = block_draws(calendar.size, rules.draws, np.random.default_rng(seed))
    ends = []
    for mask in (wet, dry):
        total, count = np.where(mask, sm, 0.0).sum(axis=1), mask.sum(axis=1)
        weight = draws @ count
        means = np.divide(draws @ total, weight, out=np.full(len(draws), np.nan), where=weight > 0)
        low, high = percentiles(means[np.isfinite(means)])
        ends.append((float(low), float(high)))
    return RainResponse(
        product=product,
        wet_cell_months=int(wet.sum()),
        dry_cell_months=int(dry.sum()),
        wet=float(sm[wet].mean()),
        wet_interval=ends[0],
        dry=float(sm[dry].mean()),
        dry_interval=ends[1],
        rising=float((sm[wet] > 0).mean()),
    )


def _standardised(values: Floats, calendar: NDArray[np.int64]) -> Floats:
    """Return anomalies ``(t, cells)`` in units of each cell's own standard deviation."""
    anomalies = climatology_anomalies(values.reshape(calendar.size, -1).T, calendar).T
    known = np.isfinite(anomalies)
    square = np.where(known, anomalies, 0.0) ** 2
    size = np.sqrt(square.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    return np.asarray(
        np.divide(anomalies, size, out=np.full_like(anomalies, np.nan), where=size > 0)
    )


def _shifted(a: Floats, b: Floats, lag: int) -> tuple[Floats, Floats]:
    """Put beside each month of ``a`` the month of ``b`` that is so many later."""
    moved = np.full_like(b, np.nan)
    if lag >= 0:
        moved[: max(0, len(b) - lag)] = b[lag:]
    else:
        moved[-lag:] = b[:lag]
    return a, moved


def _pooled(a: Floats, b: Floats, draws: Floats, rules: Rules) -> Floats:
    """Return the correlation over all cells of each draw of months."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.any(axis=1).sum() < rules.pairs:
        return np.full(len(draws), np.nan)
    a, b = np.where(both, a, 0.0), np.where(both, b, 0.0)
    shared, first, second = ((one * other).sum(axis=1) for one, other in ((a, b), (a, a), (b, b)))
    size = np.sqrt((draws @ first) * (draws @ second))
    none = np.full(len(draws), np.nan)
    return np.asarray(np.divide(draws @ shared, size, out=none, where=size > 0))
