"""Errors that are left when a product is given each station's mean and spread.

Only for a table of its own: a rescaled product tells nothing of bias, and less of its amplitude.
What it shows is how much of the error is timing.

References
----------
Gruber, A. et al. (2020). doi:10.1016/j.rse.2020.111806
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.validation.metrics import agreement
from engine.validation.summary import Summary, summarised

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.validation.matching import Matched
    from engine.validation.rules import Rules

    type Floats = NDArray[np.float64]

METRICS = ("rmse", "mae")


def scaled(x: Floats, y: Floats) -> Floats:
    """Give products the mean and standard deviation of their references.

    Parameters
    ----------
    x, y
        ``(..., t)`` product and reference; what either lacks is left out.

    Returns
    -------
    ndarray (..., t)
        ``(x - mean(x)) sd(y) / sd(x) + mean(y)``; NaN where one of the two is constant, or
        a value is missing.
    """
    found = agreement(x, y, least=1)
    both = np.isfinite(x) & np.isfinite(y)
    n = np.maximum(found.n, 1)
    mean_x, mean_y = (np.where(both, one, 0.0).sum(axis=-1) / n for one in (x, y))
    # R is unknown where a series is constant but for rounding.
    ratio = np.where(np.isfinite(found.r), found.sd_ratio, np.nan)
    moved = (x - mean_x[..., None]) / ratio[..., None] + mean_y[..., None]
    return np.where(both, moved, np.nan)


def scaled_summaries(
    pairs: Matched, cells: NDArray[np.integer], rules: Rules
) -> dict[str, dict[str, Summary | None]]:
    """Summarise the errors of rescaled products over sites.

    Parameters
    ----------
    pairs
        The sites that enter summaries.
    cells
        ``(sites,)`` their 9 km cells.
    rules
        Pairs and sites that a number needs.
    """
    found = {
        name: agreement(scaled(x, pairs.reference), pairs.reference, rules.pairs)
        for name, x in pairs.products.items()
    }
    return {
        name: {metric: summarised(getattr(one, metric), cells, rules) for metric in METRICS}
        for name, one in found.items()
    }
