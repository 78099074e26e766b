"""Metrics over all stations together, as a whole and month by month, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.draws import drawn_metrics, pair_sums
from engine.validation.intervals import percentiles
from engine.validation.metrics import agreement
from engine.validation.summary import cluster_draws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from engine.validation.intervals import Bounds
    from engine.validation.metrics import Agreement
    from engine.validation.rules import Rules

    type Floats = NDArray[np.float64]

BOUNDED = ("r", "bias", "rmse", "ubrmse", "mae", "slope")
"""Metrics that have an interval."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pooled:
    """Pairs of all stations together; every array is ``()`` or ``(months,)``."""

    agreement: Agreement
    bounds: Mapping[str, Bounds]
    """95 % intervals from draws of 9 km cells, by metric; stations of a cell stay together."""


def pooled(x: Floats, y: Floats, cells: NDArray[np.integer], rules: Rules) -> Pooled:
    """Compare all pairs at once.

    Parameters
    ----------
    x, y
        ``(sites, months)`` product and reference, NaN where missing.
    cells
        ``(sites,)`` their 9 km cells.
    rules
        Pairs that a number needs, and draws.
    """
    found = agreement(x.ravel(), y.ravel(), rules.pairs)
    sums = {name: one.sum(axis=1, keepdims=True) for name, one in pair_sums(x, y).items()}
    bounds = _bounds(sums, found.n[None], cells, rules)
    return Pooled(
        agreement=found, bounds={name: (low[0], high[0]) for name, (low, high) in bounds.items()}
    )


def month_by_month(x: Floats, y: Floats, cells: NDArray[np.integer], rules: Rules) -> Pooled:
    """Compare the stations of every month; parameters are those of :func:`pooled`."""
    found = agreement(x.T, y.T, rules.pairs)
    return Pooled(agreement=found, bounds=_bounds(pair_sums(x, y), found.n, cells, rules))


def _bounds(
    sums: Mapping[str, Floats], n: NDArray[np.int64], cells: NDArray[np.integer], rules: Rules
) -> dict[str, Bounds]:
    if not cells.size:
        none = np.full(n.shape, np.nan)
        return dict.fromkeys(BOUNDED, (none, none))
    drawn = drawn_metrics(cluster_draws(cells, rules.draws), sums)
    return {name: _known(percentiles(drawn[name]), n >= rules.pairs) for name in BOUNDED}


def _known(bounds: Bounds, enough: NDArray[np.bool_]) -> Bounds:
    low, high = (np.where(enough, one, np.nan) for one in bounds)
    return low, high
