"""The grid of a file, and the window of it that covers an area."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from engine.errors import GranuleError
from engine.grids import COARSE, COARSE_PIXEL, covering_window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

LATTICE_TOLERANCE = 1e-3
"""Largest distance of a coordinate from its lattice, in cells."""


class Sliceable(Protocol):
    """Anything that gives the array of two slices: h5py, xarray, numpy."""

    def __getitem__(self, key: tuple[slice, slice], /) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a file's grid."""

    rows: slice
    """Rows as they lie in the file."""
    columns: slice
    """Columns as they lie in the file."""
    geobox: GeoBox
    """Its grid, row 0 north."""
    upside_down: bool = False
    """Whether the file's first row is its southernmost."""

    def read(self, stored: Sliceable) -> NDArray[Any]:
        """Read the window as one whole slice, row 0 north."""
        values = np.asarray(stored[self.rows, self.columns])
        return np.ascontiguousarray(values[::-1]) if self.upside_down else values


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceGrid:
    """The whole grid of a file."""

    geobox: GeoBox
    """Row 0 north."""
    upside_down: bool = False
    """Whether the file's first row is its southernmost."""

    def window(self, area: GeoBox) -> Window | None:
        """Return the window that covers an area with a margin of one pixel, None if none does."""
        covering = _covering(self.geobox, area)
        if covering is None:
            return None
        rows, columns = covering
        in_file = rows
        if self.upside_down:
            height = self.geobox.shape.y
            in_file = slice(height - rows.stop, height - rows.start)
        return Window(
            rows=in_file,
            columns=columns,
            geobox=_part(self.geobox, rows.start, rows.stop, columns.start, columns.stop),
            upside_down=self.upside_down,
        )


