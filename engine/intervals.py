"""Intervals on a line, such as the rows of two grids, and what they have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    type FloatArray = NDArray[np.float64]
    type IndexArray = NDArray[np.int64]
    type Matrix = Any  # scipy.sparse.csr_array; scipy has no types


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
    source_index, target_index, low, high = shared_bands(source_edges, target_edges)
    share = (high - low) / np.abs(np.diff(target_edges))[target_index]
    shape = (len(target_edges) - 1, len(source_edges) - 1)
    return sparse.csr_array((share, (target_index, source_index)), shape=shape)


def plane_edges(geobox: GeoBox) -> tuple[FloatArray, FloatArray]:
    """Return the edges of a grid's rows and of its columns on its own plane."""
    affine = geobox.affine
    rows, columns = (np.arange(size + 1, dtype=np.float64) for size in geobox.shape)
    return affine.f + affine.e * rows, affine.c + affine.a * columns


def shared_bands(
    source_edges: FloatArray, target_edges: FloatArray
) -> tuple[IndexArray, IndexArray, FloatArray, FloatArray]:
    """Cut the line at all edges.

    Parameters
    ----------
    source_edges, target_edges
        ``(n + 1,)`` edges of adjoining intervals, rising or falling.

    Returns
    -------
    tuple of ndarray
        Source index, target index, low and high end of each shared piece.
    """
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
