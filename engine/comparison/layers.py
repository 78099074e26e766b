"""The daily layers of one comparison file over an area."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine.comparison.days import days_of
from engine.errors import GranuleError
from engine.products.geotiff import read_raster
from engine.products.physical import Said, field_of, number_of, numbers_of, text_of
from engine.products.sources import centred_grid, reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from engine.comparison.spec import ComparisonSpec
    from engine.granules import Field, Granule
    from engine.months import Period
    from engine.products.sources import Window

_NETCDF = frozenset({".nc", ".nc4"})
_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError, IndexError)


def daily_layers(
    granule: Granule, spec: ComparisonSpec, period: Period, area: GeoBox
) -> Iterator[Field]:
    """Yield the days of a period that a file holds, none where it does not touch the area.

    Parameters
    ----------
    granule
        The file and the days that its name announces.
    spec
        How it is laid out.
    period
        Days wanted.
    area
        Any grid; its outline, with a margin of one source pixel, is what is read.

    Raises
    ------
    GranuleError
        Where the file is not what its name says.
    """
    path = granule.path
    if path.suffix.lower() not in _NETCDF:
        if granule.period is not None and granule.period.days > 1:
            raise GranuleError(path, "its name announces no single day", "a raster for each day")
        field = read_raster(path, spec.variable, area)
        if field is not None:
            yield field
        return
    with reading(path, f"{spec.id} as NetCDF", *_ERRORS), _opened(path) as file:
        yield from _layers(file, granule, spec, period, area)


def _layers(
    file: xr.Dataset, granule: Granule, spec: ComparisonSpec, period: Period, area: GeoBox
) -> Iterator[Field]:
    path = granule.path
    array = _find(file, path, spec.variable.source)
    time, lat, lon = _axes(array, path, spec)
    source = centred_grid(path, array[lon].values, array[lat].values, "EPSG:4326")
    window = source.window(area)
    if window is None:
        return
    said = _said(array)
    for stored in _stored(array, granule, period, window, (time, lat, lon)):
        yield field_of(path, spec.variable, said, stored, geobox=window.geobox)


def _stored(
    array: xr.DataArray,
    granule: Granule,
    period: Period,
    window: Window,
    axes: tuple[str | None, str, str],
) -> Iterator[np.ndarray]:
    """Yield the wanted days' stored numbers, row 0 north, after one read of them all."""
    time, lat, lon = axes
    part = array.isel({lat: window.rows, lon: window.columns})
    if time is None:
        planes = part.transpose(lat, lon).values[np.newaxis]
    else:
        axis = array[time] if time in array.coords else _numbered(array, time)
        days = days_of(granule.path, axis, granule.period or period)
        wanted = (days >= np.datetime64(period.start)) & (days < np.datetime64(period.end))
        layers = np.flatnonzero(wanted)
        if not layers.size:
            return
        span = slice(int(layers[0]), int(layers[-1]) + 1)
        planes = part.isel({time: span}).transpose(time, lat, lon).values[wanted[span]]
    for plane in planes:
        yield np.ascontiguousarray(plane[::-1] if window.upside_down else plane)


def _axes(array: xr.DataArray, path: Path, spec: ComparisonSpec) -> tuple[str | None, str, str]:
    """Return the names of the dimensions of time (None where there is none), lat and lon."""
    names = [str(name) for name in array.dims]
    time, lat, lon = (
        next((name for name in wanted if name in names), None)
        for wanted in (spec.grid.time, spec.grid.lat, spec.grid.lon)
    )
    others = [name for name in names if name not in (time, lat, lon)]
    if lat is None or lon is None or others or not {lat, lon} <= set(array.coords):
        shape = ", ".join(f"{name} {size}" for name, size in array.sizes.items())
        raise GranuleError(
            path,
            f"{array.name} has the dimensions {shape}",
            f"{spec.grid.time[0]}, {spec.grid.lat[0]} and {spec.grid.lon[0]} with coordinates",
        )
    return time, lat, lon


def _numbered(array: xr.DataArray, name: str) -> xr.DataArray:
    """Stand in for a time axis without coordinates."""
    return xr.DataArray(np.arange(array.sizes[name]), dims=name, name=name)


def _find(file: xr.Dataset, path: Path, names: Sequence[str]) -> xr.DataArray:
    for name in names:
        if name in file.data_vars:
            return file[name]
    found = ", ".join(str(name) for name in file.data_vars) or "none"
    raise GranuleError(path, f"the variable is missing; it holds {found}", " or ".join(names))


def _said(array: xr.DataArray) -> Said:
    attributes = array.attrs
    return Said(
        units=text_of(attributes.get("units")),
        scale=number_of(attributes.get("scale_factor")),
        offset=number_of(attributes.get("add_offset")),
        fill=numbers_of(attributes.get(name) for name in ("_FillValue", "missing_value")),
    )


def _opened(path: Path) -> xr.Dataset:
    """Open without decoding: fill and scale are the spec's business."""
    with path.open("rb") as file:
        classic = file.read(3) == b"CDF"
    return xr.open_dataset(path, engine="scipy" if classic else "h5netcdf", decode_cf=False)
