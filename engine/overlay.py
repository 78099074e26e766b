"""Which source pixels a target cell is made of, and by how much of its area.

Every grid of ours has its rows along parallels and its columns evenly spaced along each parallel
(sinusoidal, longitude and latitude, EASE-Grid, one lobe of Homolosine). Such grids are sheared
to each other, but along one parallel both are plain rulers. So each shared band of latitude is
cut into thin strips, and in each strip two rulers are laid over each other exactly. Heights are
measured in the equal-area EASE-Grid, so that an area is a length times a height.

Other grids (UTM and the like) are sampled in sub-pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from engine.grids import EASE2_CRS, apply_affine, covering_window, outline, transformer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    type FloatArray = NDArray[np.float64]
    type IndexArray = NDArray[np.int64]
    type Matrix = Any  # scipy.sparse.csr_array; scipy has no types

STRIPS = 8
"""Strips per shared band of latitude where two grids are sheared to each other."""

_CHUNK = 2_000_000
"""Overlaps held at once while a matrix is built."""

_TOLERANCE = 1e-3
"""Pixels by which a row may leave its parallel before a grid counts as another kind."""

_SAMPLES = 16
"""Least samples along the side of a target cell where a grid must be sampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallels:
    """A grid whose rows lie along parallels, its columns evenly spaced along each."""

    geobox: GeoBox
    """The grid."""
    heights: FloatArray
    """``(rows + 1,)`` row edges as EASE-Grid northing in metres."""
    meridians: tuple[float, float]
    """Two longitudes, in degrees, that the spacing of columns is measured between."""

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
    meridians = _meridians(target)
    ours, theirs = parallels(cropped, meridians), parallels(target, meridians)
    if ours is None or theirs is None:
        return (_uncrop(_sampled(cropped, target), window, source),)
    if _unsheared(ours) and _unsheared(theirs):
        return _separable(ours, theirs, window, source)
    return (_uncrop(_in_strips(ours, theirs, strips), window, source),)


def parallels(geobox: GeoBox, meridians: tuple[float, float]) -> Parallels | None:
    """Return a grid with its row edges on parallels, or None where they do not lie so."""
    affine = geobox.affine
    if affine.b or affine.d or affine.a <= 0:
        return None
    heights = _row_edges(geobox)
    if not np.isfinite(heights).all():
        return None
    probes = heights[np.linspace(0, len(heights) - 1, 9).astype(int)]
    longitudes = np.linspace(*meridians, 5)
    x, y = np.asarray([_forward(geobox, lon, probes) for lon in longitudes]).transpose(1, 0, 2)
    even = x[0] + (x[-1] - x[0]) * np.linspace(0, 1, 5)[:, None]
    stray = max(np.abs(y - y[0]).max() / abs(affine.e), np.abs(x - even).max() / affine.a)
    if not stray < _TOLERANCE:
        return None
    return Parallels(geobox=geobox, heights=heights, meridians=meridians)


def overlap_matrix(source_edges: FloatArray, target_edges: FloatArray) -> Matrix:
    """Return the share of each target interval that each source interval covers.

    Parameters
    ----------
    source_edges, target_edges
        ``(n + 1,)`` edges of adjoining intervals, rising or falling.

    Returns
    -------
    csr_array (target intervals, source intervals), float64

    Examples
    --------
    >>> overlap_matrix(np.array([0.0, 1, 2, 3]), np.array([0.0, 1.5, 3])).toarray().round(3)
    array([[0.667, 0.333, 0.   ],
           [0.   , 0.333, 0.667]])
    """
    source_index, target_index, low, high = _shared_bands(source_edges, target_edges)
    share = (high - low) / np.abs(np.diff(target_edges))[target_index]
    shape = (len(target_edges) - 1, len(source_edges) - 1)
    return sparse.csr_array((share, (target_index, source_index)), shape=shape)


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
    source_row, target_row, low, high = _shared_bands(source.heights, target.heights)
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
    f_strip, f_narrow, f_wide, f_length = _rulers(
        ((s_start - t_start) / t_width)[fine], (s_width / t_width)[fine], *sizes
    )
    c_strip, c_narrow, c_wide, c_length = _rulers(
        ((t_start - s_start) / s_width)[coarse], (t_width / s_width)[coarse], *sizes[::-1]
    )
    c_length *= (s_width / t_width)[coarse][c_strip]
    return (
        np.concatenate([fine[f_strip], coarse[c_strip]]),
        np.concatenate([f_wide, c_narrow]),
        np.concatenate([f_narrow, c_wide]),
        np.concatenate([f_length, c_length]),
    )


