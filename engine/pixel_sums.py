"""Running sums over time, pixel by pixel, compiled by numba: each map is read once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32

from engine.compiling import compiled, read

_ZERO = np.float32(0)
_READ, _SUMS = read(float32), float32[::1]


@compiled(_READ, _READ, float32, float32, _SUMS, _SUMS, _SUMS)
def add_map(  # noqa: PLR0917 - compiled functions are called by position
    values: Any, weights: Any, days: Any, least: Any, total: Any, weight: Any, part: Any
) -> None:
    """Add a map to the sums of those before.

    Parameters
    ----------
    values
        ``(pixels,)``, NaN where missing.
    weights
        ``(pixels,)`` quality weights, 0 to 1.
    days
        Days that the map counts for.
    least
        Least quality that counts for ``part``.
    total, weight
        ``(pixels,)`` grow by weight × days × value, and by weight × days.
    part
        ``(pixels,)`` grows by weight × days where the quality is high enough.
    """
    for pixel in range(values.shape[0]):
        value, quality = values[pixel], weights[pixel]
        counted = quality * days if np.isfinite(value) else _ZERO
        total[pixel] += (value if counted > _ZERO else _ZERO) * counted
        weight[pixel] += counted
        part[pixel] += counted if quality >= least else _ZERO
