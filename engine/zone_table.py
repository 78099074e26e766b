"""Zonal statistics as tables: CSV for programs, GeoPackage for maps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from engine.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from engine.months import Month
    from engine.zones import ZoneStatistics

    type Scalar = str | int | float | bool | None

LAYER = "zonal_statistics"
"""Name of the layer in a GeoPackage."""

COLUMNS = (
    *("zone", "month", "layer", "units"),
    *("mean", "median", "sd", "min", "max", "count", "valid_fraction"),
)
"""What a row tells, beside what the polygon said of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """An area that a request named."""

    id: str
    """Its identifier, or its number among the others."""
    polygon: BaseGeometry
    """Longitude and latitude."""
    properties: Mapping[str, Scalar] = field(default_factory=dict)
    """What came with it; kept as columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The numbers of all areas for one layer of one month."""

    month: Month
    layer: str
    units: str
    """UDUNITS text."""
    statistics: Sequence[ZoneStatistics]
    """One per area, in their order."""


def table(zones: Sequence[Zone], findings: Iterable[Finding]) -> pd.DataFrame:
    """Return a row for each area, month and layer, in this order of nesting.

    Columns are the polygons' own properties, then :data:`COLUMNS`. A property with the name of
    one of ours is called ``own_`` and its name.
    """
    found = tuple(findings)
    rows = [
        {
            **_own(zone.properties),
            "zone": zone.id,
            "month": str(one.month),
            "layer": one.layer,
            "units": one.units,
            **asdict(one.statistics[number]),
        }
        for number, zone in enumerate(zones)
        for one in found
    ]
    given = dict.fromkeys(name for zone in zones for name in _own(zone.properties))
    return pd.DataFrame(rows, columns=["zone", *given, *COLUMNS[1:]])


def csv_text(rows: pd.DataFrame) -> str:
    """Return a table as CSV: six significant digits, empty where there is no value."""
    return str(rows.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def write_geopackage(path: Path, zones: Sequence[Zone], rows: pd.DataFrame) -> Path:
    """Write a table with the areas' outlines, whole or not at all.

    Every row has its area's outline, so that a month of a layer is a filter away from a map;
    ``date`` is the first day of the month, for programs that play maps in order of time.
    """
    outlines = {zone.id: zone.polygon for zone in zones}
    placed = gpd.GeoDataFrame(
        rows.assign(date=pd.to_datetime(rows["month"] + "-01")),
        geometry=np.array([outlines[name] for name in rows["zone"]], dtype=object),
        crs="EPSG:4326",
    )
    with atomic_path(path) as temporary:
        placed.to_file(temporary, driver="GPKG", layer=LAYER)
    return path


def _own(properties: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return an area's properties under names that are free; GeoPackage has its own, too."""
    taken = {*COLUMNS, "date", "fid", "geom", "geometry"}
    return {
        f"own_{name}" if name.lower() in taken else name: value
        for name, value in properties.items()
    }
