"""Confidence intervals of scores, by drawing whole clusters of rows again and again.

Rows of one place and year err alike, so rows drawn one by one would pretend to far more evidence
than there is. Here clusters are drawn with replacement: spatial blocks, year by year. Two models
are compared on the same draws, so what makes a draw hard for both cancels.

References
----------
Lahiri, S. N. (2003). Resampling methods for dependent data. doi:10.1007/978-1-4757-3803-2
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from engine.models.blocks import BLOCK_SIDE, spatial_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from engine.models.table import Table

    type Floats = NDArray[np.float64]

RESAMPLES = 1000
LEVEL = 0.95
"""Share of the draws that an interval holds."""
MIN_PLACES = 16
"""Spatial blocks wanted for the draws; in smaller areas the blocks are cut smaller."""


class Interval(BaseModel):
    """A number with its 95 % confidence interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    lower: float
    upper: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the number's sign is beyond doubt."""
        return self.lower > 0 or self.upper < 0

    def __str__(self) -> str:
        return f"{self.value:+.4f} [{self.lower:+.4f}, {self.upper:+.4f}]"


class Scores(BaseModel):
    """Agreement of predictions with the target, each number with its interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    r2: Interval
    """1 - sum of squared errors ÷ sum of squared deviations of the target."""
    rmse: Interval
    mae: Interval
    r: Interval
    """Pearson's correlation."""
    bias: Interval
    """Mean of prediction - target."""


class Clusters:
    """Rows put together into clusters, and the draws of clusters.

    Parameters
    ----------
    number
        ``(n,)`` cluster of each row.
    definition
        What a cluster is, for reports.
    resamples
        Number of draws.
    seed
        Of the draws.
    """

    def __init__(
        self,
        number: NDArray[np.integer],
        definition: str = "clusters as given",
        *,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:
        names, self.number = np.unique(number, return_inverse=True)
        self.count, self.definition = names.size, definition
        self._random = np.random.default_rng(seed)
        shares = np.full(self.count, 1 / self.count)
        self._draws = self._random.multinomial(self.count, shares, size=resamples).astype(float)

    @classmethod
    def of(cls, table: Table, *, resamples: int = RESAMPLES, seed: int = 0) -> Clusters:
        """Return the spatial blocks of a table, year by year."""
        side = BLOCK_SIDE
        block, sides = spatial_blocks(table.x, table.y, side)
        while np.unique(block).size < MIN_PLACES and side > BLOCK_SIDE / 8:
            side /= 2
            block, sides = spatial_blocks(table.x, table.y, side)
        years, year = np.unique([time[:4] for time in table.time], return_inverse=True)
        number = block * years.size + year
        width, height = (side / 1000 for side in sides)
        return cls(
            number,
            f"{np.unique(number).size} clusters: blocks of {width:.0f} × {height:.0f} km, year by "
            "year",
            resamples=resamples,
            seed=seed,
        )

    def scores(self, prediction: Floats, truth: Floats) -> Scores:
        """Score predictions.

        Parameters
        ----------
        prediction
            ``(n,)``, or ``(s, n)`` of several seeds, whose scores are averaged; NaN where there
            is none.
        truth
            ``(n,)``, in the same unit.
        """
        moments = self._moments(prediction, truth)
        seeds = self._seeds(moments.shape[0])
        return Scores(
            **{name: self._interval(metric, moments, seeds) for name, metric in METRICS.items()}
        )

    def difference(self, one: Floats, other: Floats, truth: Floats) -> Scores:
        """Score ``one`` less ``other``, both on the same draws of rows and of seeds."""
        pair = [self._moments(prediction, truth) for prediction in (one, other)]
        seeds = self._seeds(pair[0].shape[0])
        intervals = {}
        for name, metric in METRICS.items():
            value, drawn = (
                first - second
                for first, second in zip(
                    *(self._drawn(metric, moments, seeds) for moments in pair), strict=True
                )
            )
            intervals[name] = _interval(float(value), drawn)
        return Scores(**intervals)

    def _moments(self, prediction: Floats, truth: Floats) -> Floats:
        """Return, by seed and cluster ``(s, k, 7)``, the sums that every metric is made of."""
        rows = np.atleast_2d(np.asarray(prediction, dtype=np.float64))
        target = np.asarray(truth, dtype=np.float64)
        # Sums of squares of numbers far from zero would lose digits.
        middle = float(np.nanmean(target))
        return np.stack([self._sums(row - middle, target - middle) for row in rows])

    def _sums(self, x: Floats, y: Floats) -> Floats:
        both = np.isfinite(x) & np.isfinite(y)
        if not both.any():
            raise ValueError("no row has both a prediction and a target")
        x, y, number = x[both], y[both], self.number[both]
        columns = (np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(x - y))
        return np.stack([np.bincount(number, column, self.count) for column in columns], axis=1)

    def _seeds(self, count: int) -> Floats:
        """Return how often each of some seeds is drawn ``(resamples, s)``, as shares."""
        draws = self._random.multinomial(count, np.full(count, 1 / count), size=len(self._draws))
        return draws / count

    def _drawn(
        self, metric: Callable[[Floats], Floats], moments: Floats, seeds: Floats
    ) -> tuple[Floats, Floats]:
        """Return a metric of all rows, and of every draw ``(resamples,)``."""
        value = np.asarray(metric(moments.sum(axis=1)).mean())
        drawn = metric(np.einsum("rk,skm->rsm", self._draws, moments))
        return value, np.asarray((drawn * seeds).sum(axis=1))

    def _interval(
        self, metric: Callable[[Floats], Floats], moments: Floats, seeds: Floats
    ) -> Interval:
        value, drawn = self._drawn(metric, moments, seeds)
        return _interval(float(value), drawn)


def _interval(value: float, drawn: Floats) -> Interval:
    tail = (1 - LEVEL) / 2
    lower, upper = np.nanquantile(drawn, [tail, 1 - tail])
    return Interval(value=value, lower=float(lower), upper=float(upper))


def _squared_error(sums: Floats) -> Floats:
    n, _, _, xx, yy, xy, _ = np.moveaxis(sums, -1, 0)
    return np.asarray(np.maximum(xx - 2 * xy + yy, 0) / n)


def _r2(sums: Floats) -> Floats:
    n, _, y, _, yy, _, _ = np.moveaxis(sums, -1, 0)
    return np.asarray(1 - _squared_error(sums) / (yy / n - (y / n) ** 2))


def _r(sums: Floats) -> Floats:
    n, x, y, xx, yy, xy, _ = np.moveaxis(sums, -1, 0)
    covariance = xy / n - x * y / n**2
    spread = np.sqrt((xx / n - (x / n) ** 2) * (yy / n - (y / n) ** 2))
    missing = np.full_like(covariance, np.nan)
    return np.asarray(np.divide(covariance, spread, out=missing, where=spread > 0))


def _mean(column: int) -> Callable[[Floats], Floats]:
    return lambda sums: sums[..., column] / sums[..., 0]


METRICS: Mapping[str, Callable[[Floats], Floats]] = {
    "r2": _r2,
    "rmse": lambda sums: np.sqrt(_squared_error(sums)),
    "mae": _mean(6),
    "r": _r,
    "bias": lambda sums: (sums[..., 1] - sums[..., 2]) / sums[..., 0],
}
"""Metrics of sums ``(..., 7)``: rows, x, y, x², y², xy and |x - y|, both less one constant."""
