"""Sums over the source pixels of target cells, compiled by numba.

One pass over the weights makes all sums of all dates: what a pixel is worth is read once and
stays at hand for the dates, and missing values are left out on the way, with no copies in which
they are filled. The numbers are added up in the order, and with the rounding, of scipy's product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, int32

from engine.compiling import compiled, read

_ZERO = np.float32(0)
_MATRIX = (read(float32), read(int32), read(int32))
_READ, _FILLED = read(float32, 2), float32[:, ::1]


@compiled(*_MATRIX, _READ, _FILLED, _FILLED)
def add_up(  # noqa: PLR0917 - compiled functions are called by position
    shares: Any, pixels: Any, ends: Any, values: Any, numerator: Any, covered: Any
) -> None:
    """Sum values, and the shares of those that are there.

    Parameters
    ----------
    shares, pixels, ends
        A matrix ``(cells, pixels)`` in compressed rows.
    values
        ``(dates, pixels)``, NaN where missing.
    numerator, covered
        ``(dates, cells)`` are filled with the sums of share × value, and of shares.
    """
    for cell in range(ends.shape[0] - 1):
        first, end = np.uint32(ends[cell]), np.uint32(ends[cell + 1])
        for date in range(values.shape[0]):
            total, area = _ZERO, _ZERO
            for entry in range(first, end):
                share, value = shares[entry], values[date, np.uint32(pixels[entry])]
                # Adding nothing is quicker than a branch that the processor cannot foresee.
                there = np.isfinite(value)
                total += share * (value if there else _ZERO)
                area += share if there else _ZERO
            numerator[date, cell], covered[date, cell] = total, area


@compiled(*_MATRIX, _READ, _READ, _FILLED, _FILLED, _FILLED)
def add_up_weighted(  # noqa: PLR0917 - compiled functions are called by position
    shares: Any,
    pixels: Any,
    ends: Any,
    values: Any,
    weights: Any,
    numerator: Any,
    denominator: Any,
    covered: Any,
) -> None:
    """Sum weighted values, weights, and the shares of those that are there.

    Parameters
    ----------
    shares, pixels, ends, values, numerator, covered
        As in `add_up`.
    weights
        ``(dates, pixels)`` quality weights; what has none is missing.
    denominator
        ``(dates, cells)`` is filled with the sums of share × weight.
    """
    for cell in range(ends.shape[0] - 1):
        first, end = np.uint32(ends[cell]), np.uint32(ends[cell + 1])
        for date in range(values.shape[0]):
            total, heavy, area = _ZERO, _ZERO, _ZERO
            for entry in range(first, end):
                share, pixel = shares[entry], np.uint32(pixels[entry])
                value, weight = values[date, pixel], weights[date, pixel]
                there = np.isfinite(value) and weight > _ZERO
                total += share * (value * weight if there else _ZERO)
                heavy += share * (weight if there else _ZERO)
                area += share if there else _ZERO
            numerator[date, cell], denominator[date, cell] = total, heavy
            covered[date, cell] = area
