"""Large arrays strip by strip, so that what lies between input and result stays in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PIXELS: Final = 1 << 14
"""Of a strip: a dozen arrays of so many float32 fit into the cache of one core."""


def strips(shape: Sequence[int]) -> Iterator[slice]:
    """Yield slices of whole rows that together cover an array ``(y, x)``.

    >>> list(strips((5, PIXELS // 2)))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    height, width = shape
    rows = max(1, PIXELS // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))
