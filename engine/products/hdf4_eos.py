"""HDF4-EOS grids: MODIS tiles on the sinusoidal grid, whole or cut out.

pyhdf returns wrong numbers for scalar indices under recent numpy; whole slices are right, so
nothing else is ever asked of it.
"""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyhdf.error import HDF4Error
from pyhdf.SD import SD, SDC

from engine.errors import GranuleError, InputError
from engine.grids import SINUSOIDAL_CRS, SINUSOIDAL_TILE, sinusoidal_tile
from engine.products.hdf4_layout import check_hdf4_complete
from engine.products.physical import Said, check_filled, field_of, number_of, numbers_of, text_of
from engine.products.sources import SourceGrid, Window, reading
from engine.products.stamps import check_stamp, modis_days

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from engine.granules import Field, Granule
    from engine.products.spec import GridSpec, ProductSpec, VariableSpec

_GRID = re.compile(r"GROUP=GRID_\d+\s(.*?)END_GROUP=GRID_\d+\s", re.DOTALL)
_ID = "LOCALGRANULEID"
_ENTRY = re.compile(r"^\s*(\w+)=(.*?)\s*$", re.MULTILINE)

_LOCK = Lock()

SNAP = 0.01
"""Distance from the lattice, in pixels, that is still rounding of StructMetadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StructGrid:
    """One grid of a file's StructMetadata."""

    name: str
    columns: int
    rows: int
    upper_left: tuple[float, float]
    """x, y in metres, rounded."""
    lower_right: tuple[float, float]
    """x, y in metres, rounded."""


def decode_hdf4_eos(
    granule: Granule, spec: ProductSpec, variables: Sequence[VariableSpec], area: GeoBox
) -> Mapping[str, Field]:
    """Read the pixels of a sinusoidal HDF4-EOS file that cover an area."""
    path = granule.path
    with reading(path, f"{spec.id} as HDF4", HDF4Error, OSError), opened_hdf4(path) as file:
        geobox = _georeference(granule, spec.grid, file)
        window = SourceGrid(geobox=geobox).window(area)
        if window is None:
            return {}
        check_stamp(granule, modis_days(_text(file, "CoreMetadata.0"), _text(file, _ID)))
        return {
            variable.name: _field(file, path, variable, geobox, window) for variable in variables
        }


def struct_grids(text: str) -> tuple[StructGrid, ...]:
    """Read the grids from the text of ``StructMetadata.0``."""
    grids = []
    for block in _GRID.findall(text):
        entries = dict(reversed(_ENTRY.findall(block)))
        grids.append(
            StructGrid(
                name=entries["GridName"].strip('"'),
                columns=int(entries["XDim"]),
                rows=int(entries["YDim"]),
                upper_left=_point(entries["UpperLeftPointMtrs"]),
                lower_right=_point(entries["LowerRightMtrs"]),
            )
        )
        if grids[-1].columns < 1 or grids[-1].rows < 1:
            raise ValueError(f"{grids[-1].columns} columns, {grids[-1].rows} rows")
    return tuple(grids)


def _field(file: SD, path: Path, variable: VariableSpec, geobox: GeoBox, window: Window) -> Field:
    stored, said = _read(file, path, variable.source, geobox, window)
    quality = None
    if variable.quality is not None:
        quality, _ = _read(file, path, (variable.quality.source,), geobox, window)
    everything = _whole_window(geobox)
    check_filled(
        path,
        variable,
        said,
        stored,
        lambda: _read(file, path, variable.source, geobox, everything)[0],
    )
    return field_of(path, variable, said, stored, geobox=window.geobox, quality=quality)


def _whole_window(geobox: GeoBox) -> Window:
    height, width = geobox.shape
    return Window(rows=slice(0, height), columns=slice(0, width), geobox=geobox)


def _read(
    file: SD, path: Path, names: Sequence[str], geobox: GeoBox, window: Window
) -> tuple[np.ndarray[Any, Any], Said]:
    """Read one data set's window and attributes."""
    data = _select(file, path, names)
    try:
        name, _, shape, *_ = data.info()
        if tuple(np.atleast_1d(shape)) != tuple(geobox.shape):
            raise GranuleError(
                path,
                f"{name} has the shape {shape}",
                f"{list(geobox.shape)} as StructMetadata says",
            )
        rows, columns = window.rows, window.columns
        stored = data.get(
            start=[rows.start, columns.start],
            count=[rows.stop - rows.start, columns.stop - columns.start],
        )
        attributes = data.attributes()
    finally:
        data.endaccess()
    said = Said(
        name=name,
        units=text_of(attributes.get("units")),
        scale=number_of(attributes.get("scale_factor")),
        offset=number_of(attributes.get("add_offset")),
        fill=numbers_of([attributes.get("_FillValue")]),
    )
    return stored, said


