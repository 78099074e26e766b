"""Metrics of drawn pairs: a bootstrap needs them a thousand times, so they come from sums.

References
----------
Efron, B., Tibshirani, R. (1993). An introduction to the bootstrap. Chapman & Hall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.validation.metrics import correlation_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]
    type Sums = Mapping[str, Floats]

FLATTEST = 1e-3
"""Size of values that decides which drawn series count as constant, m3 m-3."""


def pair_sums(x: Floats, y: Floats) -> dict[str, Floats]:
    """Return what metrics are made of, pair by pair.

    Parameters
    ----------
    x, y
        Product and reference, NaN where missing; shapes that broadcast.

    Returns
    -------
    dict of ndarray
        Terms of sums, 0 where a pair is not complete. Values are deviations from one level, which
        keeps the sums of squares small.
    """
    level = float(np.nanmean(y)) if np.isfinite(y).any() else 0.0
    known = np.isfinite(x) & np.isfinite(y)
    cx, cy = (np.where(known, one - level, 0.0) for one in (x, y))
    return {
        "n": known.astype(np.float64),
        "x": cx, "y": cy, "xx": cx * cx, "yy": cy * cy, "xy": cx * cy,
        "gap": np.abs(cx - cy),
    }  # fmt: skip


def drawn_metrics(weights: Floats, sums: Sums) -> dict[str, Floats]:
    """Return metrics of drawn pairs.

    Parameters
    ----------
    weights
        ``(draws, members)`` how often each member is in each draw.
    sums
        ``(members, k)`` each, of :func:`pair_sums` or added up from it.

    Returns
    -------
    dict of ndarray (draws, k)
        By the names of :class:`engine.validation.metrics.Agreement`, and ``abs_bias``; NaN where a
        draw has no pair.
    """
    drawn = {name: weights @ one for name, one in sums.items()}
    n = np.where(drawn["n"] > 0, drawn["n"], np.nan)
    mean = {name: one / n for name, one in drawn.items()}
    bias = mean["x"] - mean["y"]
    sd_x, sd_y = (np.sqrt(np.maximum(mean[one + one] - mean[one] ** 2, 0.0)) for one in ("x", "y"))
    covariance = mean["xy"] - mean["x"] * mean["y"]
    square = np.maximum(mean["xx"] - 2 * mean["xy"] + mean["yy"], 0.0)
    r = correlation_of(covariance, sd_x, sd_y, scale=FLATTEST)
    none = np.full_like(r, np.nan)
    return {
        "r": r,
        "bias": bias,
        "abs_bias": np.abs(bias),
        "rmse": np.sqrt(square),
        "ubrmse": np.sqrt(np.maximum(square - bias**2, 0.0)),
        "mae": mean["gap"],
        "slope": np.divide(covariance, sd_y**2, out=none, where=np.isfinite(r)),
        "mse_correlation": 2 * (sd_x * sd_y - covariance),
        "mse_variance": (sd_x - sd_y) ** 2,
        "mse_bias": bias**2,
    }
