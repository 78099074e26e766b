"""An area in bands, one after the other, where its granules do not fit into memory at once.

What a feature costs is decided on the native grids: elevation at 30 m is a thousand pixels to a
cell, and a month of reflectance holds sums and periods of every pixel. So a feature is made band by
band of whole coarse cells, as many at a time as a budget allows. A band is read with a halo, so it
has the values that it has within the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.errors import InputError
from engine.feature_groups import is_still
from engine.grids import BLOCK
from engine.stages import Fine, inputs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odc.geo.geobox import GeoBox

    from engine.features import Feature

_HALO: Final = BLOCK
"""Fine rows that are read on either side of a band."""
_CELL: Final = 1000.0
"""Side of a fine cell, metres."""
_INPUT_BYTES: Final = 28
"""Of a pixel of an input that is read whole: stored, in physical units, its quality and weight."""
_DERIVED_BYTES: Final = 24
"""Of a pixel of a feature that is derived whole."""
_SHEAR: Final = 1.8
"""Pixels of a tile's window ÷ those of the area: an area is sheared on MODIS' grid. Henan's."""
_STORED_BYTES: Final = 3
"""Of a pixel of an input that is read strip by strip: stored, and its quality."""
_LAYER_BYTES: Final = 5
"""Of a pixel of a mean, and of its level of filling."""
_SUM_BYTES: Final = 16
"""Of a pixel's sums over time."""
_PERIOD_BYTES: Final = 6 * 9
"""Of a pixel's 8-day periods: those of a month and four around, mean and weight."""
_MEGABYTE: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A part of an area from its western to its eastern side."""

    area: GeoBox
    """Its fine cells."""
    read: GeoBox
    """The same with a halo, as far as the whole area reaches."""


def whole(area: GeoBox) -> tuple[Band, ...]:
    """Return an area as one band."""
    return (Band(area=area, read=area),)


def bands(
    area: GeoBox,
    memory: int,
    features: Sequence[Feature],
    pixel: float,
    *,
    bridging: bool,
) -> tuple[Band, ...]:
    """Cut an area into bands in which features may be made.

    Parameters
    ----------
    area
        The fine grid.
    memory
        Bytes that may be taken, about.
    features
        Features of one product.
    pixel
        Side of the product's pixels, metres.
    bridging
        Whether gaps in time are bridged.

    Raises
    ------
    InputError
        Where not even one row of coarse cells may be made at a time.
    """
    height = area.shape.y
    rows = _rows(area, memory, features, pixel, bridging=bridging)
    edges = [*range(0, height, rows), height]
    return tuple(
        Band(area=area[top:bottom, :], read=area[max(0, top - _HALO) : bottom + _HALO, :])
        for top, bottom in pairwise(edges)
    )


def stacked(parts: Sequence[Sequence[Fine] | None], cut: Sequence[Band]) -> list[Fine]:
    """Put the bands of features together, from north to south.

    Parameters
    ----------
    parts
        For every band its features; None where no granule touches it, though one touches another.
    cut
        The bands.
    """
    count = next(len(part) for part in parts if part is not None)
    filled = [
        part if part is not None else [_nothing(band)] * count
        for part, band in zip(parts, cut, strict=True)
    ]
    return [
        Fine(
            values=np.concatenate([one.values for one in fines]),
            level=np.concatenate([one.level for one in fines]),
        )
        for fines in zip(*filled, strict=True)
    ]


def _rows(
    area: GeoBox, memory: int, features: Sequence[Feature], pixel: float, *, bridging: bool
) -> int:
    """Return how many fine rows may be made at a time."""
    row = area.shape.x * _pixels_a_cell(pixel) * _bytes_a_pixel(features, bridging=bridging)
    if area.shape.y * row <= memory:
        return area.shape.y
    least = (BLOCK + 2 * _HALO) * row
    if least > memory:
        raise InputError(
            "memory",
            f"{memory / _MEGABYTE:.0f} MB",
            f"at least {np.ceil(least / _MEGABYTE):.0f} MB, which {features[0].product} takes for "
            f"a row of {area.shape.x // BLOCK} SMAP cells",
        )
    return int((memory / row - 2 * _HALO) // BLOCK) * BLOCK


def _nothing(band: Band) -> Fine:
    shape = tuple(band.area.shape)
    return Fine(values=np.full(shape, np.nan, np.float32), level=np.zeros(shape, np.uint8))


def _pixels_a_cell(side: float) -> float:
    # A cell of a coarser product costs what its own fine values do.
    return max(1.0, (_CELL / side) ** 2)


def _bytes_a_pixel(features: Sequence[Feature], *, bridging: bool) -> float:
    inputs, count = len(inputs_of(features)), len(features)
    whole = inputs * _INPUT_BYTES + count * _DERIVED_BYTES
    if is_still(features[0]):
        return whole
    kept = count * (_SUM_BYTES + (_PERIOD_BYTES if bridging else 0))
    if features[0].partner is not None:
        return whole + kept
    return _SHEAR * (inputs * _STORED_BYTES + count * _LAYER_BYTES) + kept
