"""Whether the map's interval keeps its word, and how well stations stand for their cells.

References
----------
Vachaud, G. et al. (1985). Temporal stability of spatially measured soil water probability density
function. doi:10.2136/sssaj1985.03615995004900040006x

Merlin, O. et al. (2015). Performance metrics for soil moisture downscaling methods.
doi:10.3390/rs70403783
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.intervals import percentiles
from engine.validation.metrics import agreement, climatology_anomalies, spearman
from engine.validation.summary import cluster_draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.validation.matching import Matched
    from engine.validation.rules import Rules
    from engine.validation.skill import Skill

    type Floats = NDArray[np.float64]
    type Flags = NDArray[np.bool_]

TARGET = 0.9
"""Share of the truth that the interval is made to hold."""
_REPRESENTATIVE = 0.5
"""Correlation of a station's anomalies with the others' from which on it is representative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """The 90 % interval of the map against stations."""

    pairs: int
    inside: float
    """Share of the stations' months within it."""
    lower: float
    """95 % interval of that share, from draws of 9 km cells."""
    upper: float
    width: float
    """Mean width, m3 m-3."""
    width_against_error: float
    """Spearman's correlation of width and absolute error: above 0 it is wider where it errs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gain:
    """What downscaling gains over SMAP at each site, -1 to 1 (Merlin et al. 2015)."""

    slope: Floats
    """``(sites,)`` from the slope's distance to 1."""
    r: Floats
    """From the correlation's distance to 1."""
    bias: Floats
    """From the size of the bias."""
    total: Floats
    """Mean of the three."""


def reliability(pairs: Matched, cells: NDArray[np.integer], rules: Rules) -> Reliability | None:
    """Count how often the interval holds what a station says; None where there are too few."""
    if pairs.interval is None:
        return None
    lower, upper = pairs.interval
    x = next(iter(pairs.products.values()))
    known = np.isfinite(pairs.reference) & np.isfinite(lower) & np.isfinite(upper)
    if known.sum() < rules.triplets or known.any(axis=1).sum() < rules.sites:
        return None
    inside = known & (pairs.reference >= lower) & (pairs.reference <= upper)
    weights = cluster_draws(cells, rules.draws)
    share = weights @ inside.sum(axis=1) / np.maximum(weights @ known.sum(axis=1), 1)
    low, high = percentiles(share)
    width, error = (upper - lower)[known], np.abs(x - pairs.reference)[known]
    return Reliability(
        pairs=int(known.sum()),
        inside=float(inside.sum() / known.sum()),
        lower=float(low),
        upper=float(high),
        width=float(width.mean()),
        width_against_error=float(
            spearman(width[None], error[None], np.ones((1, width.size), np.bool_))[0]
        ),
    )


def gains(skill: Skill, product: str) -> Gain | None:
    """Return what a product gains over the baseline; None where there is no baseline."""
    if skill.baseline is None or product not in skill.products:
        return None
    one, other = skill.products[product].metrics, skill.products[skill.baseline].metrics
    parts = [
        _gain(np.abs(1 - one["slope"].value), np.abs(1 - other["slope"].value)),
        _gain(np.abs(1 - one["r"].value), np.abs(1 - other["r"].value)),
        _gain(np.abs(one["bias"].value), np.abs(other["bias"].value)),
    ]
    return Gain(slope=parts[0], r=parts[1], bias=parts[2], total=np.mean(parts, axis=0))


def representative(pairs: Matched, rules: Rules) -> tuple[Floats, Flags]:
    """Say which stations go along with the others, whatever any map says.

    Returns
    -------
    tuple of ndarray (sites,)
        Correlation of a station's monthly anomalies with the mean of all others', NaN where there
        are too few; and whether it is 0.5 or more.
    """
    anomalies = climatology_anomalies(pairs.reference, pairs.calendar)
    known = np.isfinite(anomalies)
    total = np.where(known, anomalies, 0.0).sum(axis=0)
    others = known.sum(axis=0) - known
    mean = (total - np.where(known, anomalies, 0.0)) / np.maximum(others, 1)
    mean = np.where(known & (others >= rules.sites), mean, np.nan)
    r = agreement(anomalies, mean, rules.pairs).r
    return r, np.asarray(np.nan_to_num(r, nan=-1.0) >= _REPRESENTATIVE)


def _gain(ours: Floats, theirs: Floats) -> Floats:
    total = ours + theirs
    return np.divide(theirs - ours, total, out=np.full_like(total, np.nan), where=total > 0)
