"""How a grid of any kind covers the cells of another, by samples within its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from engine.grids import apply_affine, transformer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    type FloatArray = NDArray[np.float64]
    type IndexArray = NDArray[np.int64]
    type Matrix = Any  # scipy.sparse.csr_array; scipy has no types

_SAMPLES = 16
"""Least samples along the side of a target cell."""


def sampled(source: GeoBox, target: GeoBox, samples_at_once: int) -> Matrix:
    """Spread sub-pixel samples of every source pixel over the target cells.

    Parameters
    ----------
    source, target
        Any two grids.
    samples_at_once
        Samples held at once while the matrix is built.

    Returns
    -------
    csr_array (target cells, source pixels), float32
    """
    chunks = []
    rows = max(1, samples_at_once // max(1, source.shape.x * _SAMPLES**2))
    width = source.shape.x
    shape = (target.shape.y * target.shape.x, source.shape.y * width)
    for first in range(0, source.shape.y, rows):
        band = source[first : min(first + rows, source.shape.y), :]
        share, cell, pixel = _samples(band, target)
        part = (share, (cell, pixel + first * width))
        chunks.append(sparse.csr_array(part, shape=shape).astype(np.float32))
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