def _rulers(
    start: FloatArray, width: FloatArray, narrow: int, wide: int
) -> tuple[IndexArray, IndexArray, IndexArray, FloatArray]:
    """Overlap evenly spaced narrow columns with wide ones, which are the unit of length.

    A narrow column meets at most two wide ones, which saves all sorting.
    """
    edges = start[:, None] + width[:, None] * np.arange(narrow + 1)
    left, right = edges[:, :-1], edges[:, 1:]
    first = np.floor(left)
    split = np.minimum(right, first + 1)
    column = np.stack([first, first + 1], axis=-1).astype(np.int64)
    length = np.stack([split - left, right - split], axis=-1)
    keep = (length > 0) & (column >= 0) & (column < wide)
    strip, pixel, _ = np.nonzero(keep)
    return strip, pixel, column[keep], length[keep]


def _sampled(source: GeoBox, target: GeoBox) -> Matrix:
    """Spread sub-pixel samples of every source pixel over the target cells."""
    chunks = []
    rows = max(1, _CHUNK // max(1, source.shape.x * _SAMPLES**2))
    width = source.shape.x
    shape = (target.shape.y * target.shape.x, source.shape.y * width)
    for first in range(0, source.shape.y, rows):
        band = source[first : min(first + rows, source.shape.y), :]
        share, cell, pixel = _samples(band, target)
        chunks.append(_csr(share, cell, pixel + first * width, shape))
    return sum(chunks[1:], start=chunks[0])


def _samples(source: GeoBox, target: GeoBox) -> tuple[FloatArray, IndexArray, IndexArray]:
    """Return share, target cell and source pixel of every sample of a band of pixels."""
    x, y = _in_target_pixels(source, target)
    area = _quad_area(x, y)
    side = float(np.sqrt(np.median(area)))
    count = max(1, int(np.ceil(side * _SAMPLES)))
    places = (np.arange(count) + 0.5) / count
    shares, cells, pixels = [], [], []
    for down in places:
        for across in places:
            column = np.floor(_within(x, down, across)).astype(np.int64)
            row = np.floor(_within(y, down, across)).astype(np.int64)
            inside = (row >= 0) & (row < target.shape.y)
            inside &= (column >= 0) & (column < target.shape.x)
            shares.append(area[inside] / count**2)
            cells.append(row[inside] * target.shape.x + column[inside])
            pixels.append(np.flatnonzero(inside))
    return np.concatenate(shares), np.concatenate(cells), np.concatenate(pixels)


def _in_target_pixels(source: GeoBox, target: GeoBox) -> tuple[FloatArray, FloatArray]:
    """Return the source's pixel corners in columns and rows of the target."""
    columns, rows = np.meshgrid(np.arange(source.shape.x + 1.0), np.arange(source.shape.y + 1.0))
    x, y = apply_affine(source.affine, columns, rows)
    x, y = transformer(str(source.crs), str(target.crs)).transform(x, y)
    column, row = apply_affine(~target.affine, np.asarray(x), np.asarray(y))
    finite = np.isfinite(column) & np.isfinite(row)
    return np.where(finite, column, -1e9), np.where(finite, row, -1e9)


def _quad_area(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the area of every quadrilateral of a mesh of corners (shoelace)."""
    dx1, dy1 = x[1:, 1:] - x[:-1, :-1], y[1:, 1:] - y[:-1, :-1]
    dx2, dy2 = x[1:, :-1] - x[:-1, 1:], y[1:, :-1] - y[:-1, 1:]
    return np.asarray(np.abs(dx1 * dy2 - dx2 * dy1) / 2)


def _within(corners: FloatArray, down: float, across: float) -> FloatArray:
    """Return the place inside every pixel, interpolated between its corners."""
    top = corners[:-1, :-1] * (1 - across) + corners[:-1, 1:] * across
    bottom = corners[1:, :-1] * (1 - across) + corners[1:, 1:] * across
    return top * (1 - down) + bottom * down


def _shared_bands(
    source_edges: FloatArray, target_edges: FloatArray
) -> tuple[IndexArray, IndexArray, FloatArray, FloatArray]:
    """Cut the line at all edges: source index, target index, low and high end of each piece."""
    cuts = np.union1d(source_edges, target_edges)
    middle = (cuts[1:] + cuts[:-1]) / 2
    source_index, target_index = _locate(source_edges, middle), _locate(target_edges, middle)
    shared = (source_index >= 0) & (target_index >= 0)
    return source_index[shared], target_index[shared], cuts[:-1][shared], cuts[1:][shared]


def _locate(edges: FloatArray, points: FloatArray) -> IndexArray:
    """Return the interval that holds each point, -1 where none does."""
    count = len(edges) - 1
    falling = edges[0] > edges[-1]
    index = np.searchsorted(edges[::-1] if falling else edges, points) - 1
    outside = (index < 0) | (index >= count)
    return np.where(outside, -1, count - 1 - index if falling else index).astype(np.int64)


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
    clipped = np.clip(latitude, -90, 90)
    return np.asarray(transformer("EPSG:4326", EASE2_CRS).transform(np.zeros_like(y), clipped)[1])


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
