"""Metrics of every product at every site, with intervals, and their differences from SMAP."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.intervals import (
    autocorrelation,
    bias_interval,
    block_draws,
    effective_pairs,
    percentiles,
    r_interval,
    ubrmse_interval,
)
from engine.validation.metrics import (
    agreement,
    climatology_anomalies,
    correlation_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.validation.matching import Matched
    from engine.validation.metrics import Agreement
    from engine.validation.rules import Rules

    type Floats = NDArray[np.float64]
    type Flags = NDArray[np.bool_]

HIGHER_IS_BETTER = frozenset({"r", "anomaly_r"})
COMPARED = ("r", "anomaly_r", "ubrmse", "rmse", "mae", "abs_bias")
"""Metrics in which two products are compared."""


class Verdict(StrEnum):
    """What may be said of a difference."""

    IMPROVED = "improved"
    DEGRADED = "degraded"
    NOT_SIGNIFICANT = "not significant"
    UNKNOWN = "not enough data"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """A metric at every site; NaN where there are too few pairs, or where no bound is known."""

    value: Floats
    lower: Floats
    upper: Floats

    @classmethod
    def bare(cls, value: Floats) -> Estimates:
        """Return estimates without bounds."""
        return cls(
            value=value, lower=np.full(value.shape, np.nan), upper=np.full(value.shape, np.nan)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProductSkill:
    """One product at every site."""

    n: NDArray[np.int64]
    """``(sites,)`` pairs."""
    effective: Floats
    """``(sites,)`` how many independent pairs they are worth for a correlation."""
    metrics: Mapping[str, Estimates]
    """By name: those of :class:`engine.validation.metrics.Agreement`, and ``anomaly_r``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Skill:
    """All products at all sites."""

    products: Mapping[str, ProductSkill]
    """By name."""
    baseline: str | None
    """The product that the others are compared with."""
    differences: Mapping[str, Mapping[str, Estimates]]
    """Product minus baseline, by product and metric, on the same draws of months."""


def verdicts(metric: str, difference: Estimates) -> tuple[Verdict, ...]:
    """Say for every site whether a product is better than the baseline, beyond doubt."""
    sign = 1.0 if metric in HIGHER_IS_BETTER else -1.0
    return tuple(
        verdict_of(sign * value, *sorted((sign * low, sign * high)))
        for value, low, high in zip(
            difference.value, difference.lower, difference.upper, strict=True
        )
    )


def verdict_of(gain: float, low: float, high: float) -> Verdict:
    """Judge a gain by its interval; positive is better."""
    if not np.isfinite([gain, low, high]).all():
        return Verdict.UNKNOWN
    if low > 0:
        return Verdict.IMPROVED
    return Verdict.DEGRADED if high < 0 else Verdict.NOT_SIGNIFICANT


def site_skill(pairs: Matched, rules: Rules, baseline: str | None = None, seed: int = 20) -> Skill:
    """Compute the metrics of all products at all sites.

    Parameters
    ----------
    pairs
        Reference and products in common months.
    rules
        Pairs that a number needs, and draws of the bootstrap.
    baseline
        The product that others are compared with, if there is one.
    seed
        Of the draws, which are the same for all products.
    """
    names = tuple(pairs.products)
    drawn = _drawn(pairs, names, rules, seed)
    products = {
        name: _product(pairs, name, rules, {m: d[:, :, k] for m, d in drawn.items()})
        for k, name in enumerate(names)
    }
    differences = {}
    if baseline is not None:
        base = names.index(baseline)
        for k, name in enumerate(names):
            if k != base:
                differences[name] = {
                    metric: _difference(
                        metric, products[name], products[baseline], d[:, :, k] - d[:, :, base]
                    )
                    for metric, d in drawn.items()
                }
    return Skill(products=products, baseline=baseline, differences=differences)


def compared_value(metric: str, skill: ProductSkill) -> Floats:
    """Return a metric as products are compared by it: ``abs_bias`` is the size of the bias."""
    if metric == "abs_bias":
        return np.abs(skill.metrics["bias"].value)
    return skill.metrics[metric].value