@contextmanager
def reading(path: Path, kind: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn a reading library's errors into one that names the file.

    Parameters
    ----------
    path
        The file.
    kind
        What it should be, such as ``an HDF5 file``.
    *errors
        What the library raises.
    """
    try:
        yield
    except GranuleError:
        raise
    except errors as error:
        raise GranuleError(path, _trouble(path), kind) from error


def ease2_grid(path: Path, x: NDArray[Any], y: NDArray[Any]) -> SourceGrid:
    """Return the M09 cells whose centres a file lists.

    Parameters
    ----------
    path
        The file, for messages.
    x, y
        Cell centres in metres, ``(columns,)`` and ``(rows,)``.
    """
    left, top = COARSE.affine.c, COARSE.affine.f
    columns = _cells(path, "x", (x.astype(np.float64) - left) / COARSE_PIXEL - 0.5)
    rows = _cells(path, "y", (top - y.astype(np.float64)) / COARSE_PIXEL - 0.5)
    upside_down = rows[0] > rows[1]
    first, last = sorted(rows)
    if columns[0] > columns[1] or columns[0] < 0 or columns[1] >= COARSE.shape.x:
        raise GranuleError(path, "x runs off the grid or from east to west", _EASE2_EXPECTED)
    if first < 0 or last >= COARSE.shape.y:
        raise GranuleError(path, "y runs off the grid", _EASE2_EXPECTED)
    geobox = _part(COARSE, first, last + 1, columns[0], columns[1] + 1)
    return SourceGrid(geobox=geobox, upside_down=upside_down)


def centred_grid(
    path: Path,
    x: NDArray[Any],
    y: NDArray[Any],
    crs: str,
    *,
    pixel: float | None = None,
    origin: tuple[float, float] | None = None,
) -> SourceGrid:
    """Return the regular grid whose cell centres a file lists, on its lattice where one is known.

    Parameters
    ----------
    path
        The file, for messages.
    x, y
        Cell centres in units of the CRS, ``(columns,)`` and ``(rows,)``; ``y`` in either order.
    crs
        Of the coordinates.
    pixel, origin
        Pixel size and a corner of the lattice, where the product fixes them.
    """
    left, step_x = _regular(path, "x", x)
    top, step_y = _regular(path, "y", y)
    if step_x < 0:
        raise GranuleError(path, "x runs from east to west", "x that ascends")
    upside_down = step_y > 0
    if upside_down:
        top += step_y * y.size
    affine = Affine(step_x, 0, left, 0, -abs(step_y), top)
    geobox = GeoBox((y.size, x.size), affine, crs)
    return SourceGrid(geobox=on_lattice(path, geobox, pixel, origin), upside_down=upside_down)


def on_lattice(
    path: Path, geobox: GeoBox, pixel: float | None, origin: tuple[float, float] | None
) -> GeoBox:
    """Check a file's pixel size, and put its grid exactly on its product's lattice.

    Coordinates in files are rounded; a grid that lies off the lattice by more than rounding
    keeps its own place unless the product fixes an origin.
    """
    if pixel is None:
        return geobox
    a = geobox.affine
    drift = max(abs(a.a - pixel) * geobox.shape.x, abs(-a.e - pixel) * geobox.shape.y) / pixel
    if drift > 0.02:
        raise GranuleError(path, f"pixels of {a.a:.10g} by {-a.e:.10g}", f"pixels of {pixel:.10g}")
    anchor_x, anchor_y = origin or (-180.0, 90.0)
    column, row = (a.c - anchor_x) / pixel, (anchor_y - a.f) / pixel
    off = max(abs(column - round(column)), abs(row - round(row)))
    if off > 0.02:
        if origin is None:
            return geobox
        raise GranuleError(
            path,
            f"upper left corner at {a.c:.8g}, {a.f:.8g}",
            f"a corner of the lattice of {pixel:g} through {anchor_x:g}, {anchor_y:g}",
        )
    exact = Affine(
        pixel, 0, anchor_x + round(column) * pixel, 0, -pixel, anchor_y - round(row) * pixel
    )
    return GeoBox(geobox.shape, exact, geobox.crs)


_EASE2_EXPECTED = f"centres of consecutive cells of EASE-Grid 2.0 M09, {COARSE_PIXEL} m apart"


def _cells(path: Path, name: str, positions: NDArray[np.float64]) -> tuple[int, int]:
    """First and last cell number of coordinates that must be consecutive cells."""
    numbers = np.rint(positions)
    steps = np.diff(numbers)
    consecutive = steps.size == 0 or (abs(steps[0]) == 1 and (steps == steps[0]).all())
    if not positions.size or not np.isfinite(positions).all():
        raise GranuleError(path, f"{name} is empty or has missing values", _EASE2_EXPECTED)
    off = float(np.abs(positions - numbers).max())
    if off > LATTICE_TOLERANCE or not consecutive:
        raise GranuleError(
            path, f"{name} is off the grid by up to {off:.2g} cells", _EASE2_EXPECTED
        )
    return int(numbers[0]), int(numbers[-1])


def _regular(path: Path, name: str, centres: NDArray[Any]) -> tuple[float, float]:
    """Outer edge of the first cell, and the signed step of evenly spaced centres."""
    values = centres.astype(np.float64)
    if values.ndim != 1 or values.size < 2 or not np.isfinite(values).all():
        raise GranuleError(path, f"{name} lists no row of coordinates", "at least two cell centres")
    step = float((values[-1] - values[0]) / (values.size - 1))
    even = values[0] + step * np.arange(values.size)
    if step == 0 or np.abs(values - even).max() > 0.01 * abs(step):
        raise GranuleError(path, f"{name} is not evenly spaced", "cell centres of a regular grid")
    return float(values[0]) - step / 2, step


def _trouble(path: Path) -> str:
    """Say what ails a file that its library cannot read."""
    if not path.is_file():
        return "is not there"
    if path.stat().st_size == 0:
        return "is empty (0 bytes)"
    with path.open("rb") as file:
        head = file.read(256).lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "holds a web page, not data"
    return "is truncated, damaged or of another format"


@lru_cache(maxsize=512)
def _covering(source: GeoBox, area: GeoBox) -> tuple[slice, slice] | None:
    return covering_window(source, area)


@lru_cache(maxsize=512)
def _part(geobox: GeoBox, top: int, bottom: int, left: int, right: int) -> GeoBox:
    return geobox[top:bottom, left:right]
