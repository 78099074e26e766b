"""TROPOSIF: single soundings of fluorescence, gathered on cells of 0.05 degrees over 8 days.

References
----------
Guanter, L. et al. (2021). The TROPOSIF global sun-induced fluorescence dataset from the Sentinel-5P
TROPOMI mission. Earth System Science Data 13, 5423-5440. doi:10.5194/essd-13-5423-2021
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from pydantic import BaseModel, ConfigDict

from engine.errors import GranuleError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import h5py
    from numpy.typing import NDArray

    from engine.grids import BBox
    from engine.months import Period

    type Floats = NDArray[np.float64]

CELL = 0.05
"""Side of a cell, degrees."""
UNITS = "mW m-2 nm-1 sr-1"
_FAR = 50_000
"""Soundings between two overpasses, which are not read for being between."""
_FILL = np.float32(-9999)
_ERRORS = (OSError, RuntimeError, KeyError, ValueError)


class _Names(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    latitude: str
    longitude: str
    moment: str
    daily: str
    error: str
    cloud: str
    zenith: str


class _Limits(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    cloud: float
    zenith: float
    signal: tuple[float, float]
    soundings: int


class _Layout(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    names: _Names
    limits: _Limits


@cache
def _layout() -> _Layout:
    text = resources.files("engine").joinpath("troposif.toml").read_text("utf-8")
    return _Layout.model_validate(tomllib.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Soundings:
    """Usable soundings of a day in an area."""

    latitude: Floats
    """``(n,)`` centres, degrees north."""
    longitude: Floats
    """``(n,)`` centres, degrees east."""
    sif: Floats
    """``(n,)`` mean of the day, mW m-2 nm-1 sr-1."""
    error: Floats
    """``(n,)`` its standard error, of the same unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GriddedSif:
    """Soundings of a period, by cells."""

    geobox: GeoBox
    """The cells."""
    sif: NDArray[np.float32]
    """``(y, x)`` mean, mW m-2 nm-1 sr-1; NaN where there are too few."""
    error: NDArray[np.float32]
    """``(y, x)`` standard error of the mean from those of the soundings; NaN there, too."""
    count: NDArray[np.int32]
    """``(y, x)`` soundings."""


def cells_of(bbox: BBox) -> GeoBox:
    """Return the cells of 0.05 degrees that a bounding box touches, one more on every side.

    >>> from engine.grids import BBox
    >>> tuple(cells_of(BBox(110.0, 34.0, 110.2, 34.1)).shape)
    (4, 6)
    """
    west, south = (np.floor(round(edge / CELL, 6)) - 1 for edge in (bbox.west, bbox.south))
    east, north = (np.ceil(round(edge / CELL, 6)) + 1 for edge in (bbox.east, bbox.north))
    affine = Affine(CELL, 0, west * CELL, 0, -CELL, north * CELL)
    return GeoBox((int(north - south), int(east - west)), affine, "EPSG:4326")


def read_soundings(file: h5py.File, name: str, cells: GeoBox) -> Soundings:
    """Return the usable soundings of a daily file in an area; only their part of it is read.

    Parameters
    ----------
    file
        An open file, which may lie elsewhere and be read by ranges.
    name
        Its name, for messages.
    cells
        The area.

    Raises
    ------
    GranuleError
        Where it is not what its name says.
    """
    names = _layout().names
    try:
        latitude, longitude = (file[one][:] for one in (names.latitude, names.longitude))
        box = cells.boundingbox
        inside = (latitude > box.bottom) & (latitude < box.top)
        inside &= (longitude > box.left) & (longitude < box.right)
        index = np.flatnonzero(inside)
        columns = {
            one: _read(file[getattr(names, one)], index)
            for one in ("moment", "daily", "error", "cloud", "zenith")
        }
    except _ERRORS as error:
        wrong = "a variable is missing or damaged"
        raise GranuleError(Path(name), wrong, "TROPOSIF L2B") from error
    return _usable(latitude[index].astype(float), longitude[index].astype(float), columns)


def _read(stored: h5py.Dataset, index: NDArray[np.intp]) -> Floats:
    """Read some elements, one slice for each overpass."""
    parts = [stored[run[0] : run[-1] + 1][run - run[0]] for run in _runs(index)]
    return np.concatenate(parts).astype(float) if parts else np.empty(0)


