"""A user's own coarse soil moisture: NetCDF-4 whose x and y are centres of M09 cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np

from engine.errors import GranuleError
from engine.products.hdf5_ease2 import ERRORS, coordinate, find_dataset, m09_grid, said_by
from engine.products.physical import blank_error, field_of, is_blank, text_of
from engine.products.sources import reading
from engine.products.stamps import cf_times

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from engine.granules import Field
    from engine.products.sources import SourceGrid
    from engine.products.spec import VariableSpec

_KIND = "NetCDF-4 on EASE-Grid 2.0 M09"


def coarse_field_days(path: Path, variable: VariableSpec) -> tuple[date, ...]:
    """Return the day of each of the file's layers; empty where it has no time axis."""
    with reading(path, _KIND, *ERRORS), h5py.File(path, "r") as file:
        return _days(find_dataset(file, variable, path), path)


def coarse_field_layers(
    path: Path, variable: VariableSpec, area: GeoBox, days: tuple[date, date] | None = None
) -> Iterator[Field]:
    """Read the layers of some days over an area.

    Parameters
    ----------
    path
        The file; the variable is ``(time, y, x)`` or ``(y, x)``.
    variable
        Its name, units, fill and valid range.
    area
        What must be covered.
    days
        First day and the day after the last; None reads all layers.

    Yields
    ------
    Field
        One for each layer, on M09 cells; none where the file does not touch the area.
    """
    with reading(path, _KIND, *ERRORS), h5py.File(path, "r") as file:
        stored = find_dataset(file, variable, path)
        window = _grid(stored, path).window(area)
        if window is None:
            return
        said, blank = said_by(stored), True
        for index in _layers(stored, path, days):
            plane = np.asarray(stored[*index, window.rows, window.columns])
            values = np.ascontiguousarray(plane[::-1]) if window.upside_down else plane
            blank &= is_blank(values, variable, said)
            yield field_of(path, variable, said, values, geobox=window.geobox)
        if blank and is_blank(stored[:], variable, said):
            raise blank_error(path, variable, said)


def _grid(stored: h5py.Dataset, path: Path) -> SourceGrid:
    if stored.ndim not in (2, 3):
        raise GranuleError(path, f"{stored.name} has the shape {stored.shape}", "time, y and x")
    grid = m09_grid(stored, path)
    if grid is None:
        raise GranuleError(path, "it has no x and y", "cell centres in metres (EPSG:6933)")
    return grid


def _layers(
    stored: h5py.Dataset, path: Path, days: tuple[date, date] | None
) -> Iterator[tuple[int, ...]]:
    """Yield the leading index of each layer to read."""
    if stored.ndim == 2:
        yield ()
        return
    layer_days = _days(stored, path)
    for number in range(stored.shape[0]):
        if days is None or (layer_days and days[0] <= layer_days[number] < days[1]):
            yield (number,)


def _days(stored: h5py.Dataset, path: Path) -> tuple[date, ...]:
    if stored.ndim != 3:
        return ()
    time = coordinate(stored, "time")
    if time is None or time.shape != stored.shape[:1]:
        raise GranuleError(path, f"{stored.name} has layers without time", "a time axis")
    units = text_of(time.attrs.get("units")) or ""
    times = cf_times(time[:], units)
    if times is None:
        raise GranuleError(path, f"time has units {units!r}", "'days since YYYY-MM-DD' or the like")
    return tuple(each.date() for each in times)
