"""What a map says of areas: weighted by the share of each cell that lies inside.

The maps' grid has cells of equal area, so a share of cells is a share of area.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource

from engine.grids import transformer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox
    from shapely.geometry.base import BaseGeometry

STATISTICS = ("mean", "median", "sd", "min", "max", "count")
"""Names of the numbers, in the order in which they are told."""

_OPERATIONS = dict(zip(STATISTICS, ("mean", "median", "stdev", "min", "max", "count"), strict=True))
"""The numbers by what exactextract calls them."""
_STEP = 0.02
"""Degrees between points along an outline; a straight line in degrees is bent in the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneStatistics:
    """Numbers of one layer in one area; None where no cell has a value."""

    mean: float | None
    """Mean, each cell weighted by the share of it that lies inside."""
    median: float | None
    """Weighted median, interpolated between cells."""
    sd: float | None
    """Weighted standard deviation of the cells, of the population."""
    min: float | None
    """Smallest value of a cell that the area touches."""
    max: float | None
    """Largest value of a cell that the area touches."""
    count: float
    """Cells with a value, parts of cells as parts."""
    valid_fraction: float
    """Share of the area that has a value, 0 to 1; what lies off the map has none."""


@dataclass(frozen=True, slots=True)
class Zones:
    """Areas on a grid."""

    grid: GeoBox
    """The maps' cells, of equal area."""
    outlines: tuple[BaseGeometry, ...]
    """The areas in the grid's own coordinates."""

    @classmethod
    def of(cls, polygons: Sequence[BaseGeometry], grid: GeoBox) -> Zones:
        """Place polygons, in longitude and latitude, on a grid."""
        place = partial(_placed, crs=str(grid.crs))
        return cls(grid, tuple(map(place, polygons)))

    @property
    def cells(self) -> NDArray[np.float64]:
        """How many cells each area is large."""
        cell = abs(self.grid.affine.a * self.grid.affine.e)
        return np.asarray(shapely.area(np.asarray(self.outlines, dtype=object)) / cell)

    def touched(self) -> NDArray[np.bool_]:
        """Whether each area has a part on the grid."""
        box = shapely.box(*self.grid.boundingbox.bbox)
        return np.asarray(shapely.intersects(np.asarray(self.outlines, dtype=object), box))

    def statistics(
        self, layers: Mapping[str, NDArray[np.floating]]
    ) -> tuple[Mapping[str, ZoneStatistics], ...]:
        r"""Return the numbers of each area, by layer.

        Parameters
        ----------
        layers
            ``(y, x)`` on the grid, NaN where missing.

        Notes
        -----
        With :math:`c_i` the share of cell :math:`i` inside the area and :math:`v_i` its value,
        the mean is :math:`\sum c_i v_i / \sum c_i` over cells with a value, the count
        :math:`\sum c_i`.
        """
        left, bottom, right, top = self.grid.boundingbox.bbox
        rasters = [
            NumPyRasterSource(
                values, xmin=left, ymin=bottom, xmax=right, ymax=top, nodata=np.nan, name=name
            )
            for name, values in layers.items()
        ]
        features = [
            {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(outline)}
            for outline in self.outlines
        ]
        found = exact_extract(rasters, features, [*_OPERATIONS.values()])
        alone = next(iter(layers)) if len(layers) == 1 else None
        return tuple(
            {name: _read(one["properties"], name, alone, float(size)) for name in layers}
            for one, size in zip(found, self.cells, strict=True)
        )


def _placed(polygon: BaseGeometry, crs: str) -> BaseGeometry:
    """Return a polygon of degrees in the coordinates of a grid."""
    to_grid = transformer("EPSG:4326", crs)

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(to_grid.transform(*points.T), axis=-1)

    return shapely.transform(shapely.segmentize(polygon, _STEP), place)


def _read(
    told: Mapping[str, float | None], layer: str, alone: str | None, cells: float
) -> ZoneStatistics:
    """Read the numbers of a layer, whose name stands before each where there are several."""
    before = "" if alone == layer else f"{layer}_"
    numbers = {name: _number(told[f"{before}{key}"]) for name, key in _OPERATIONS.items()}
    count = numbers.pop("count") or 0.0
    share = min(1.0, count / cells) if cells else 0.0
    return ZoneStatistics(**numbers, count=count, valid_fraction=share)


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
