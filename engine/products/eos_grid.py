"""The grid of an HDF-EOS file, HDF4 or HDF5 alike: its StructMetadata, put on the exact lattice."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from affine import Affine
from odc.geo.geobox import GeoBox

from engine.errors import GranuleError, InputError
from engine.grids import SINUSOIDAL_CRS, SINUSOIDAL_TILE, sinusoidal_tile

if TYPE_CHECKING:
    from pathlib import Path

    from engine.granules import Granule
    from engine.products.spec import GridSpec

_GRID = re.compile(r"GROUP=GRID_\d+\s(.*?)END_GROUP=GRID_\d+\s", re.DOTALL)
_ENTRY = re.compile(r"^\s*(\w+)=(.*?)\s*$", re.MULTILINE)

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


def located(granule: Granule, spec: GridSpec, text: str) -> tuple[GeoBox, str | None]:
    """Return a file's grid, and its name.

    Parameters
    ----------
    granule
        The file.
    spec
        What is known of the product's grid.
    text
        Of its ``StructMetadata.0``; without any, the tile of its name is taken to be whole.

    Raises
    ------
    GranuleError
        Where the text is incomplete, or puts the file elsewhere than its name.
    """
    if not text:
        return _whole_tile(granule, spec), spec.name
    grid = _choose(granule.path, spec, _parse(granule.path, text))
    geobox = _snapped(granule.path, grid, spec)
    _check_tile(granule, geobox)
    return geobox, grid.name


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
