"""Our map against another map, month by month and cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import MissingDataError
from engine.grids import block_mean, spread
from engine.validation.fields import BILINEAR, MAP, Lack
from engine.validation.metrics import agreement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.comparison import ComparisonProduct, ComparisonSpec
    from engine.months import Month
    from engine.regrid import WeightCache
    from engine.validation.rules import Rules

    type Floats = NDArray[np.float64]

_MIN_VALID = 0.5
"""Share of a 1 km cell that the other map must cover."""
_LEAST_CELLS = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GriddedSkill:
    """One of our products against another map."""

    product: str
    months: Mapping[str, Floats]
    """``(months,)`` metrics over the cells of each month: r, bias, rmse, ubrmse."""
    temporal_r: Floats
    """``(9 h, 9 w)`` correlation in time of each cell."""
    bias: float
    """Over all cells and months, m3 m-3."""
    rmse: float
    ubrmse: float
    within_r: float
    """Median correlation inside 9 km cells, over cells and months; NaN for SMAP itself."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GriddedComparison:
    """Another map, and how ours and SMAP agree with it."""

    spec: ComparisonSpec
    months: tuple[Month, ...]
    """Months that both have."""
    missing: Mapping[str, str]
    """Why other months are not there."""
    skills: tuple[GriddedSkill, ...]
    """Of the map and of bilinear SMAP."""
    mean: Floats
    """``(9 h, 9 w)`` its own mean over those months, m3 m-3."""
    at_sites: Floats
    """``(sites, all months)`` its values at the stations, NaN where missing."""


class MapComparison:
    """Compares our maps, and bilinear SMAP, with another product, month by month.

    Parameters
    ----------
    other
        The other product; its days are averaged to months and then to 1 km by area.
    grid
        Our cells.
    cells
        ``(sites, 2)`` cells of stations.
    months
        How many months there will be.
    weights
        Between the other grid and ours.
    """

    def __init__(
        self,
        other: ComparisonProduct,
        grid: GeoBox,
        cells: NDArray[np.integer],
        months: int,
        weights: WeightCache,
    ) -> None:
        self._other, self._grid, self._weights = other, grid, weights
        self._rows, self._columns = cells.reshape(-1, 2).T
        self._at_sites = np.full((len(cells), months), np.nan)
        shape = (grid.shape.y, grid.shape.x)
        self._total, self._count = np.zeros(shape), np.zeros(shape)
        self._sums: dict[str, _Sums] = {}
        self._missing: dict[str, str] = {}
        self._months: list[Month] = []

    def add(self, number: int, month: Month, products: Mapping[str, NDArray[np.floating]]) -> None:
        """Take a month in, or note why the other product has none."""
        try:
            theirs = self._theirs(month)
        except MissingDataError as error:
            self._missing[str(month)] = error.looked_for
            return
        if not (np.isfinite(theirs) & np.isfinite(products[MAP])).any():
            self._missing[str(month)] = "no value where the map has one"
            return
        self._months.append(month)
        self._at_sites[:, number] = theirs[self._rows, self._columns]
        known = np.isfinite(theirs)
        self._total += np.where(known, theirs, 0.0)
        self._count += known
        for name in (MAP, BILINEAR):
            if name in products:
                sums = self._sums.setdefault(name, _Sums(theirs.shape))
                sums.add(products[name], theirs)

    def result(self, rules: Rules) -> GriddedComparison | None:
        """Return what was found; None where the two have no month in common."""
        if not self._months:
            return None
        known = self._count > 0
        return GriddedComparison(
            spec=self._other.spec,
            months=tuple(self._months),
            missing=self._missing,
            skills=tuple(one.skill(name, rules) for name, one in self._sums.items()),
            mean=np.where(known, self._total / np.maximum(self._count, 1), np.nan),
            at_sites=self._at_sites,
        )

    def lack(self) -> Lack:
        """Return why there was nothing to compare in any month."""
        why = next(iter(self._missing.values()), "no month of the maps")
        return Lack(what=self._other.spec.id, month=None, why=why)

    def _theirs(self, month: Month) -> Floats:
        field = self._other.month(month, self._grid).field
        weights = self._weights.area(field.geobox, self._grid)
        mean, _ = weights.apply(field.values, None, _MIN_VALID)
        return mean.astype(np.float64)


class _Sums:
    """Moments of every cell and every month, added up month by month."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._n = np.zeros(shape)
        self._sums = {name: np.zeros(shape) for name in ("x", "y", "xx", "yy", "xy")}
        self._months: list[dict[str, float]] = []
        self._within: list[Floats] = []
        self._level = 0.25

    def add(self, ours: NDArray[np.floating], theirs: Floats) -> None:
        known = np.isfinite(ours) & np.isfinite(theirs)
        # Deviations from a common level keep the sums of squares small.
        x = np.where(known, ours - self._level, 0.0).astype(np.float64)
        y = np.where(known, theirs - self._level, 0.0)
        self._n += known
        parts = {"x": x, "y": y, "xx": x * x, "yy": y * y, "xy": x * y}
        for name, part in parts.items():
            self._sums[name] += part
        found = agreement(x[known][None], y[known][None], _LEAST_CELLS)
        self._months.append(
            {name: float(getattr(found, name)[0]) for name in ("r", "bias", "rmse", "ubrmse")}
        )
        self._within.append(
            _within_r(np.where(known, ours, np.nan), np.where(known, theirs, np.nan))
        )

    def skill(self, name: str, rules: Rules) -> GriddedSkill:
        n = np.maximum(self._n, 1)
        mean = {key: value / n for key, value in self._sums.items()}
        variance_x, variance_y = (mean[k + k] - mean[k] ** 2 for k in ("x", "y"))
        covariance = mean["xy"] - mean["x"] * mean["y"]
        varies = (self._n >= rules.pairs) & (variance_x > 1e-12) & (variance_y > 1e-12)
        size = np.sqrt(np.where(varies, variance_x * variance_y, 1.0))
        pairs = self._n.sum()
        square = (self._sums["xx"] - 2 * self._sums["xy"] + self._sums["yy"]).sum() / pairs
        bias = (self._sums["x"] - self._sums["y"]).sum() / pairs
        within = np.concatenate(self._within)
        within = within[np.isfinite(within)]
        return GriddedSkill(
            product=name,
            months={
                key: np.array([month[key] for month in self._months])
                for key in ("r", "bias", "rmse", "ubrmse")
            },
            temporal_r=np.where(varies, covariance / size, np.nan),
            bias=float(bias),
            rmse=float(np.sqrt(square)),
            ubrmse=float(np.sqrt(max(square - bias**2, 0.0))),
            within_r=float(np.median(within)) if within.size else float("nan"),
        )


def _within_r(ours: Floats, theirs: Floats) -> Floats:
    """Return the correlation inside every 9 km cell."""
    x, y = (one - spread(block_mean(one, _MIN_VALID)) for one in (ours, theirs))
    covariance, xx, yy = (block_mean(one, _MIN_VALID) for one in (x * y, x * x, y * y))
    size = np.sqrt(xx * yy)
    found = np.divide(covariance, size, out=np.full_like(size, np.nan), where=size > 1e-12)
    return found.ravel()
