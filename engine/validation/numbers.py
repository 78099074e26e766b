"""Numbers as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NONE = "–"
"""Stands for no number."""
_CORRELATIONS = frozenset({"r", "anomaly_r", "spearman", "slope", "sd_ratio"})


def number(value: float, metric: str) -> str:
    """Write a metric: correlations with two decimals, amounts with three.

    >>> number(-0.0464, "bias"), number(0.8641, "r"), number(float("nan"), "r")
    ('−0.046', '0.86', '–')
    """
    if not math.isfinite(value):
        return NONE
    return _written(f"{value:.{2 if metric in _CORRELATIONS else 3}f}")


def median_r(values: NDArray[np.floating]) -> str:
    """Write the median of the correlations that are known.

    >>> median_r(np.array([0.2, np.nan, 0.6])), median_r(np.array([np.nan]))
    ('0.40', '–')
    """
    known = values[np.isfinite(values)]
    return number(float(np.median(known)), "r") if known.size else NONE


def signed(value: float, digits: int = 3) -> str:
    """Write a difference with its sign.

    >>> signed(0.0042), signed(-0.1, 2)
    ('+0.004', '−0.10')
    """
    return _written(f"{value:+.{digits}f}") if math.isfinite(value) else NONE


def difference(value: float, metric: str) -> str:
    """Write the difference of a metric: amounts differ by less than correlations do.

    >>> difference(-0.00042, "ubrmse"), difference(0.0521, "anomaly_r")
    ('−0.0004', '+0.052')
    """
    return signed(value, 3 if metric in _CORRELATIONS else 4)


def _written(text: str) -> str:
    """Write a number with a true minus, and nothing as plain zero."""
    if not text.strip("+-0."):
        return text.lstrip("+-")
    return text.replace("-", "−")
