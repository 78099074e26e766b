"""Which source pixels a target cell is made of, and by how much of its area.

Every grid of ours has its rows along parallels and its columns evenly spaced along each parallel
(sinusoidal, longitude and latitude, EASE-Grid, one lobe of Homolosine). Such grids are sheared
to each other, but along one parallel both are plain rulers. So each shared band of latitude is
cut into thin strips, and in each strip two rulers are laid over each other exactly. Heights are
measured in the equal-area EASE-Grid, so that an area is a length times a height. A source with
several lobes is laid over lobe by lobe.

Other grids (UTM and the like) are sampled in sub-pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.crs import CRS
from scipy import sparse

from engine.grids import EASE2_CRS, SINUSOIDAL_CRS, covering_window, outline, transformer
from engine.homolosine import lobes_of
from engine.intervals import overlap_matrix, plane_edges, shared_bands
from engine.sampling import sampled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.homolosine import Lobe

    type FloatArray = NDArray[np.float64]
    type IndexArray = NDArray[np.int64]
    type Matrix = Any  # scipy.sparse.csr_array; scipy has no types

STRIPS = 8
"""Strips per shared band of latitude where two grids are sheared to each other."""

_CHUNK = 2_000_000
"""Overlaps held at once while a matrix is built."""

_TOLERANCE = 1e-3
"""Pixels by which a row may leave its parallel before a grid counts as another kind."""

_EQUAL_AREA = {EASE2_CRS, str(CRS(SINUSOIDAL_CRS))}
"""Reference systems on whose plane areas are true."""

_INSIDE = 1e-9
"""Degrees from a lobe's border at which one is surely in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallels:
    """A grid whose rows lie along parallels, its columns evenly spaced along each."""

    geobox: GeoBox
    """The grid."""
    heights: FloatArray
    """``(rows + 1,)`` row edges as EASE-Grid northing in metres."""
    meridians: tuple[float, float]
    """Two longitudes, in degrees, that the spacing of columns is measured between."""
    borders: tuple[float, float] = (-math.inf, math.inf)
    """Longitudes, in degrees, beyond which its columns mean nothing."""

    def ruler(self, heights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the longitude of the first column edge and the column width at each height."""
        west, east = self.meridians
        left, right = (_forward(self.geobox, lon, heights)[0] for lon in self.meridians)
        degrees = (east - west) / (right - left)
        affine = self.geobox.affine
        return west + (affine.c - left) * degrees, affine.a * degrees


def overlay(source: GeoBox, target: GeoBox, strips: int = STRIPS) -> tuple[Matrix, ...]:
    """Return the share of each target cell that each source pixel covers.

    Parameters
    ----------
    source, target
        Any two grids.
    strips
        Strips per shared band of latitude, where the grids are sheared to each other.

    Returns
    -------
    tuple of csr_array, float32
        One matrix ``(target cells, source pixels)``; or two, ``(target rows, source rows)`` and
        ``(target columns, source columns)``, whose product it is, where the grids are not
        sheared. Rows of fully covered cells sum to one.
    """
    window = covering_window(source, target, pad=2)
    if window is None:
        return (_empty(source, target),)
    cropped = source[window]
    if _share_a_plane(source, target):
        return _on_a_plane(cropped, target, window, source)
    meridians = _meridians(target)
    theirs = parallels(target, meridians)
    ours = [parallels(cropped, *part) for part in _parts(cropped, meridians)]
    found = [one for one in ours if one is not None]
    if theirs is None or not found or len(found) < len(ours):
        return (_uncrop(sampled(cropped, target, _CHUNK), window, source),)
    if len(found) == 1 and _unsheared(found[0]) and _unsheared(theirs):
        return _separable(found[0], theirs, window, source)
    matrices = [_in_strips(one, theirs, strips) for one in found]
    return (_uncrop(sum(matrices[1:], start=matrices[0]), window, source),)


def parallels(
    geobox: GeoBox, meridians: tuple[float, float], lobe: Lobe | None = None
) -> Parallels | None:
    """Return a grid with its row edges on parallels, or None where they do not lie so.

    Parameters
    ----------
    geobox
        The grid.
    meridians
        Two longitudes, in degrees, between which it is looked at.
    lobe
        The part of it that counts; None for all.
    """
    affine = geobox.affine
    if affine.b or affine.d or affine.a <= 0:
        return None
    heights = _row_edges(geobox)
    if not np.isfinite(heights).all():
        return None
    if lobe is not None:
        heights = np.clip(heights, *_northings(np.array([lobe.south, lobe.north])))
    middles = (heights[1:] + heights[:-1])[np.diff(heights) != 0] / 2
    probes = middles[np.linspace(0, len(middles) - 1, 9).astype(int)]
    longitudes = np.linspace(*meridians, 5)
    x, y = np.asarray([_forward(geobox, lon, probes) for lon in longitudes]).transpose(1, 0, 2)
    even = x[0] + (x[-1] - x[0]) * np.linspace(0, 1, 5)[:, None]
    stray = max(np.abs(y - y[0]).max() / abs(affine.e), np.abs(x - even).max() / affine.a)
    if not stray < _TOLERANCE:
        return None
    borders = (-math.inf, math.inf) if lobe is None else (lobe.west, lobe.east)
    return Parallels(geobox=geobox, heights=heights, meridians=meridians, borders=borders)


def _parts(
    source: GeoBox, meridians: tuple[float, float]
) -> list[tuple[tuple[float, float], Lobe | None]]:
    """Return, for each lobe that a source has between two meridians, those that are its own."""
    lobes = lobes_of(str(source.crs))
    if len(lobes) == 1:
        return [(meridians, None)]
    heights = _row_edges(source)
    parts: list[tuple[tuple[float, float], Lobe | None]] = []
    for lobe in lobes:
        south, north = _northings(np.array([lobe.south, lobe.north]))
        west = max(meridians[0], lobe.west + _INSIDE)
        east = min(meridians[1], lobe.east - _INSIDE)
        if west < east and heights.min() < north and heights.max() > south:
            parts.append(((west, east), lobe))
    return parts


def _share_a_plane(*grids: GeoBox) -> bool:
    """Tell whether grids lie square to each other on one plane of true areas."""
    planes = {str(grid.crs) for grid in grids}
    square = not any(grid.affine.b or grid.affine.d for grid in grids)
    return square and len(planes) == 1 and planes <= _EQUAL_AREA


def _on_a_plane(
    source: GeoBox, target: GeoBox, window: tuple[slice, slice], whole: GeoBox
) -> tuple[Matrix, Matrix]:
    (s_rows, s_columns), (t_rows, t_columns) = plane_edges(source), plane_edges(target)
    return (
        _place_columns(overlap_matrix(s_rows, t_rows), window[0].start, whole.shape.y),
        _place_columns(overlap_matrix(s_columns, t_columns), window[1].start, whole.shape.x),
    )


def _separable(
    source: Parallels, target: Parallels, window: tuple[slice, slice], whole: GeoBox
) -> tuple[Matrix, Matrix]:
    rows = overlap_matrix(source.heights, target.heights)
    columns = overlap_matrix(_column_edges(source), _column_edges(target))
    return (
        _place_columns(rows, window[0].start, whole.shape.y),
        _place_columns(columns, window[1].start, whole.shape.x),
    )


def _in_strips(source: Parallels, target: Parallels, strips: int) -> Matrix:
    width, pixels = target.geobox.shape.x, source.geobox.shape.x * source.geobox.shape.y
    chunks = []
    done = 0
    for last, bands in _band_chunks(source, target, strips):
        target_row, source_row, share, height = bands
        t_strip, t_column, s_column, length = _laid_over(source, target, height)
        cell = (target_row[t_strip] - done) * width + t_column
        pixel = source_row[t_strip] * source.geobox.shape.x + s_column
        shape = ((last - done) * width, pixels)
        chunks.append(_csr(share[t_strip] * length, cell, pixel, shape))
        done = last
    return sparse.vstack(chunks, format="csr")


def _band_chunks(
    source: Parallels, target: Parallels, strips: int
) -> Iterator[tuple[int, tuple[IndexArray, IndexArray, FloatArray, FloatArray]]]:
    """Yield whole target rows at a time: the row after the last one, and their strips.

    A strip is its target row, its source row, its share of the target row's height and the
    height of its middle.
    """
    source_row, target_row, low, high = shared_bands(source.heights, target.heights)
    order = np.argsort(target_row, kind="stable")
    source_row, target_row, low, high = (
        source_row[order],
        target_row[order],
        low[order],
        high[order],
    )
    share = (high - low) / np.abs(np.diff(target.heights))[target_row] / strips
    middle = low[:, None] + (high - low)[:, None] * (np.arange(strips) + 0.5) / strips
    rows = target.geobox.shape.y
    per_strip = 2 * max(source.geobox.shape.x, target.geobox.shape.x)
    per_row = max(1, len(share) * strips * per_strip // rows)
    step = max(1, _CHUNK // per_row)
    for first in range(0, rows, step):
        last = min(rows, first + step)
        bands = slice(*np.searchsorted(target_row, [first, last]))
        yield (
            last,
            (
                target_row[bands].repeat(strips),
                source_row[bands].repeat(strips),
                share[bands].repeat(strips),
                middle[bands].ravel(),
            ),
        )


def _laid_over(
    source: Parallels, target: Parallels, heights: FloatArray
) -> tuple[IndexArray, IndexArray, IndexArray, FloatArray]:
    """Lay the two rulers over each other at every height.

    Returns
    -------
    tuple
        Strip, target column, source column and the shared length in target columns.
    """
    s_start, s_width = source.ruler(heights)
    t_start, t_width = target.ruler(heights)
    fine = np.flatnonzero(s_width <= t_width)
    coarse = np.flatnonzero(s_width > t_width)
    sizes = (source.geobox.shape.x, target.geobox.shape.x)
    borders = np.asarray(source.borders)
    f_strip, f_narrow, f_wide, f_length = _rulers(
        ((s_start - t_start) / t_width)[fine],
        (s_width / t_width)[fine],
        *sizes,
        borders=((borders[:, None] - t_start) / t_width)[:, fine],
    )
    c_strip, c_narrow, c_wide, c_length = _rulers(
        ((t_start - s_start) / s_width)[coarse],
        (t_width / s_width)[coarse],
        *sizes[::-1],
        borders=((borders[:, None] - s_start) / s_width)[:, coarse],
    )
    c_length *= (s_width / t_width)[coarse][c_strip]
    return (
        np.concatenate([fine[f_strip], coarse[c_strip]]),
        np.concatenate([f_wide, c_narrow]),
        np.concatenate([f_narrow, c_wide]),
        np.concatenate([f_length, c_length]),
    )


def _rulers(
    start: FloatArray, width: FloatArray, narrow: int, wide: int, *, borders: FloatArray
) -> tuple[IndexArray, IndexArray, IndexArray, FloatArray]:
    """Overlap evenly spaced narrow columns with wide ones, which are the unit of length.

    A narrow column meets at most two wide ones, which saves all sorting. Nothing counts beyond
    the borders, ``(2, strips)``.
    """
    edges = start[:, None] + width[:, None] * np.arange(narrow + 1)
    if np.isfinite(borders).any():
        edges = np.clip(edges, *borders[:, :, None])
    left, right = edges[:, :-1], edges[:, 1:]
    first = np.floor(left)
    split = np.minimum(right, first + 1)
    column = np.stack([first, first + 1], axis=-1).astype(np.int64)
    length = np.stack([split - left, right - split], axis=-1)
    keep = (length > 0) & (column >= 0) & (column < wide)
    strip, pixel, _ = np.nonzero(keep)
    return strip, pixel, column[keep], length[keep]


def _forward(
    geobox: GeoBox, longitude: float, heights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return x and y, in the grid's projection, of points of a meridian."""
    to_degrees = transformer(EASE2_CRS, "EPSG:4326")
    _, latitude = to_degrees.transform(np.zeros_like(heights), heights)
    to_grid = transformer("EPSG:4326", str(geobox.crs))
    x, y = to_grid.transform(np.full_like(heights, longitude), latitude)
    return np.asarray(x), np.asarray(y)


def _row_edges(geobox: GeoBox) -> FloatArray:
    """Return the row edges as EASE-Grid northing, followed along the projection's x = 0."""
    y = geobox.affine.f + geobox.affine.e * np.arange(geobox.shape.y + 1)
    to_degrees = transformer(str(geobox.crs), "EPSG:4326")
    _, latitude = to_degrees.transform(np.zeros_like(y), y)
    return _northings(np.clip(latitude, -90, 90))


def _northings(latitude: FloatArray) -> FloatArray:
    """Return EASE-Grid northings of latitudes."""
    _, y = transformer("EPSG:4326", EASE2_CRS).transform(np.zeros_like(latitude), latitude)
    return np.asarray(y)


def _column_edges(grid: Parallels) -> FloatArray:
    start, width = grid.ruler(grid.heights[:1])
    return np.asarray(start + width * np.arange(grid.geobox.shape.x + 1))


def _unsheared(grid: Parallels) -> bool:
    """Tell whether the columns lie along meridians."""
    start, width = grid.ruler(grid.heights)
    drift = np.ptp(start) + np.ptp(width) * grid.geobox.shape.x
    return bool(drift < _TOLERANCE * 1e-3 * width.min())


def _meridians(target: GeoBox) -> tuple[float, float]:
    longitude, _ = outline(target)
    return float(np.nanmin(longitude)), float(np.nanmax(longitude))


def _csr(
    values: FloatArray, rows: IndexArray, columns: IndexArray, shape: tuple[int, int]
) -> Matrix:
    return sparse.csr_array((values, (rows, columns)), shape=shape).astype(np.float32)


def _empty(source: GeoBox, target: GeoBox) -> Matrix:
    shape = (target.shape.y * target.shape.x, source.shape.y * source.shape.x)
    return sparse.csr_array(shape, dtype=np.float32)


def _place_columns(matrix: Matrix, start: int, width: int) -> Matrix:
    """Widen a matrix over a window of the source to the whole source."""
    shape = (matrix.shape[0], width)
    parts = (matrix.data.astype(np.float32), matrix.indices + start, matrix.indptr)
    return sparse.csr_array(parts, shape=shape)


def _uncrop(matrix: Matrix, window: tuple[slice, slice], source: GeoBox) -> Matrix:
    """Renumber the pixels of a window as those of the whole source."""
    width = window[1].stop - window[1].start
    row, column = np.divmod(matrix.indices, width)
    pixel = (row + window[0].start) * source.shape.x + column + window[1].start
    shape = (matrix.shape[0], source.shape.y * source.shape.x)
    return sparse.csr_array((matrix.data, pixel, matrix.indptr), shape=shape)
