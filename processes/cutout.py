"""The part of a region that a request wants: a box, a polygon, or all of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import shapely
import xarray as xr

from engine.cog import NO_BITS
from engine.errors import InputError
from engine.grids import BBox, coarse_window, fine_of, lonlat
from engine.region import load_region
from processes.bounds import Bounds
from processes.jobs.model import Work

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odc.geo.geobox import GeoBox
    from shapely.geometry.base import BaseGeometry

    from engine.months import Month
    from engine.region import Region
    from processes.inputs import ReconstructionInputs
    from processes.settings import Settings
    from stac.series import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutout:
    """What is cut out of a region's maps."""

    window: BBox | None = None
    """The box to publish; None for the whole region."""
    polygon: BaseGeometry | None = None
    """The outline to publish, where it is no box."""

    @classmethod
    def of(cls, inputs: ReconstructionInputs) -> Self:
        """Return what a request wants."""
        if inputs.geometry is None:
            return cls(window=inputs.bbox)
        return cls(window=BBox.parse(inputs.geometry.bounds), polygon=inputs.geometry)

    @property
    def settings(self) -> Mapping[str, Setting]:
        """What tells one polygon's series from another's in the same box."""
        if self.polygon is None:
            return {}
        return {"polygon": hashlib.sha256(shapely.to_wkb(self.polygon)).hexdigest()[:12]}

    def computed(self, region: Region) -> Region:
        """Return the region that is computed: another box where the area leaves its own.

        Inside the region the whole region is computed and cut afterwards, so that a map's values
        do not depend on how much of it was asked for.
        """
        if self.window is None or _contains(region.bbox, self.window):
            return region
        return region.model_copy(update={"bbox": self.window})

    def cut(self, layers: xr.Dataset, region: Region, month: Month) -> xr.Dataset:
        """Return the part of a map that was asked for.

        Parameters
        ----------
        layers
            ``(y, x)`` on the region's fine grid.
        region
            As it was computed.
        month
            Named in errors.

        Raises
        ------
        InputError
            Where nothing of the area has a value.
        """
        if self.window is None:
            return layers
        area, wanted = region.area(), fine_of(coarse_window(self.window))
        column, row = ~area.affine @ (wanted.affine.c, wanted.affine.f)
        top, left = round(row), round(column)
        part = layers.isel(y=slice(top, top + wanted.shape.y), x=slice(left, left + wanted.shape.x))
        if self.polygon is not None:
            part = _masked(part, _inside(self.polygon, wanted))
        if not any(_has_values(layer) for layer in part.data_vars.values()):
            name = "bbox" if self.polygon is None else "geometry"
            raise InputError(name, f"no land with data in {month}", "an area with data")
        return part


def asked_region(inputs: ReconstructionInputs, settings: Settings) -> Region:
    """Return the region that a request means, with the box that is computed for it.

    Raises
    ------
    InputError
        Where there is no such region.
    """
    region = load_region(inputs.region or settings.region, [settings.region_folder])
    return Cutout.of(inputs).computed(region)


def check_extent(inputs: ReconstructionInputs, settings: Settings) -> Work:
    """Refuse a request for more than one may ask for, as far as it tells by itself.

    Nothing but the region's file is read, so that it can be done while the client waits. How many
    months an open interval has, the archive alone knows.

    Returns
    -------
    Work
        What the request asks for.

    Raises
    ------
    InputError
        Names the bound, or the regions where there is no such one.
    """
    bounds, months = Bounds.of(settings), inputs.datetime.count
    if months is not None:
        bounds.check_months(months)
    shape = asked_region(inputs, settings).area().shape
    bounds.check_cells(shape.y * shape.x, _area_field(inputs))
    return Work(cells=shape.y * shape.x, months=bounds.months if months is None else months)


def _area_field(inputs: ReconstructionInputs) -> str:
    """Return which input gives the area."""
    if inputs.geometry is not None:
        return "geometry"
    return "region" if inputs.bbox is None else "bbox"


def _contains(outer: BBox, inner: BBox) -> bool:
    west_south = outer.west <= inner.west and outer.south <= inner.south
    return west_south and inner.east <= outer.east and inner.north <= outer.north


def _inside(polygon: BaseGeometry, grid: GeoBox) -> xr.DataArray:
    longitude, latitude = lonlat(grid)
    return xr.DataArray(shapely.contains_xy(polygon, longitude, latitude), dims=("y", "x"))


def _masked(layers: xr.Dataset, inside: xr.DataArray) -> xr.Dataset:
    """Return layers that are empty outside of an area."""
    return layers.map(lambda layer: layer.where(inside, _nothing(layer)), keep_attrs=True)


def _nothing(layer: xr.DataArray) -> float:
    return np.nan if layer.dtype.kind == "f" else NO_BITS


def _has_values(layer: xr.DataArray) -> bool:
    return layer.dtype.kind == "f" and bool(np.isfinite(layer.to_numpy()).any())
