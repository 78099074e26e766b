"""A comparison product in an archive: its months, and their means on its own grid."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.comparison.days import announced_period
from engine.comparison.layers import daily_layers
from engine.errors import GranuleError, MissingDataError
from engine.granules import Field, Granule
from engine.months import Month, Period, month_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.comparison.spec import ComparisonSpec

    type Floats = NDArray[np.float64]
    type Counts = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonMonth:
    """One month of a comparison product."""

    field: Field
    """Monthly mean on the product's own grid, m3 m-3; NaN where too few days are valid. Its
    weight is the share of the month's days that are valid."""
    days: NDArray[np.int32]
    """``(y, x)`` valid days."""
    granules: tuple[Granule, ...]
    """The files."""


@dataclass(frozen=True)
class ComparisonProduct:
    """The files of a comparison product below a folder."""

    root: Path
    """The folder; it is walked once, when something is first asked."""
    spec: ComparisonSpec
    """What the files are called and hold."""

    @cached_property
    def granules(self) -> tuple[Granule, ...]:
        """The files, in order of time."""
        found = [granule for path in self._files() if (granule := self._recognise(path))]
        return tuple(sorted(found, key=_order))

    @property
    def months(self) -> tuple[Month, ...]:
        """Every month that a file's name announces, in order."""
        months = {month for granule in self.granules for month in _months(granule)}
        return tuple(sorted(months))

    def month(self, month: Month, area: GeoBox) -> ComparisonMonth:
        """Average the days of a month.

        Parameters
        ----------
        month
            The month, UTC.
        area
            Any grid; its outline, with a margin of one source pixel, is what is read.

        Raises
        ------
        MissingDataError
            Where no file holds the month, none touches the area, or no pixel has enough days.
        GranuleError
            Where a file is not what its name says.
        """
        granules = [one for one in self.granules if _shares(one, month.period)]
        self._check_unique(granules)
        layers = (
            (granule, layer)
            for granule in granules
            for layer in daily_layers(granule, self.spec, month.period, area)
        )
        mean, days, geobox = self._mean(layers, month)
        self._check_plausible(mean, granules)
        enough = days >= self.spec.min_days
        if not enough.any():
            raise MissingDataError(
                self.spec.id, str(month), f"{self.spec.min_days} valid days anywhere in the area"
            )
        weight = np.where(enough, days / month.days, 0).astype(np.float32)
        values = np.where(enough, mean, np.nan).astype(np.float32)
        return ComparisonMonth(
            field=Field(values=values, weight=weight, geobox=geobox, units="m3 m-3"),
            days=days,
            granules=tuple(granules),
        )

    def _mean(
        self, layers: Iterator[tuple[Granule, Field]], month: Month
    ) -> tuple[Floats, Counts, GeoBox]:
        total: Floats | None = None
        for granule, layer in layers:
            if total is None:
                geobox, total = layer.geobox, np.zeros(layer.values.shape)
                days = np.zeros(layer.values.shape, np.int32)
            if layer.geobox != geobox:
                raise GranuleError(
                    granule.path, f"its grid is {layer.geobox}", f"{geobox}, as the first has"
                )
            total += np.where(layer.weight > 0, layer.values, 0)
            days += layer.weight > 0
        if total is None:
            raise MissingDataError(
                self.spec.id,
                str(month),
                f"files {self.spec.file_pattern} that cover the area; "
                f"published are {self.spec.first_year} to {self.spec.last_year}",
            )
        return np.where(days > 0, total / np.maximum(days, 1), np.nan), days, geobox

    def _check_plausible(self, mean: Floats, granules: list[Granule]) -> None:
        valid = mean[np.isfinite(mean)]
        low, high = self.spec.plausible
        if valid.size and not low <= float(np.median(valid)) <= high:
            raise GranuleError(
                granules[0].path,
                f"{self.spec.variable.source[0]} has the median {np.median(valid):.4g} m3 m-3",
                f"{low:g} to {high:g}; is the scale of the spec right?",
            )

    def _check_unique(self, granules: list[Granule]) -> None:
        for one, other in pairwise(granules):
            if one.period and other.period and one.period.shared_days(other.period):
                raise GranuleError(
                    other.path, f"it holds the same days as {one.path.name}", "each day once"
                )

    def _recognise(self, path: Path) -> Granule | None:
        match = self.spec.pattern.fullmatch(path.name)
        period = announced_period(match) if match else None
        if period is None:
            return None
        return Granule(path=path, product=self.spec.id, period=period)

    def _files(self) -> Iterator[Path]:
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (Path(folder, name) for name in sorted(names))


def _order(granule: Granule) -> tuple[str, str]:
    return (granule.period.start.isoformat() if granule.period else "", granule.path.name)


def _shares(granule: Granule, period: Period) -> bool:
    return granule.period is not None and granule.period.shared_days(period) > 0


def _months(granule: Granule) -> Iterator[Month]:
    if granule.period is not None:
        months = month_range(Month.of(granule.period.start), Month.of(granule.period.end))
        yield from (month for month in months if month.period.shared_days(granule.period))
