"""A training period whose truth is known, for the tests of what is estimated without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.grids import BLOCK, block_mean, spread
from engine.history import History
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
    Changes last from month to month with correlation 0.5. Those within a coarse cell are as large
    within 27 km as within 9 km, and the model's noise is alike at both scales.
    """
    draw = np.random.default_rng(11).normal
    months = month_range(Month(2018, 1), Month(2017 + years, 12))
    times, side = len(months), cells * BLOCK

    def lasting(shape: tuple[int, ...], deviation: float) -> NDArray[np.floating]:
        steps = draw(size=(times, *shape))
        for place in range(1, times):
            steps[place] = 0.5 * steps[place - 1] + np.sqrt(0.75) * steps[place]
        return deviation * steps

    def smooth(values: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.stack([bilinear(one) for one in values.reshape(-1, cells, cells)])

    unlike = bilinear(np.abs(1 + 0.5 * draw(size=(cells, cells))))
    means = smooth(0.25 + 0.06 * draw(size=(cells, cells)))[0]
    changes = smooth(lasting((cells, cells), 0.035))
    within = lasting((side, side), 0.010)
    within -= spread(block_mean(within))
    truth = means + changes + within
    static = 0.012 * unlike * smooth(1.5 * draw(size=(cells, cells)))[0]
    said = damping * changes + smooth(0.008 * draw(size=(times, cells, cells)))
    noise = 0.006 * draw(size=within.shape)
    fine = means + static + said + damping * within + noise
    coarse, seen = block_mean(truth), block_mean(means + static + said)

    def witness(deviation: float) -> NDArray[np.floating]:
        bias = draw(size=(cells, cells))
        return coarse + deviation * (bias + draw(size=(times, cells, cells)))

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
            effects=np.asarray(witness(0.015)),
            causes=np.asarray(witness(0.02)),
            memory=np.asarray(witness(0.02)),
        ),
        truth=truth,
        unlike=unlike,
    )
