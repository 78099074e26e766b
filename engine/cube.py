"""Months of maps as one Zarr: quick for the map of a month and for the months of a place.

A layer is an array ``(time, y, x)``. Each month of a layer is one file (a shard), so it is there
whole or not at all; within it lie compressed chunks of 128 × 128 cells that readers fetch by
themselves, so the series of a place costs one small piece of each month.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from engine.cog import NO_BITS
from engine.grids import apply_affine, transformer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox
    from zarr.core.array_spec import ArrayConfigLike

    from engine.months import Month

    type Attributes = Mapping[str, Any]

CHUNK = 128
"""Side of a chunk in cells."""
METADATA = "zarr.json"
"""Name of the document that tells of all arrays."""
COORDINATES = (
    *("time/c/0", "time_bnds/c/0/0", "x/c/0", "y/c/0"),
    *("longitude/c/0", "latitude/c/0", "spatial_ref/c"),
)
"""Files of what is no layer, below the cube's folder."""
_LEVEL = 5
"""Of Zstandard; beyond it files hardly shrink."""
_EVERY_FILE: ArrayConfigLike = {"write_empty_chunks": True}
"""A month without any value has its file, too, so that its absence tells of a loss."""
_DIMENSIONS = ("time", "y", "x")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeLayer:
    """One array of a cube."""

    name: str
    data_type: str
    """``float32`` with NaN where missing, or ``uint16`` bits."""
    attributes: Attributes
    """Units, long name, and what the bits mean."""

    @property
    def missing(self) -> float | int:
        """What stands for a missing value."""
        return math.nan if self.data_type == "float32" else NO_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class CubePlan:
    """What a cube holds."""

    grid: GeoBox
    """Cells, in a cylindrical projection: a column has one longitude, a row one latitude."""
    months: Sequence[Month]
    """In order of time; there may be gaps."""
    layers: Sequence[CubeLayer]
    attributes: Attributes
    """Of the whole."""

    @property
    def shard(self) -> tuple[int, int, int]:
        """Cells of a file: all of a month, filled up to whole chunks."""
        height, width = self.grid.shape
        return 1, CHUNK * math.ceil(height / CHUNK), CHUNK * math.ceil(width / CHUNK)


def shard_name(layer: str, index: int) -> str:
    """Return the file of a layer's month, below the cube's folder.

    >>> shard_name("soil_moisture", 3)
    'soil_moisture/c/3/0/0'
    """
    return f"{layer}/c/{index}/0/0"


def create_cube(folder: Path, plan: CubePlan) -> zarr.Group:
    """Write all of a cube but its months: what it holds, and its coordinates.

    Parameters
    ----------
    folder
        A new folder, not yet for readers.
    plan
        What will be in it.
    """
    group = zarr.open_group(folder, mode="w", zarr_format=3)
    group.attrs.update(
        {"Conventions": "CF-1.11", "coordinates": "longitude latitude spatial_ref time_bnds"}
        | dict(plan.attributes)
    )
    _write_times(group, plan.months)
    _write_places(group, plan.grid)
    for layer in plan.layers:
        group.create_array(
            layer.name,
            shape=(len(plan.months), *plan.grid.shape),
            shards=plan.shard,
            chunks=(1, CHUNK, CHUNK),
            dtype=layer.data_type,
            fill_value=layer.missing,
            compressors=ZstdCodec(level=_LEVEL),
            config=_EVERY_FILE,
            dimension_names=_DIMENSIONS,
            attributes={**layer.attributes, "grid_mapping": "spatial_ref"},
        )
    with warnings.catch_warnings():
        # It is no part of the specification yet; without it, nothing can be found over HTTP.
        warnings.filterwarnings("ignore", "Consolidated metadata")
        zarr.consolidate_metadata(group.store, zarr_format=3)
    return group


def write_month(
    cube: zarr.Group, layer: str, index: int, values: NDArray[np.float32] | NDArray[np.uint16]
) -> None:
    """Write the file of one month of a layer.

    Parameters
    ----------
    cube
        As it was created.
    layer, index
        Which array, and which month of it.
    values
        ``(y, x)`` on the cube's cells.
    """
    array = cube[layer]
    if not isinstance(array, zarr.Array):
        raise TypeError(f"{layer} is no array")
    array[index] = values


def _write_times(group: zarr.Group, months: Sequence[Month]) -> None:
    bounds = np.array([[(m.start - _EPOCH).days, (m.end - _EPOCH).days] for m in months])
    units = {"units": "days since 1970-01-01", "calendar": "proleptic_gregorian"}
    said = {"standard_name": "time", "long_name": "first day of the month", "bounds": "time_bnds"}
    _write(group, "time", bounds[:, 0], ("time",), {**units, **said})
    _write(group, "time_bnds", bounds, ("time", "nv"), units)


def _write_places(group: zarr.Group, grid: GeoBox) -> None:
    height, width = grid.shape
    size = max(height, width)
    along = np.arange(size) + 0.5
    x, y = apply_affine(grid.affine, along, along)
    lon, lat = transformer(str(grid.crs), "EPSG:4326").transform(x, y)
    metres = {"units": "m", "standard_name": "projection_{}_coordinate"}
    for axis, values in (("x", x[:width]), ("y", y[:height])):
        named = {**metres, "standard_name": metres["standard_name"].format(axis)}
        _write(group, axis, values, (axis,), named)
    for name, unit, axis, values in (
        ("longitude", "degrees_east", "x", lon[:width]),
        ("latitude", "degrees_north", "y", lat[:height]),
    ):
        _write(group, name, np.asarray(values), (axis,), {"units": unit, "standard_name": name})
    mapping = {
        "crs_wkt": grid.crs.to_wkt() if grid.crs is not None else "",
        "GeoTransform": " ".join(repr(float(number)) for number in grid.affine.to_gdal()),
    }
    _write(group, "spatial_ref", np.array(0), (), mapping)


def _write(
    group: zarr.Group,
    name: str,
    values: NDArray[np.generic],
    dimensions: tuple[str, ...],
    attributes: Attributes,
) -> None:
    group.create_array(
        name,
        data=values,
        chunks=values.shape or "auto",
        dimension_names=dimensions,
        attributes=dict(attributes),
        config=_EVERY_FILE,
    )