def _select(file: SD, path: Path, names: Sequence[str]) -> Any:
    for name in names:
        try:
            return file.select(name)
        except HDF4Error:
            continue
    raise GranuleError(path, "the variable is missing", " or ".join(names))


def _georeference(granule: Granule, spec: GridSpec, file: SD) -> GeoBox:
    """Return the file's grid: its own words, put on the exact lattice."""
    text = _text(file, "StructMetadata.0")
    if not text:
        return _whole_tile(granule, spec)
    grid = _choose(granule.path, spec, _parse(granule.path, text))
    geobox = _snapped(granule.path, grid, spec)
    _check_tile(granule, geobox)
    return geobox


def _text(file: SD, name: str) -> str:
    """Return a global attribute, empty where there is none."""
    return str(getattr(file, name, ""))


def _parse(path: Path, text: str) -> tuple[StructGrid, ...]:
    try:
        return struct_grids(text)
    except (KeyError, ValueError) as error:
        raise GranuleError(
            path,
            "StructMetadata.0 is incomplete or wrong",
            "GridName, XDim, YDim and two corner points",
        ) from error


def _choose(path: Path, spec: GridSpec, grids: tuple[StructGrid, ...]) -> StructGrid:
    for grid in grids:
        if spec.name in (None, grid.name):
            return grid
    found = ", ".join(grid.name for grid in grids) or "none"
    raise GranuleError(path, f"its grids are: {found}", f"the grid {spec.name}")


def _snapped(path: Path, grid: StructGrid, spec: GridSpec) -> GeoBox:
    """Put a grid on the lattice of its tile size; a cut-out between pixels keeps its own place."""
    left, top = grid.upper_left
    width = (grid.lower_right[0] - left) / grid.columns
    height = (top - grid.lower_right[1]) / grid.rows
    pixel = width if spec.tile_pixels is None else SINUSOIDAL_TILE / spec.tile_pixels
    if abs(width / pixel - 1) > 1e-4 or abs(height / pixel - 1) > 1e-4:
        raise GranuleError(
            path, f"pixels of {width:.4f} by {height:.4f} m", f"pixels of {pixel:.4f} m"
        )
    column, row = left / pixel, top / pixel
    if max(abs(column - round(column)), abs(row - round(row))) <= SNAP:
        left, top = round(column) * pixel, round(row) * pixel
    return GeoBox((grid.rows, grid.columns), Affine(pixel, 0, left, 0, -pixel, top), SINUSOIDAL_CRS)


def _check_tile(granule: Granule, geobox: GeoBox) -> None:
    """Refuse a file that lies outside the tile of its name."""
    if granule.tile is None:
        return
    tile = _tile(granule, 1).boundingbox
    box = geobox.boundingbox
    slack = abs(geobox.affine.a)
    if (
        box.left >= tile.right - slack
        or box.right <= tile.left + slack
        or box.bottom >= tile.top - slack
        or box.top <= tile.bottom + slack
    ):
        raise GranuleError(
            granule.path,
            f"StructMetadata puts it at x {box.left:.0f}, y {box.top:.0f} m",
            f"a place in tile {granule.tile}, as its name says",
        )


def _whole_tile(granule: Granule, spec: GridSpec) -> GeoBox:
    if granule.tile is None or spec.tile_pixels is None:
        raise GranuleError(granule.path, "it has no StructMetadata.0", "an HDF-EOS grid")
    return _tile(granule, spec.tile_pixels)


def _tile(granule: Granule, pixels: int) -> GeoBox:
    try:
        return sinusoidal_tile(granule.tile or "", pixels)
    except InputError as error:
        raise GranuleError(
            granule.path, f"there is no tile {granule.tile}", "h00v00 to h35v17"
        ) from error


def _point(text: str) -> tuple[float, float]:
    x, y = map(float, text.strip("()").split(","))
    if not math.isfinite(x) or not math.isfinite(y):
        raise ValueError(text)
    return x, y


@contextmanager
def opened_hdf4(path: Path) -> Iterator[SD]:
    """Open an HDF4 file; one at a time, since the C library is not safe between threads."""
    check_hdf4_complete(path)
    with _LOCK:
        file = SD(str(path), SDC.READ)
        try:
            yield file
        finally:
            file.end()