def _runs(index: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    if index.size:
        yield from np.split(index, np.flatnonzero(np.diff(index) > _FAR) + 1)


def _usable(latitude: Floats, longitude: Floats, columns: dict[str, Floats]) -> Soundings:
    limits = _layout().limits
    low, high = limits.signal
    good = (columns["cloud"] <= limits.cloud) & (columns["zenith"] <= limits.zenith)
    for name in ("moment", "daily"):
        good &= (columns[name] >= low) & (columns[name] <= high)
    good &= (columns["error"] > 0) & (columns["error"] < high)
    moment, daily = columns["moment"][good], columns["daily"][good]
    return Soundings(
        latitude=latitude[good],
        longitude=longitude[good],
        sif=daily,
        error=columns["error"][good] * _day_share(moment, daily),
    )


def _day_share(moment: Floats, daily: Floats) -> float:
    """Return how the day's mean is to the moment's signal: one geometry for all, here."""
    strong = np.abs(moment) > 0.1 * np.abs(moment).max(initial=0.0)
    ratios = daily[strong] / moment[strong] if strong.any() else np.ones(1)
    return float(np.median(ratios))


def grid_soundings(days: Iterable[Soundings], cells: GeoBox) -> GriddedSif:
    """Average soundings over cells, each counted where its centre lies.

    A plain mean: weighting by the errors, which grow with the signal, would bias it low.

    Parameters
    ----------
    days
        Soundings of each day.
    cells
        The cells.
    """
    shape = tuple(cells.shape)
    count = np.zeros(shape, np.int32)
    total, variance = np.zeros(shape), np.zeros(shape)
    inverse = ~cells.affine
    for day in days:
        column = np.floor(inverse.a * day.longitude + inverse.c).astype(int)
        row = np.floor(inverse.e * day.latitude + inverse.f).astype(int)
        kept = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
        place = (row[kept], column[kept])
        np.add.at(count, place, 1)
        np.add.at(total, place, day.sif[kept])
        np.add.at(variance, place, day.error[kept] ** 2)
    enough = count >= _layout().limits.soundings
    number = np.maximum(count, 1)
    return GriddedSif(
        geobox=cells,
        sif=np.where(enough, total / number, np.nan).astype(np.float32),
        error=np.where(enough, np.sqrt(variance) / number, np.nan).astype(np.float32),
        count=count,
    )


def gridded_name(period: Period) -> str:
    """Return the name of a period's file.

    >>> from datetime import date
    >>> from engine.months import eight_day_period
    >>> gridded_name(eight_day_period(date(2019, 1, 9)))
    'TROPOSIF_005deg_8day_2019009.nc'
    """
    return f"TROPOSIF_005deg_8day_{period.start:%Y%j}.nc"


def write_gridded(gridded: GriddedSif, period: Period, days: int, path: Path) -> None:
    """Write the cells of a period as NetCDF-4, whatever the name of the file.

    Parameters
    ----------
    gridded
        The cells.
    period
        Their days.
    days
        Days of which there were soundings.
    path
        File to write.
    """
    a = gridded.geobox.affine
    rows, columns = gridded.geobox.shape
    dataset = xr.Dataset(
        {
            "SIF": _variable(gridded.sif, "fluorescence at 740 nm, mean of the day", UNITS),
            "SIF_error": _variable(gridded.error, "standard error of SIF", UNITS),
            "SIF_count": _variable(gridded.count, "soundings", "1"),
        },
        coords={
            "lat": ("lat", a.f + a.e * (np.arange(rows) + 0.5), {"units": "degrees_north"}),
            "lon": ("lon", a.c + a.a * (np.arange(columns) + 0.5), {"units": "degrees_east"}),
        },
        attrs={
            "Conventions": "CF-1.8",
            "title": "TROPOSIF L2B, gridded to 0.05 degree, 8-day",
            "time_coverage_start": f"{period.start:%Y-%m-%d}",
            "sif_kind": "mean of the day",
            "days": days,
        },
    )
    filled = {"_FillValue": _FILL}
    with path.open("wb") as file:
        encoding = {"SIF": filled, "SIF_error": filled}
        content = dataset.to_netcdf(engine="h5netcdf", encoding=encoding)
        file.write(content)


def _variable(
    values: NDArray[np.float32] | NDArray[np.int32], long_name: str, units: str
) -> tuple[tuple[str, str], NDArray[np.float32] | NDArray[np.int32], dict[str, str]]:
    return ("lat", "lon"), values, {"long_name": long_name, "units": units}
