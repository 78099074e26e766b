"""Metrics of every product at every site, with intervals, and their differences from SMAP."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.draws import drawn_metrics, pair_sums
from engine.validation.intervals import (
    autocorrelation,
    bias_interval,
    block_draws,
    effective_pairs,
    percentiles,
    r_interval,
    ubrmse_interval,
)
from engine.validation.metrics import agreement, climatology_anomalies

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
BOUNDED_BY_DRAWS = ("rmse", "mae", "slope", "mse_correlation", "mse_variance", "mse_bias")
"""Metrics that have their interval from draws of months in blocks."""
DRAWN = (*COMPARED, *(name for name in BOUNDED_BY_DRAWS if name not in COMPARED))
"""All that is drawn; those that are compared come first."""


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
    base = None if baseline is None else names.index(baseline)
    bounds, gaps = _drawn(pairs, names, base, rules, seed)
    products = {
        name: _product(pairs, name, rules, bounds[:, :, :, k]) for k, name in enumerate(names)
    }
    differences = {
        name: {
            metric: _difference(metric, products[name], products[names[base]], gaps[m, :, :, k])
            for m, metric in enumerate(COMPARED)
        }
        for k, name in enumerate(names)
        if base is not None and k != base
    }
    return Skill(products=products, baseline=baseline, differences=differences)


def compared_value(metric: str, skill: ProductSkill) -> Floats:
    """Return a metric as products are compared by it: ``abs_bias`` is the size of the bias."""
    if metric == "abs_bias":
        return np.abs(skill.metrics["bias"].value)
    return skill.metrics[metric].value


def _product(pairs: Matched, name: str, rules: Rules, bounds: Floats) -> ProductSkill:
    x, y = pairs.products[name], pairs.reference
    found = agreement(x, y, rules.pairs)
    effective = effective_pairs(found.n, autocorrelation(x), autocorrelation(y))
    metrics = {metric: Estimates.bare(value) for metric, value in found.as_mapping().items()}
    metrics |= _with_bounds(found, x - y, effective)
    for metric, (low, high) in zip(DRAWN, bounds, strict=True):
        if metric in BOUNDED_BY_DRAWS:
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


def _difference(metric: str, one: ProductSkill, other: ProductSkill, bounds: Floats) -> Estimates:
    value = compared_value(metric, one) - compared_value(metric, other)
    return Estimates(value=value, lower=bounds[0], upper=bounds[1])


def _drawn(
    pairs: Matched, names: Sequence[str], base: int | None, rules: Rules, seed: int
) -> tuple[Floats, Floats]:
    """Draw the months of every site again and again.

    Returns
    -------
    tuple of ndarray
        Bounds of ``DRAWN`` and of the differences in ``COMPARED`` from the baseline,
        ``(metrics, 2, sites, products)``; NaN where there are too few pairs.
    """
    x = np.stack([pairs.products[name] for name in names], axis=1)
    y = pairs.reference
    dx = climatology_anomalies(x, pairs.calendar)
    dy = climatology_anomalies(y, pairs.calendar)
    shape = (2, len(pairs.sites), len(names))
    bounds, gaps = (np.full((len(one), *shape), np.nan) for one in (DRAWN, COMPARED))
    for site in range(len(pairs.sites)):
        valid = np.flatnonzero(np.isfinite(y[site]))
        if valid.size < rules.pairs:
            continue
        draws = block_draws(valid.size, rules.draws, np.random.default_rng([seed, site]))
        mine = drawn_metrics(draws, pair_sums(x[site][:, valid].T, y[site][valid, None]))
        anomalies = dy[site][valid]
        mine["anomaly_r"] = np.full_like(mine["r"], np.nan)
        if np.isfinite(anomalies).sum() >= rules.pairs:
            terms = pair_sums(dx[site][:, valid].T, anomalies[:, None])
            mine["anomaly_r"] = drawn_metrics(draws, terms)["r"]
        drawn = np.stack([mine[metric] for metric in DRAWN])
        bounds[:, :, site] = _ends(drawn)
        if base is not None:
            compared = drawn[: len(COMPARED)]
            gaps[:, :, site] = _ends(compared - compared[:, :, base, None])
    return bounds, gaps


def _ends(drawn: Floats) -> Floats:
    """Return the bounds ``(metrics, 2, products)`` of draws ``(metrics, draws, products)``."""
    return np.stack(percentiles(drawn.swapaxes(0, 1)), axis=1)