def _product(pairs: Matched, name: str, rules: Rules, drawn: Mapping[str, Floats]) -> ProductSkill:
    x, y = pairs.products[name], pairs.reference
    found = agreement(x, y, rules.pairs)
    effective = effective_pairs(found.n, autocorrelation(x), autocorrelation(y))
    metrics = {metric: Estimates.bare(value) for metric, value in found.as_mapping().items()}
    metrics |= _with_bounds(found, x - y, effective)
    for metric in ("rmse", "mae"):
        low, high = percentiles(drawn[metric])
        metrics[metric] = Estimates(value=metrics[metric].value, lower=low, upper=high)
    metrics["anomaly_r"] = _anomaly_r(x, y, pairs.calendar, rules)
    return ProductSkill(n=found.n, effective=effective, metrics=metrics)


def _with_bounds(found: Agreement, difference: Floats, effective: Floats) -> dict[str, Estimates]:
    """Return the metrics whose intervals are known in closed form."""
    memory = autocorrelation(difference)
    independent = np.minimum(found.n, found.n * (1 - memory) / (1 + memory))
    sd = found.ubrmse * np.sqrt(found.n / np.maximum(found.n - 1, 1))
    bounds = {
        "r": r_interval(found.r, effective),
        "bias": bias_interval(found.bias, sd, independent),
        "ubrmse": ubrmse_interval(found.ubrmse, independent),
    }
    return {
        name: Estimates(value=getattr(found, name), lower=low, upper=high)
        for name, (low, high) in bounds.items()
    }


def _anomaly_r(x: Floats, y: Floats, calendar: NDArray[np.int64], rules: Rules) -> Estimates:
    dx, dy = (climatology_anomalies(one, calendar) for one in (x, y))
    found = agreement(dx, dy, rules.pairs)
    effective = effective_pairs(found.n, autocorrelation(dx), autocorrelation(dy))
    low, high = r_interval(found.r, effective)
    return Estimates(value=found.r, lower=low, upper=high)


def _difference(metric: str, one: ProductSkill, other: ProductSkill, drawn: Floats) -> Estimates:
    value = compared_value(metric, one) - compared_value(metric, other)
    low, high = percentiles(drawn)
    return Estimates(value=value, lower=low, upper=high)


def _drawn(pairs: Matched, names: Sequence[str], rules: Rules, seed: int) -> dict[str, Floats]:
    """Return every compared metric ``(draws, sites, products)`` on draws of months."""
    x = np.stack([pairs.products[name] for name in names], axis=1)
    y = pairs.reference
    dx = climatology_anomalies(x, pairs.calendar)
    dy = climatology_anomalies(y, pairs.calendar)
    shape = (rules.draws, len(pairs.sites), len(names))
    drawn = {metric: np.full(shape, np.nan) for metric in COMPARED}
    for site in range(len(pairs.sites)):
        valid = np.flatnonzero(np.isfinite(y[site]))
        if valid.size < rules.pairs:
            continue
        draws = block_draws(valid.size, rules.draws, np.random.default_rng([seed, site]))
        mine = _moments(draws, x[site][:, valid], y[site][valid])
        anomalies = dy[site][valid]
        known = np.isfinite(anomalies)
        if known.sum() >= rules.pairs:
            mine["anomaly_r"] = _moments(
                draws[:, known], dx[site][:, valid[known]], anomalies[known]
            )["r"]
        for metric, values in mine.items():
            drawn[metric][:, site] = values
    return drawn


def _moments(draws: Floats, x: Floats, y: Floats) -> dict[str, Floats]:
    """Return metrics ``(draws, products)`` of one site, by sums over the drawn months."""
    n = np.maximum(draws.sum(axis=1), 1)[:, None]
    shift = y.mean()
    # Deviations from a common level keep the sums of squares small.
    cx, cy = (x - shift).T, y - shift
    d = cx - cy[:, None]
    mean_x, mean_y, mean_d = draws @ cx / n, (draws @ cy)[:, None] / n, draws @ d / n
    square_d = draws @ d**2 / n
    covariance = draws @ (cx * cy[:, None]) / n - mean_x * mean_y
    sd_x = np.sqrt(np.maximum(draws @ cx**2 / n - mean_x**2, 0))
    sd_y = np.sqrt(np.maximum((draws @ cy**2)[:, None] / n - mean_y**2, 0))
    return {
        "r": correlation_of(covariance, sd_x, np.broadcast_to(sd_y, sd_x.shape), scale=1e-3),
        "rmse": np.sqrt(square_d),
        "ubrmse": np.sqrt(np.maximum(square_d - mean_d**2, 0)),
        "mae": draws @ np.abs(d) / n,
        "abs_bias": np.abs(mean_d),
    }
