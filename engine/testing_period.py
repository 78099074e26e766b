"""A training period whose truth is known, for the tests of what is estimated without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from engine.grids import BLOCK, block_mean
from engine.history import History, fine_detail
from engine.months import Month, month_range
from engine.residual import bilinear

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyPeriod:
    """A training period whose truth is known."""

    history: History
    truth: NDArray[np.floating]
    """``(t, 9 h, 9 w)`` m3 m-3."""
    unlike: NDArray[np.floating]
    """``(9 h, 9 w)`` how unlike a pixel is; the model's static errors grow with it."""


def toy_period(
    *,
    cells: int = 18,
    years: int = 4,
    smap_error: float = 0.010,
    smap_bias: float = 0.015,
    damping: float = 0.7,
) -> ToyPeriod:
    """Return a period in which SMAP, the model and the witnesses err independently of each other.

    Parameters
    ----------
    cells
        Coarse cells along a side.
    years
        Whole years from January 2018.
    smap_error, smap_bias
        Standard deviations of SMAP's monthly and static errors, m3 m-3.
    damping
        Share of a true change of a coarse cell that the model shows.

    Notes
    -----
    Changes last from month to month with correlation 0.5. They vary within 9 km somewhat more than
    from 27 to 9 km, in shapes of some kilometres, half of which the model does not see and the rest
    it overlays with grain. Its means err in proportion to how unlike a place is, held out twice as
    much in variance as otherwise.
    """
    draw = np.random.default_rng(11).normal
    months = month_range(Month(2018, 1), Month(2017 + years, 12))
    times, side = len(months), cells * BLOCK

    def field(size: int, scale: float, deviation: float) -> NDArray[np.floating]:
        values = gaussian_filter(draw(size=(size, size)), scale, mode="wrap")
        return np.asarray(deviation * values / values.std())

    def lasting(size: int, scale: float, deviation: float) -> NDArray[np.floating]:
        steps = np.stack([field(size, scale, 1) for _ in range(times)])
        for place in range(1, times):
            steps[place] = 0.5 * steps[place - 1] + np.sqrt(0.75) * steps[place]
        return deviation * steps

    def smooth(values: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.stack([bilinear(one) for one in values.reshape(-1, cells, cells)])

    unlike = bilinear(1 + np.abs(field(cells, 2, 0.6)))
    means = bilinear(0.25 + field(cells, 1.5, 0.04))
    changes = smooth(lasting(cells, 2, 0.025))
    within, hidden = (fine_detail(lasting(side, 1.5, 0.0105)) for _ in range(2))
    truth = means + changes + within + hidden
    common, unseen = (0.006 * unlike * bilinear(field(cells, 0.7, 1.2)) for _ in range(2))
    said = damping * changes + smooth(np.stack([field(cells, 1, 0.008) for _ in months]))
    grain = 0.006 * draw(size=within.shape)
    fine = means + common + said + damping * within + grain
    coarse, seen = block_mean(truth), block_mean(means + common + unseen + said)

    def witness(deviation: float) -> NDArray[np.float64]:
        bias = draw(size=(cells, cells))
        return np.asarray(coarse + deviation * (bias + draw(size=(times, cells, cells))))

    return ToyPeriod(
        history=History(
            months=months,
            fine=fine.astype(np.float32),
            coarse=np.asarray(
                coarse
                + smap_bias * draw(size=(cells, cells))
                + smap_error * draw(size=(times, cells, cells))
            ),
            held_out=np.asarray(seen),
            effects=witness(0.015),
            causes=witness(0.02),
            memory=witness(0.02),
        ),
        truth=truth,
        unlike=unlike,
    )
