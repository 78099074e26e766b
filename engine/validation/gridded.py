"""Our map against another map, month by month and cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import MissingDataError
from engine.grids import block_mean, spread
from engine.validation.fields import BILINEAR, LABELS, MAP, products_of
from engine.validation.metrics import agreement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.comparison import ComparisonProduct, ComparisonSpec
    from engine.months import Month
    from engine.progress import Progress
    from engine.regrid import WeightCache
    from engine.validation.fields import FieldSource
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


def compare_maps(
    source: FieldSource,
    other: ComparisonProduct,
    months: Sequence[Month],
    cells: NDArray[np.integer],
    *,
    weights: WeightCache,
    rules: Rules,
    progress: Progress,
) -> GriddedComparison:
    """Compare the map, and bilinear SMAP, with another product.

    Parameters
    ----------
    source
        Gives our months.
    other
        The other product; its days are averaged to months and then to 1 km by area.
    months
        Our months.
    cells
        ``(sites, 2)`` cells of stations.
    weights
        Between the other grid and ours.
    rules
        Months that a correlation in time needs.
    progress
        Told what is read.

    Raises
    ------
    MissingDataError
        Where the two have no month in common.
    """
    grid = source.grid
    sums: dict[str, _Sums] = {}
    missing: dict[str, str] = {}
    common: list[Month] = []
    at_sites = np.full((len(cells), len(months)), np.nan)
    total, count = np.zeros(tuple(grid.shape)), np.zeros(tuple(grid.shape))
    rows, columns = cells.reshape(-1, 2).T
    for number, month in enumerate(months):
        progress(number / len(months), f"comparing {month} with {other.spec.id}")
        try:
            theirs = _on_grid(other, month, grid, weights)
        except MissingDataError as error:
            missing[str(month)] = error.looked_for
            continue
        common.append(month)
        at_sites[:, number] = theirs[rows, columns]
        known = np.isfinite(theirs)
        total, count = total + np.where(known, theirs, 0.0), count + known
        products = products_of(source.month(month))
        for name in (MAP, BILINEAR):
            if name in products:
                sums.setdefault(name, _Sums(tuple(grid.shape))).add(products[name], theirs)
    if not common:
        raise MissingDataError(
            other.spec.id, f"{months[0]} to {months[-1]}", "a month in common with the maps"
        )
    return GriddedComparison(
        spec=other.spec,
        months=tuple(common),
        missing=missing,
        skills=tuple(one.skill(name, rules) for name, one in sums.items()),
        mean=np.where(count > 0, total / np.maximum(count, 1), np.nan),
        at_sites=at_sites,
    )


def title_of(product: str) -> str:
    """Return what a product is called in reports."""
    return LABELS.get(product, product)


class _Sums:
    """Moments of every cell and every month, added up month by month."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._n = np.zeros(shape)
        self._first: dict[str, Floats] = {}
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


def _on_grid(other: ComparisonProduct, month: Month, grid: GeoBox, weights: WeightCache) -> Floats:
    field = other.month(month, grid).field
    mean, _ = weights.area(field.geobox, grid).apply(field.values, None, _MIN_VALID)
    return mean.astype(np.float64)


def _within_r(ours: Floats, theirs: Floats) -> Floats:
    """Return the correlation inside every 9 km cell."""
    x, y = (one - spread(block_mean(one, _MIN_VALID)) for one in (ours, theirs))
    covariance, xx, yy = (block_mean(one, _MIN_VALID) for one in (x * y, x * x, y * y))
    size = np.sqrt(xx * yy)
    found = np.divide(covariance, size, out=np.full_like(size, np.nan), where=size > 1e-12)
    return found.ravel()
