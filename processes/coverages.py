"""The cubes of the catalogue as pygeoapi's OGC API - Coverages and EDR ask for them.

Readers name places by longitude and latitude. On the cubes' grid, a column of cells has one
longitude and a row one latitude, so nothing is resampled for them; but rows are not at equal
distances, so that coordinates are written one by one.

pygeoapi's own providers of xarray's data would leave a box out of account where no time is named,
answer for any place on Earth with the nearest cell, hold axes for regular, and stumble over bits;
so they are not built upon.
"""

from __future__ import annotations

import math
from functools import lru_cache
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pygeoapi.provider.base import BaseProvider, ProviderInvalidQueryError
from pygeoapi.provider.base_edr import BaseEDRProvider
from shapely import Point

from engine.cog import NO_BITS
from engine.errors import InputError
from engine.months import Month
from processes.coverage_json import coverage_json
from processes.intervals import MonthInterval
from stac.cube_reading import open_cube
from stac.s3_store import open_catalog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from shapely.geometry.base import BaseGeometry

    type Record = dict[str, Any]

NETCDF = "netcdf"
"""Format of coverages for programs, besides CoverageJSON."""
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
X, Y, TIME = "longitude", "latitude", "time"
_MOST_OPEN = 16
"""Cubes that are kept open; an open one is a few coordinates."""
_KNOWN_CRS = (CRS84, "4326", 4326)
"""What pygeoapi calls degrees, longitude first."""


class _Cube(BaseProvider):  # type: ignore[misc]  # pygeoapi has no types
    """What both providers do: open a cube, and choose from it.

    Parameters
    ----------
    provider_def
        As configured: ``data`` is the catalogue's place, ``options.cube`` the cube's folder in it,
        ``options.most`` how many values an answer may have.
    """

    _data: xr.Dataset

    def __init__(self, provider_def: Record) -> None:
        BaseProvider.__init__(self, provider_def)
        options = provider_def["options"]
        self._data = _opened(self.data, str(options["cube"]))
        self._most = int(options["most"])
        self.filename = f"{options['id']}.nc"
        self.x_field, self.y_field, self.time_field = X, Y, TIME
        self.axes = [X, Y, TIME]
        self._coverage_properties = _properties(self._data)
        self.get_fields()

    def get_fields(self) -> Mapping[str, Record]:
        """Return the layers that requests may name."""
        self._fields = {
            str(name): {
                "type": "integer" if layer.dtype.kind == "u" else "float",
                "title": layer.attrs["long_name"],
                "description": layer.attrs["description"],
                "x-ogc-unit": layer.attrs["units"] or "1",
            }
            for name, layer in self._data.data_vars.items()
        }
        return dict(self._fields)

    def told_of(self, data: xr.Dataset) -> Record:
        """Return what CoverageJSON tells of some layers."""
        told: Record = BaseEDRProvider.get_parameters(self, list(data.data_vars))
        return told

    def _chosen(self, names: Sequence[str], datetime_: str | None) -> xr.Dataset:
        """Return some layers, or all, of some months, or all."""
        unknown = [name for name in names if name not in self._fields]
        if unknown:
            raise _refusal(f"there is no {unknown[0]!r}; there are {', '.join(self._fields)}")
        data = self._data[list(names or self._fields)]
        return data if datetime_ is None else data.isel(time=_months(data, datetime_))

    def _window(self, data: xr.Dataset, bbox: Sequence[float]) -> xr.Dataset:
        """Return the cells whose centres are in a box ``(west, south, east, north)``."""
        half = len(bbox) // 2
        (west, south), (east, north) = bbox[:2], bbox[half : half + 2]
        return self._between(self._between(data, X, west, east), Y, south, north)

    def _between(self, data: xr.Dataset, axis: str, least: float, most: float) -> xr.Dataset:
        """Return the cells whose centres are between two coordinates."""
        along = data[axis].to_numpy()
        (inside,) = np.nonzero((along >= least) & (along <= most))
        if not inside.size:
            reach = f"{along.min():.4f} to {along.max():.4f}"
            raise _refusal(f"no {axis} between {least} and {most}; there is {reach}")
        return data.isel({axis: slice(inside[0], inside[-1] + 1)})

    def _near(self, data: xr.Dataset, axis: str, place: float) -> xr.Dataset:
        """Return the cells that a coordinate lies in."""
        along = data[axis].to_numpy()
        nearest = int(np.abs(along - place).argmin())
        reach = np.abs(np.diff(along)).max() / 2 if along.size > 1 else math.inf
        if not abs(along[nearest] - place) <= reach * (1 + 1e-9):
            edge = f"{along.min() - reach:.4f} to {along.max() + reach:.4f}"
            raise _refusal(f"{axis} {place} lies outside; there is {edge}")
        return data.isel({axis: [nearest]})

    def _few(self, data: xr.Dataset) -> xr.Dataset:
        """Return what was chosen, unless it is too much for one answer."""
        count = sum(layer.size for layer in data.data_vars.values())
        if count > self._most:
            raise _refusal(
                f"{count} values are more than one answer may have, {self._most}; "
                "choose layers, months or a box, or read the Zarr itself"
            )
        return data


