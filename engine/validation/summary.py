"""Many sites in a few numbers, and what may be said of a product against SMAP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.intervals import percentiles
from engine.validation.skill import (
    COMPARED,
    HIGHER_IS_BETTER,
    Verdict,
    compared_value,
    verdict_of,
    verdicts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.validation.rules import Rules
    from engine.validation.sites import Site
    from engine.validation.skill import Skill

    type Floats = NDArray[np.float64]
    type Flags = NDArray[np.bool_]

SUMMARISED = ("r", "anomaly_r", "bias", "rmse", "ubrmse", "mae", "slope", "spearman")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A metric over sites."""

    sites: int
    """How many sites have it."""
    median: float
    lower: float
    """95 % interval of the median, from draws of 9 km cells; likewise ``upper``."""
    upper: float
    mean: float
    quarter: float
    """First quartile."""
    three_quarters: float
    """Third quartile."""
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """A product against the baseline, site by site, in one metric."""

    product: str
    baseline: str
    metric: str
    sites: int
    """Sites that have both."""
    mean: float
    """Mean difference, product minus baseline."""
    lower: float
    """95 % interval of the mean difference, from draws of 9 km cells."""
    upper: float
    median: float
    """Median difference."""
    verdict: Verdict
    """Over all sites."""
    improved: int
    """Sites where the product is better beyond doubt."""
    degraded: int
    not_significant: int


def summarised(values: Floats, cells: NDArray[np.integer], rules: Rules) -> Summary | None:
    """Summarise a metric over sites.

    Parameters
    ----------
    values
        ``(sites,)`` NaN where a site has no number.
    cells
        ``(sites,)`` number of the 9 km cell of each; sites of one cell are drawn together.
    rules
        Sites that a summary needs; with fewer there is none.
    """
    known = np.isfinite(values)
    mine = values[known]
    if mine.size < rules.sites:
        return None
    weights = cluster_draws(cells[known], rules.draws)
    low, high = percentiles(_weighted_medians(mine, weights))
    quarter, median, three_quarters = np.quantile(mine, [0.25, 0.5, 0.75])
    return Summary(
        sites=int(mine.size),
        median=float(median),
        lower=float(low),
        upper=float(high),
        mean=float(mine.mean()),
        quarter=float(quarter),
        three_quarters=float(three_quarters),
        least=float(mine.min()),
        most=float(mine.max()),
    )


def summaries(
    skill: Skill, chosen: Flags, cells: NDArray[np.integer], rules: Rules
) -> dict[str, dict[str, Summary | None]]:
    """Summarise every product's metrics over some sites."""
    return {
        name: {
            metric: summarised(product.metrics[metric].value[chosen], cells[chosen], rules)
            for metric in SUMMARISED
        }
        for name, product in skill.products.items()
    }


def paired(
    skill: Skill, chosen: Flags, cells: NDArray[np.integer], rules: Rules
) -> tuple[Paired, ...]:
    """Compare every product with the baseline over some sites; none where there are too few."""
    if skill.baseline is None:
        return ()
    found = (
        _paired(skill, (name, metric), chosen, cells, rules)
        for name in skill.differences
        for metric in COMPARED
    )
    return tuple(one for one in found if one is not None)


def cells_of(sites: Sequence[Site]) -> NDArray[np.int64]:
    """Return a number for the 9 km cell of each site."""
    places: Mapping[tuple[int, int], int] = {
        cell: number for number, cell in enumerate(sorted({site.coarse for site in sites}))
    }
    return np.array([places[site.coarse] for site in sites], dtype=np.int64)


def cluster_draws(clusters: NDArray[np.integer], draws: int, seed: int = 20) -> Floats:
    """Draw clusters again and again; return each member's weight ``(draws, members)``."""
    _, number = np.unique(clusters, return_inverse=True)
    count = int(number.max()) + 1
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=draws)
    return drawn[:, number].astype(np.float64)


def _paired(
    skill: Skill, what: tuple[str, str], chosen: Flags, cells: NDArray[np.integer], rules: Rules
) -> Paired | None:
    name, metric = what
    baseline = str(skill.baseline)
    values = compared_value(metric, skill.products[name])
    difference = values - compared_value(metric, skill.products[baseline])
    known = chosen & np.isfinite(difference)
    mine = difference[known]
    if mine.size < rules.sites:
        return None
    weights = cluster_draws(cells[known], rules.draws)
    low, high = percentiles(weights @ mine / weights.sum(axis=1))
    sign = 1.0 if metric in HIGHER_IS_BETTER else -1.0
    ends = sorted((sign * float(low), sign * float(high)))
    each = [
        verdict
        for verdict, is_known in zip(
            verdicts(metric, skill.differences[name][metric]), known, strict=True
        )
        if is_known
    ]
    return Paired(
        product=name,
        baseline=baseline,
        metric=metric,
        sites=int(mine.size),
        mean=float(mine.mean()),
        lower=float(low),
        upper=float(high),
        median=float(np.median(mine)),
        verdict=verdict_of(sign * float(mine.mean()), ends[0], ends[1]),
        improved=each.count(Verdict.IMPROVED),
        degraded=each.count(Verdict.DEGRADED),
        not_significant=each.count(Verdict.NOT_SIGNIFICANT),
    )


def _weighted_medians(values: Floats, weights: Floats) -> Floats:
    """Return the median of each draw: half of the weight lies at or below it."""
    order = np.argsort(values)
    running = weights[:, order].cumsum(axis=1)
    at = np.argmax(running >= running[:, -1:] / 2, axis=1)
    return np.asarray(values[order][at])
