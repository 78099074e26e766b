"""Maps against the truth that only a synthetic world has, month by month without keeping them.

``rmse``, ``bias``
    Over all pixels and months; the bias is the mean over pixels of the mean error's size.
``temporal_r``, ``ubrmse``
    Median over pixels of the correlation, and of the error less its mean, over the months.
``subgrid_r``
    Mean over coarse cells and months of the correlation inside a cell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from engine.grids import BLOCK
from engine.models.bootstrap import RESAMPLES
from engine.residual import edge_ratio
from engine.skill import conservation_error, subgrid_correlations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    type Floats = NDArray[np.floating]

_BLOCK = 8 * BLOCK
"""Side in pixels of the blocks that are drawn for intervals: about 72 km."""


@dataclass(slots=True)
class LayerScore:
    """The sums that one layer's scores are made of."""

    shape: tuple[int, int]
    sums: NDArray[np.float64] = field(init=False)
    """``(6, y, x)`` pixels, x, y, x², y², xy over the months, x and y less 0.25."""
    inside: list[NDArray[np.floating]] = field(default_factory=list)
    edges: list[float] = field(default_factory=list)
    missed: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sums = np.zeros((6, *self.shape))

    def take(self, values: Floats, truth: Floats, coarse: Floats) -> None:
        """Take a month: the layer, the truth ``(y, x)``, and SMAP ``(h, w)``."""
        known = np.isfinite(values) & np.isfinite(truth)
        x, y = (np.where(known, one - 0.25, 0).astype(np.float64) for one in (values, truth))
        for place, column in enumerate((known, x, y, x * x, y * y, x * y)):
            self.sums[place] += column
        self.inside.append(subgrid_correlations(values, truth))
        self.edges.append(edge_ratio(values))
        self.missed.append(conservation_error(values, coarse))

    def scores(self) -> dict[str, float]:
        """Return the scores."""
        n, x, y, xx, yy, xy = self.sums
        months = np.maximum(n, 1)
        bias = (x - y) / months
        squared = np.maximum(xx - 2 * xy + yy, 0) / months
        spread = np.sqrt(np.maximum((xx - x * x / months) * (yy - y * y / months), 0))
        covariance = xy - x * y / months
        r = np.divide(covariance, spread, out=np.full_like(n, np.nan), where=spread > 0)
        seen = n >= 3
        return {
            "rmse": float(np.sqrt(np.maximum(xx - 2 * xy + yy, 0).sum() / n.sum())),
            "bias": float(np.abs(bias[seen]).mean()),
            "temporal_r": float(np.nanmedian(r[seen])),
            "ubrmse": float(np.median(np.sqrt(np.maximum(squared - bias**2, 0))[seen])),
            "subgrid_r": float(np.concatenate(self.inside).mean()),
            "edge_ratio": float(np.mean(self.edges)),
            "conservation_error": float(np.max(self.missed)),
        }

    def squares_by_block(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the sums of squared errors and the pixels of every block of about 72 km."""
        n, _, _, xx, yy, xy = self.sums
        return _by_block(np.maximum(xx - 2 * xy + yy, 0)), _by_block(n)


def rmse_intervals(layers: Mapping[str, LayerScore], seed: int = 0) -> dict[str, list[float]]:
    """Return 95 % intervals of the layers' RMSE, all on the same draws of blocks."""
    random = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    draws: NDArray[np.float64] | None = None
    for name, layer in layers.items():
        squares, pixels = layer.squares_by_block()
        if draws is None:
            count = squares.size
            draws = random.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(
                np.float64
            )
        drawn = np.sqrt((draws @ squares) / np.maximum(draws @ pixels, 1))
        found[name] = [float(value) for value in np.quantile(drawn, [0.025, 0.975])]
    return found


@dataclass(slots=True)
class Coverage:
    """How often the truth lies within an interval, by land cover."""

    inside: dict[str, int] = field(default_factory=dict)
    pixels: dict[str, int] = field(default_factory=dict)
    widths: list[float] = field(default_factory=list)

    def take(
        self,
        analysis: Floats,
        half_width: Floats,
        truth: Floats,
        groups: Mapping[str, NDArray[np.bool_]],
    ) -> None:
        """Take a month, ``(y, x)`` each; groups are maps of yes and no."""
        known = np.isfinite(analysis) & np.isfinite(half_width) & np.isfinite(truth)
        hit = np.abs(analysis - truth) <= half_width
        self.widths.append(float(2 * half_width[known].mean()))
        for name, member in {"all": known, **groups}.items():
            chosen = known & member
            self.inside[name] = self.inside.get(name, 0) + int((hit & chosen).sum())
            self.pixels[name] = self.pixels.get(name, 0) + int(chosen.sum())

    def result(self) -> dict[str, object]:
        """Return the shares, and the mean width in m3 m-3."""
        shares = {
            name: round(self.inside[name] / count, 4)
            for name, count in self.pixels.items()
            if count
        }
        overall = shares.pop("all", None)
        return {
            "coverage": overall,
            "by_land_cover": shares,
            "pixels": dict(self.pixels),
            "mean_width": float(np.mean(self.widths)),
        }


def _by_block(values: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = (np.arange(0, size, _BLOCK) for size in values.shape)
    return np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1).ravel()