class CubeCoverage(_Cube):
    """Provides a cube as a coverage: layers, months and a box of it."""

    def query(
        self,
        *,
        properties: Sequence[str] = (),
        subsets: Mapping[str, Sequence[Any]] | None = None,
        bbox: Sequence[float] = (),
        bbox_crs: str | int = CRS84,
        datetime_: str | None = None,
        format_: str = "json",
        **_: object,
    ) -> Record | bytes:
        """Return a part of the cube as CoverageJSON, or the bytes of a NetCDF file."""
        if bbox_crs not in _KNOWN_CRS:
            raise _refusal(f"bbox-crs {bbox_crs} is not known; only {CRS84} is")
        subsets = subsets or {}
        if TIME in subsets:
            if datetime_ is not None:
                raise _refusal("datetime and a subset of time exclude each other")
            datetime_ = "/".join(map(str, subsets[TIME]))
        data = self._chosen(properties, datetime_)
        if bbox:
            data = self._window(data, bbox)
        for axis in {X, Y} & set(subsets):
            data = self._part(data, axis, subsets[axis])
        few = self._few(data)
        return _netcdf(few) if format_ == NETCDF else coverage_json(few, self.told_of(few))

    def _part(self, data: xr.Dataset, axis: str, ends: Sequence[Any]) -> xr.Dataset:
        """Return what a subset of one axis means: a place, or all between two."""
        try:
            least, *most = sorted(map(float, ends))
        except (TypeError, ValueError):
            raise _refusal(f"a subset of {axis} is a number, or two with : between") from None
        return self._between(data, axis, least, most[0]) if most else self._near(data, axis, least)


class CubeSeries(_Cube, BaseEDRProvider):  # type: ignore[misc]
    """Provides a cube for environmental queries: the months of a place, the maps of a box."""

    def get_query_types(self) -> list[str]:
        """Return what can be asked for."""
        return ["position", "cube"]

    def instances(self) -> list[str]:
        """Return no versions: there is the published one."""
        return []

    def instance(self, instance: str) -> bool:
        """Say that there is no such version."""
        del instance
        return False

    def position(
        self,
        *,
        wkt: BaseGeometry,
        select_properties: Sequence[str] = (),
        datetime_: str | None = None,
        **_: object,
    ) -> Record:
        """Return the months of the cell that a point lies in."""
        if not isinstance(wkt, Point) or wkt.is_empty:
            raise _refusal("coords must be a point, such as POINT(113.6 34.7)")
        data = self._chosen(select_properties, datetime_)
        place = self._near(self._near(data, X, wkt.x), Y, wkt.y)
        return self._answer(place)

    def cube(
        self,
        *,
        bbox: Sequence[float],
        select_properties: Sequence[str] = (),
        datetime_: str | None = None,
        **_: object,
    ) -> Record:
        """Return the maps of a box."""
        return self._answer(self._window(self._chosen(select_properties, datetime_), bbox))

    def _answer(self, data: xr.Dataset) -> Record:
        few = self._few(data)
        return coverage_json(few, self.told_of(few))


@lru_cache(maxsize=_MOST_OPEN)
def _opened(place: str, key: str) -> xr.Dataset:
    """Open a cube by longitude and latitude; what lies at a key never changes."""
    cube = open_cube(open_catalog(place), key)
    placed = cube.swap_dims({"x": X, "y": Y})
    placed.attrs = {name: said for name, said in cube.attrs.items() if ":" not in name}
    return placed.drop_vars(["x", "y", "time_bnds", "spatial_ref"])


def _months(data: xr.Dataset, datetime_: str) -> list[int]:
    """Return the places of the months that a request means, each as a whole."""
    try:
        wanted = MonthInterval.parse(datetime_)
    except InputError as error:
        raise _refusal(str(error)) from None
    there = [Month.of(moment) for moment in pd.DatetimeIndex(data[TIME].to_numpy())]
    found = [
        index
        for index, month in enumerate(there)
        if (wanted.first is None or wanted.first <= month)
        and (wanted.last is None or month <= wanted.last)
    ]
    if not found:
        raise _refusal(f"there is no month of {datetime_}; there is {there[0]} to {there[-1]}")
    return found


def _netcdf(data: xr.Dataset) -> bytes:
    """Return a file of NetCDF, in which missing bits are marked as such."""
    told = data.copy()
    told[TIME].attrs.pop("bounds", None)
    for layer in told.data_vars.values():
        layer.attrs.pop("grid_mapping", None)
        layer.encoding = {"zlib": True}
        if layer.dtype.kind == "u":
            layer.attrs["_FillValue"] = np.uint16(NO_BITS)
    for coordinate in told.coords.values():
        coordinate.encoding.clear()
    with NamedTemporaryFile(suffix=".nc") as file:
        told.to_netcdf(file.name, engine="h5netcdf")
        return file.read()


def _properties(data: xr.Dataset) -> Record:
    """Return what pygeoapi tells of a coverage's axes."""
    times = [f"{moment}Z" for moment in np.datetime_as_string(data[TIME].to_numpy(), unit="s")]
    x, y = data[X].to_numpy(), data[Y].to_numpy()
    return {
        "bbox": [x.min(), y.min(), x.max(), y.max()],
        "bbox_crs": CRS84,
        "crs_type": "GeographicCRS",
        "axes": [X, Y, TIME],
        "x_axis_label": X,
        "y_axis_label": Y,
        "time_axis_label": TIME,
        "width": x.size,
        "height": y.size,
        "resx": _step(x),
        "resy": _step(y),
        "time": len(times),
        "time_range": [times[0], times[-1]],
        "restime": "P1M",
    }


def _step(along: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Return the mean distance of two cells."""
    return float(abs(along[-1] - along[0]) / max(1, along.size - 1))


def _refusal(wrong: str) -> ProviderInvalidQueryError:
    return ProviderInvalidQueryError(user_msg=wrong)
