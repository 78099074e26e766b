"""Stored integers to physical numbers by table: 16 bits tell fewer numbers than a tile has pixels.

Compiled by numba: what is stored is read once, and values and weights are written once.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import float32, uint8, uint16

from engine.compiling import compiled, read

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WIDTHS = {1: uint8, 2: uint16}
"""Numba's types of stored numbers, by bytes."""


def look_up(
    stored: NDArray[Any],
    values: NDArray[np.float32],
    weights: NDArray[np.float32],
    quality: NDArray[Any] | None = None,
    factors: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return values and weights of stored numbers, NaN where the weight is 0.

    Parameters
    ----------
    stored
        ``(y, x)`` integers of 8 or 16 bits.
    values, weights
        Of all numbers of that type, read as unsigned ones from 0 on.
    quality, factors
        ``(y, x)`` integers likewise, and ``(2^n,)`` what their last bits multiply the weight by.
    """
    if quality is None or factors is None:
        quality, factors = stored, np.ones(1, np.float32)
    numbers, marks = _flat(stored), _flat(quality)
    found, weight = np.empty(stored.shape, np.float32), np.empty(stored.shape, np.float32)
    kernel = _KERNELS[numbers.itemsize, marks.itemsize]
    kernel(numbers, marks, values, weights, factors, found.reshape(-1), weight.reshape(-1))
    return found, weight


def _flat(stored: NDArray[Any]) -> NDArray[Any]:
    """Return integers as unsigned ones of the machine's byte order."""
    native = np.ascontiguousarray(stored, stored.dtype.newbyteorder("="))
    return native.view(f"u{stored.dtype.itemsize}").reshape(-1)


def _look_up(  # noqa: PLR0917 - compiled functions are called by position
    numbers: Any, marks: Any, values: Any, weights: Any, factors: Any, found: Any, weight: Any
) -> None:
    last = factors.shape[0] - 1
    for pixel in range(numbers.shape[0]):
        number = numbers[pixel]
        counted = weights[number] * factors[marks[pixel] & last]
        weight[pixel] = counted
        found[pixel] = values[number] if counted > np.float32(0) else np.float32(np.nan)


_TABLE, _MAP = read(float32), float32[::1]
_KERNELS = {
    (width, other): compiled(
        read(_WIDTHS[width]), read(_WIDTHS[other]), _TABLE, _TABLE, _TABLE, _MAP, _MAP
    )(_look_up)
    for width, other in product(_WIDTHS, repeat=2)
}
