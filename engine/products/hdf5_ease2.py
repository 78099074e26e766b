"""HDF5 and NetCDF-4 on EASE-Grid 2.0 M09: SMAP L4 granules, whole or cut by a subsetter."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import h5py
import numpy as np

from engine.errors import GranuleError
from engine.grids import COARSE, COARSE_PIXEL
from engine.products.physical import Said, check_filled, field_of, number_of, numbers_of, text_of
from engine.products.sources import SourceGrid, ease2_grid, reading
from engine.products.stamps import cf_times, check_stamp, one_day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from engine.granules import Field, Granule
    from engine.months import Period
    from engine.products.spec import ProductSpec, VariableSpec

ERRORS = (OSError, RuntimeError, KeyError)
"""What h5py raises on a broken file."""

FILL_ATTRIBUTES = ("_FillValue", "missing_value", "fmissing_value")


def decode_hdf5_ease2(
    granule: Granule, spec: ProductSpec, variables: Sequence[VariableSpec], area: GeoBox
) -> Mapping[str, Field]:
    """Read the cells of an M09 file that cover an area.

    The georeference is ``x`` and ``y`` (cell centres in metres), else ``cell_row`` and
    ``cell_column``, else the shape of the whole grid.
    """
    path = granule.path
    with reading(path, f"{spec.id} as HDF5", *ERRORS), h5py.File(path, "r") as file:
        check_stamp(granule, _stamped(file))
        fields = {}
        for variable in variables:
            if variable.optional and not any(name in file for name in variable.source):
                continue
            stored = find_dataset(file, variable, path)
            source = _grid(file, stored, path)
            window = source.window(area)
            if window is None:
                return {}
            values = window.read(stored)
            said = said_by(stored)
            check_filled(path, variable, said, values, partial(stored.__getitem__, ()))
            fields[variable.name] = field_of(path, variable, said, values, geobox=window.geobox)
        return fields


def find_dataset(file: h5py.File, variable: VariableSpec, path: Path) -> h5py.Dataset:
    """Return the first of the variable's names that the file has."""
    for name in variable.source:
        found = file.get(name)
        if isinstance(found, h5py.Dataset):
            return found
    raise GranuleError(path, "the variable is missing", " or ".join(variable.source))


def said_by(stored: h5py.Dataset) -> Said:
    """Return what an HDF5 dataset's attributes say."""
    attributes = stored.attrs
    return Said(
        name=stored.name.strip("/"),
        units=text_of(attributes.get("units")),
        scale=number_of(attributes.get("scale_factor")),
        offset=number_of(attributes.get("add_offset")),
        fill=numbers_of(attributes.get(name) for name in FILL_ATTRIBUTES),
    )


def coordinate(stored: h5py.Dataset, name: str) -> h5py.Dataset | None:
    """Return a coordinate variable: beside the dataset, or at the file's root."""
    for group in (stored.parent, stored.file):
        found = group.get(name)
        if isinstance(found, h5py.Dataset):
            return found
    return None


def m09_grid(stored: h5py.Dataset, path: Path) -> SourceGrid | None:
    """Return the grid by ``x`` and ``y``, or None where the file has none."""
    x, y = coordinate(stored, "x"), coordinate(stored, "y")
    if x is None or y is None:
        return None
    if (y.size, x.size) != stored.shape[-2:] or x.ndim != 1 or y.ndim != 1:
        raise GranuleError(
            path,
            f"{stored.name} has the shape {stored.shape}",
            f"{y.size} rows and {x.size} columns, as y and x say",
        )
    return ease2_grid(path, x[:], y[:])


def _stamped(file: h5py.File) -> Period | None:
    """Return the day of the file's only time, None where there is none or it is a fill value."""
    time = file.get("time")
    if not isinstance(time, h5py.Dataset) or time.size != 1 or not np.all(time[()] > 0):
        return None
    times = cf_times(time[()], text_of(time.attrs.get("units")) or "")
    return one_day(times[0].date()) if times else None


def _grid(file: h5py.File, stored: h5py.Dataset, path: Path) -> SourceGrid:
    if stored.ndim != 2:
        raise GranuleError(path, f"{stored.name} has the shape {stored.shape}", "rows and columns")
    return m09_grid(stored, path) or _by_cell_numbers(file, stored, path) or _whole(stored, path)


def _by_cell_numbers(file: h5py.File, stored: h5py.Dataset, path: Path) -> SourceGrid | None:
    """Return the grid by the row and column number that the file gives every cell."""
    rows, columns = file.get("cell_row"), file.get("cell_column")
    if rows is None or columns is None or rows.shape != stored.shape != columns.shape:
        return None
    left, top = COARSE.affine.c, COARSE.affine.f
    return ease2_grid(
        path,
        left + (columns[:1, :].ravel().astype(np.float64) + 0.5) * COARSE_PIXEL,
        top - (rows[:, :1].ravel().astype(np.float64) + 0.5) * COARSE_PIXEL,
    )


def _whole(stored: h5py.Dataset, path: Path) -> SourceGrid:
    if stored.shape != tuple(COARSE.shape):
        raise GranuleError(
            path,
            f"{stored.name} has the shape {stored.shape} and the file no x and y",
            f"the whole grid, {tuple(COARSE.shape)}, or a cut-out with x and y",
        )
    return SourceGrid(geobox=COARSE)
