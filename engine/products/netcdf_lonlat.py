"""NetCDF on regular longitude and latitude, classic or NetCDF-4, latitude in either order."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from engine.errors import GranuleError
from engine.products.physical import Said, check_filled, field_of, number_of, numbers_of, text_of
from engine.products.sources import centred_grid, reading
from engine.products.stamps import check_stamp, iso_days

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from engine.granules import Field, Granule
    from engine.months import Period
    from engine.products.spec import ProductSpec, VariableSpec

LONGITUDE = ("lon", "longitude", "x")
LATITUDE = ("lat", "latitude", "y")
TIME = "time"

_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError, IndexError)


def decode_netcdf_lonlat(
    granule: Granule, spec: ProductSpec, variables: Sequence[VariableSpec], area: GeoBox
) -> Mapping[str, Field]:
    """Read the cells of a longitude-latitude NetCDF file that cover an area."""
    path = granule.path
    with reading(path, f"{spec.id} as NetCDF", *_ERRORS), _opened(path) as file:
        check_stamp(granule, _coverage(file))
        fields = {}
        for variable in variables:
            field = _field(file, granule, spec, variable, area)
            if field is None:
                return {}
            fields[variable.name] = field
        return fields


def _field(
    file: xr.Dataset, granule: Granule, spec: ProductSpec, variable: VariableSpec, area: GeoBox
) -> Field | None:
    path = granule.path
    array = _plane(_of_its_day(_find(file, path, variable), granule), path)
    y, x = (array[name].values for name in array.dims)
    if x.size and x.max() > 180.5:
        raise GranuleError(path, "longitude runs beyond 180", "longitude from -180 to 180")
    source = centred_grid(path, x, y, "EPSG:4326", pixel=spec.grid.pixel, origin=spec.grid.origin)
    window = source.window(area)
    if window is None:
        return None
    said = _said(array)
    stored = window.read(array)
    check_filled(path, variable, said, stored, lambda: np.asarray(array.values))
    return field_of(path, variable, said, stored, geobox=window.geobox)


def _coverage(file: xr.Dataset) -> Period | None:
    """Return the days that a file of one layer says it covers."""
    if file.sizes.get(TIME, 1) > 1:
        return None
    start, end = (text_of(file.attrs.get(f"time_coverage_{which}")) for which in ("start", "end"))
    return iso_days(start, end)


def _find(file: xr.Dataset, path: Path, variable: VariableSpec) -> xr.DataArray:
    for name in variable.source:
        if name in file.data_vars:
            return file[name]
    raise GranuleError(path, "the variable is missing", " or ".join(variable.source))


def _of_its_day(array: xr.DataArray, granule: Granule) -> xr.DataArray:
    """Return the layer of a granule's day, where the file holds many."""
    if array.sizes.get(TIME, 1) == 1 or granule.period is None or TIME not in array.coords:
        return array
    times = xr.conventions.decode_cf_variable(TIME, array[TIME].variable).values
    (found,) = np.nonzero(times.astype("datetime64[D]") == np.datetime64(granule.period.start))
    if found.size != 1:
        raise GranuleError(
            granule.path,
            f"{array.name} has {found.size} layers of {granule.period.start}",
            "one layer of each day",
        )
    return array.isel({TIME: int(found[0])}, drop=True)


def _plane(array: xr.DataArray, path: Path) -> xr.DataArray:
    """Return the array as ``(latitude, longitude)``, without dimensions of length 1."""
    x = next((name for name in LONGITUDE if name in array.coords), None)
    y = next((name for name in LATITUDE if name in array.coords), None)
    others = {name: 0 for name in array.dims if name not in (x, y)}
    if x not in array.dims or y not in array.dims or any(array.sizes[name] > 1 for name in others):
        shape = ", ".join(f"{name} {size}" for name, size in array.sizes.items())
        raise GranuleError(
            path,
            f"{array.name} has the dimensions {shape}",
            "latitude and longitude with coordinates",
        )
    return array.isel(others, drop=True).transpose(y, x)


def _said(array: xr.DataArray) -> Said:
    attributes: Mapping[str, Any] = array.attrs
    return Said(
        name=str(array.name),
        units=text_of(attributes.get("units")),
        scale=number_of(attributes.get("scale_factor")),
        offset=number_of(attributes.get("add_offset")),
        fill=numbers_of(attributes.get(name) for name in ("_FillValue", "missing_value")),
    )


@contextmanager
def _opened(path: Path) -> Iterator[xr.Dataset]:
    """Open without decoding: fill and scale are the spec's business.

    A classic file is opened here, not by scipy, which leaves a broken one open.
    """
    with path.open("rb") as file:
        classic = file.read(3) == b"CDF"
        file.seek(0)
        dataset = (
            xr.open_dataset(file, engine="scipy", decode_cf=False, mmap=False)
            if classic
            else xr.open_dataset(path, engine="h5netcdf", decode_cf=False)
        )
        with dataset:
            yield dataset
