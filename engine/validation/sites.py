"""Sensors put into the cells of a map: a site is one 1 km cell with what lies in it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.grids import BLOCK, apply_affine, transformer
from engine.stations.series import layer_within
from engine.validation.losses import Loss, totalled
from engine.validation.stations import monthly_means

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.validation.rules import Rules
    from engine.validation.stations import Calendar, SensorDays

    type Floats = NDArray[np.float64]

_ROUGH = 2
"""Decimals of a degree that leave half a kilometre open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A 1 km cell with one sensor or more in one layer."""

    name: str
    """Names of its stations."""
    network: str
    """Who runs them."""
    lat: float
    """Degrees north, mean of the stations."""
    lon: float
    """Degrees east."""
    row: int
    """Of the map, likewise ``column``."""
    column: int
    primary: bool
    """Whether its sensors lie in the layer that the map is of, else in the wider one."""
    depth: tuple[float, float]
    """Layer that holds all its sensors, m."""
    sensors: int
    """How many were averaged."""
    rough: bool
    """Whether its coordinates leave half a kilometre open."""

    @property
    def coarse(self) -> tuple[int, int]:
        """Row and column of the 9 km cell."""
        return self.row // BLOCK, self.column // BLOCK


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteMonths:
    """Monthly means of all sites."""

    sites: tuple[Site, ...]
    """Primary ones first."""
    values: Floats
    """``(sites, months)`` m3 m-3, NaN where missing."""
    losses: tuple[Loss, ...]
    """What the rules took on the way."""


def site_months(
    sensors: Iterable[SensorDays], grid: GeoBox, calendar: Calendar, rules: Rules
) -> SiteMonths:
    """Put sensors into cells, average those that share one, and make their monthly means.

    Parameters
    ----------
    sensors
        In any order; those outside the map or too deep are counted and left out.
    grid
        The map's cells.
    calendar
        Months wanted.
    rules
        Depths, and days that a month needs.
    """
    given = list(sensors)
    fitting = [one for one in given if layer_within(one.depth, rules.wider_depth)]
    cells = cells_of(fitting, grid)
    inside = [(one, cell) for one, cell in zip(fitting, cells, strict=True) if cell is not None]
    groups: dict[tuple[int, int, bool], list[SensorDays]] = defaultdict(list)
    for one, (row, column) in inside:
        groups[row, column, not layer_within(one.depth, rules.depth)].append(one)
    losses = [
        Loss(
            "sensor in the layers that are compared",
            "sensors",
            len(given),
            len(given) - len(fitting),
        ),
        Loss("sensor within the map", "sensors", len(fitting), len(fitting) - len(inside)),
        *(loss for one, _ in inside for loss in one.losses),
    ]
    sites, values = [], []
    for (row, column, deeper), members in sorted(groups.items(), key=_order):
        months, loss = monthly_means(_mean_days(members), calendar, rules)
        sites.append(_site(members, row, column, primary=not deeper))
        values.append(months)
        losses.append(loss)
    shape = (len(sites), len(calendar.months))
    return SiteMonths(
        sites=tuple(sites),
        values=np.array(values).reshape(shape),
        losses=totalled(losses),
    )


def cells_of(sensors: Sequence[SensorDays], grid: GeoBox) -> list[tuple[int, int] | None]:
    """Return row and column of the cell that holds each sensor; None outside the grid."""
    if not sensors:
        return []
    lon = np.array([one.station.lon for one in sensors])
    lat = np.array([one.station.lat for one in sensors])
    x, y = transformer("EPSG:4326", str(grid.crs)).transform(lon, lat)
    columns, rows = (np.floor(one).astype(int) for one in apply_affine(~grid.affine, x, y))
    return [
        (int(row), int(column)) if 0 <= row < grid.shape.y and 0 <= column < grid.shape.x else None
        for row, column in zip(rows, columns, strict=True)
    ]


def _lost(rule: str, before: Sequence[object], after: Sequence[object]) -> Loss:
    return Loss(rule, "sensors", len(before), len(before) - len(after))


def _order(group: tuple[tuple[int, int, bool], list[SensorDays]]) -> tuple[bool, str, int, int]:
    (row, column, deeper), members = group
    return deeper, str(members[0].station), row, column


def _mean_days(members: Sequence[SensorDays]) -> Floats:
    if len(members) == 1:
        return members[0].values
    values = np.stack([one.values for one in members])
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _site(members: Sequence[SensorDays], row: int, column: int, *, primary: bool) -> Site:
    stations = list(dict.fromkeys(one.station for one in members))
    return Site(
        name=" + ".join(dict.fromkeys(one.name for one in stations)),
        network=" + ".join(dict.fromkeys(one.network for one in stations)),
        lat=float(np.mean([one.lat for one in stations])),
        lon=float(np.mean([one.lon for one in stations])),
        row=row,
        column=column,
        primary=primary,
        depth=(min(one.depth[0] for one in members), max(one.depth[1] for one in members)),
        sensors=len(members),
        rough=any(
            _decimals(one.lat) <= _ROUGH and _decimals(one.lon) <= _ROUGH for one in stations
        ),
    )


def _decimals(degrees: float) -> int:
    """Count the decimals that a coordinate was written with.

    >>> _decimals(34.75), _decimals(113.0)
    (2, 0)
    """
    return len(f"{degrees:.6f}".rstrip("0").partition(".")[2])
