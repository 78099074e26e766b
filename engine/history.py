"""What a model, its witnesses and SMAP said over the model's training period.

All that an analysis needs from many months is estimated from here once, and then frozen with the
model (`engine.frozen`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from engine.errors import GridMismatchError
from engine.grids import BLOCK, block_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.months import Month

    type FloatArray = NDArray[np.floating]

SIDE = 3
"""Coarse cells along a side of the next coarser one: 27 km where SMAP's are 9 km."""

_SMOOTHING = 1.0
"""Standard deviation in pixels of what tells shapes from grain."""

_MEMORY = (1.0, 0.5, 0.25)
"""Weights of the month's own rain, of the month before and of the one before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A training period, month by month."""

    months: tuple[Month, ...]
    """``(t,)`` in order."""
    fine: NDArray[np.float32]
    """``(t, 9 h, 9 w)`` the model's own maps, m3 m-3; NaN where it says nothing."""
    coarse: NDArray[np.float64]
    """``(t, h, w)`` SMAP, m3 m-3; NaN where missing."""
    held_out: NDArray[np.float64]
    """``(t, h, w)`` what the model says of cells whose spatial block it has not learnt from."""
    effects: NDArray[np.float64] | None = None
    """``(t, h, w)`` the same of a model that sees only what wet soil causes."""
    causes: NDArray[np.float64] | None = None
    """``(t, h, w)`` the same of a model that sees only what makes soil wet."""
    memory: NDArray[np.float64] | None = None
    """``(t, h, w)`` how much it has rained lately, in no unit (`rain_memory`)."""
    footprint: int = 1
    """Coarse cells along a side of what SMAP resolves (`engine.footprint`). What was held out,
    the witnesses and the rain are averaged alike; the model's maps are not."""

    def __post_init__(self) -> None:
        """Check that everything is on one grid and in the same months."""
        times, height, width = self.coarse.shape
        shape = (times, BLOCK * height, BLOCK * width)
        if self.fine.shape != shape or len(self.months) != times:
            raise GridMismatchError("the model's maps", shape, self.fine.shape)
        for name in ("held_out", "effects", "causes", "memory"):
            values = getattr(self, name)
            if values is not None and values.shape != self.coarse.shape:
                raise GridMismatchError(name, self.coarse.shape, values.shape)


def rain_memory(rain: FloatArray, months: Sequence[Month]) -> NDArray[np.float64]:
    """Return how much it has rained lately.

    Parameters
    ----------
    rain
        ``(t, ...)`` monthly means, mm day-1.
    months
        ``(t,)`` their months, in order. Where an earlier month is not among them, the month's own
        rain stands for it.

    Notes
    -----
    ``log1p(30 sum_i rain_{m - i} 0.5^i)``, i from 0 to 2.
    """
    at = {month: place for place, month in enumerate(months)}
    total = np.zeros(rain.shape)
    for place, month in enumerate(months):
        for back, weight in enumerate(_MEMORY):
            total[place] += weight * rain[at.get(month.shift(-back), place)]
    return np.asarray(np.log1p(30 * total))


def as_resolved(cells: FloatArray, side: int) -> NDArray[np.float64]:
    """Average coarse cells ``(..., h, w)`` over the squares around them, by what is there.

    NaN stays missing.
    """
    values = np.asarray(cells, dtype=np.float64)
    if side == 1:
        return values
    known = np.isfinite(values)
    size = (1,) * (values.ndim - 2) + (side, side)
    total = uniform_filter(np.where(known, values, 0.0), size, mode="constant")
    share = uniform_filter(known.astype(np.float64), size, mode="constant")
    return np.where(known, total / np.where(known, share, 1.0), np.nan)


def detail(coarse: FloatArray) -> NDArray[np.float64]:
    """Return what coarse cells differ from the 3 × 3 of them around: ``(..., h, w)``.

    One scale up, this is what the pixels of a coarse cell differ from their mean. Rows and columns
    that fill no 3 × 3 are left out.
    """
    height, width = (size // SIDE * SIDE for size in coarse.shape[-2:])
    cells = coarse[..., :height, :width].astype(np.float64)
    grouped = cells.reshape(*cells.shape[:-2], height // SIDE, SIDE, width // SIDE, SIDE)
    return np.asarray((grouped - grouped.mean(axis=(-3, -1), keepdims=True)).reshape(cells.shape))


def fine_detail(fine: FloatArray) -> NDArray[np.float64]:
    """Return what the pixels of a coarse cell differ from their mean: ``(..., 9 h, 9 w)``."""
    means = block_mean(fine, min_valid=0.0)
    return np.asarray(fine - means.repeat(BLOCK, axis=-2).repeat(BLOCK, axis=-1))


def smoothed(fine: FloatArray) -> NDArray[np.float64]:
    """Smooth pixels over about 3 km, the last two axes, by what is there; NaN stays missing."""
    known = np.isfinite(fine)
    widths = (0.0,) * (fine.ndim - 2) + (_SMOOTHING,) * 2
    total = gaussian_filter(np.where(known, fine, 0).astype(np.float64), widths, mode="nearest")
    weight = gaussian_filter(known.astype(np.float64), widths, mode="nearest")
    return np.where(known, total / np.where(known, weight, 1), np.nan)


def over_time(values: FloatArray) -> NDArray[np.float64]:
    """Average ``(t, ...)`` over the times that are there; NaN where there are none."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def slope(response: FloatArray, predictor: FloatArray) -> float:
    """Return the slope of a response on a predictor whose means are 0, over their common values.

    NaN where there is none.
    """
    known = np.isfinite(response) & np.isfinite(predictor)
    size = float(np.sum(predictor[known] ** 2))
    return float(np.sum(response[known] * predictor[known])) / size if size > 0 else float("nan")
