"""From one grid to another: exact area means, and bilinear interpolation of smooth fields.

Weights are built once for a pair of grids and kept. They are applied to numerator and
denominator apart, so that gaps are handled by the valid share of each cell and several tiles add
up to one area.
"""

from __future__ import annotations

import hashlib
import logging
import zipfile
from dataclasses import dataclass
from functools import reduce
from itertools import batched
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse

from engine.errors import GridMismatchError
from engine.files import atomic_path
from engine.grids import apply_affine, transformer
from engine.overlay import STRIPS, overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    type Floats = NDArray[np.floating]
    type Float32s = NDArray[np.float32]
    type Matrix = Any  # scipy.sparse.csr_array; scipy has no types

logger = logging.getLogger(__name__)

_VERSION = "2"
"""Part of the names of stored weights; to be raised when their meaning changes."""

_ROUNDING = 1e-4
"""Slack on valid shares, which are sums of float32 weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Weighted sums over the source pixels of every target cell; those of tiles add up."""

    numerator: Float32s
    """``(..., y, x)`` sum of share × weight × value."""
    denominator: Float32s
    """``(..., y, x)`` sum of share × weight."""
    covered: Float32s
    """``(..., y, x)`` share of the cell's area that valid pixels cover, 0 to 1."""

    def __add__(self, other: Self) -> Sums:
        return Sums(
            numerator=self.numerator + other.numerator,
            denominator=self.denominator + other.denominator,
            covered=self.covered + other.covered,
        )

    def mean(self, min_valid: float = 0.5) -> tuple[Float32s, Float32s]:
        """Return means and valid shares.

        Parameters
        ----------
        min_valid
            Least share of a cell's area that valid pixels must cover; below it the mean is NaN.

        Returns
        -------
        tuple of ndarray (..., y, x), float32
        """
        enough = (self.covered >= min_valid - _ROUNDING) & (self.denominator > 0)
        mean = np.full(self.numerator.shape, np.nan, dtype=np.float32)
        np.divide(self.numerator, self.denominator, out=mean, where=enough)
        return mean, np.clip(self.covered, 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How the pixels of one grid make up the cells of another."""

    source: GeoBox
    """The grid that values come from."""
    target: GeoBox
    """The grid that values go to."""
    matrices: tuple[Matrix, ...]
    """One sparse matrix ``(target cells, source pixels)``; or two, over rows and over columns,
    whose product it is. Rows of fully covered cells sum to one."""

    def sums(self, values: Floats, weight: Floats | None = None) -> Sums:
        """Sum values over target cells, to be added to other tiles' sums.

        Parameters
        ----------
        values
            ``(..., ys, xs)`` on the source grid, NaN where missing.
        weight
            Quality weights, broadcast against ``values``; one where not given.

        Returns
        -------
        Sums
            On ``(..., yt, xt)``.
        """
        self._check(values)
        if len(self.matrices) == 1 and self.matrices[0].indices.dtype == np.int32:
            return self._sums_at_once(values, weight)
        return self._sums_by_products(values, weight)

    def apply(
        self, values: Floats, weight: Floats | None = None, min_valid: float = 0.5
    ) -> tuple[Float32s, Float32s]:
        """Average values over target cells.

        Parameters
        ----------
        values
            ``(..., ys, xs)`` on the source grid, NaN where missing; dates go together.
        weight
            Quality weights, broadcast against ``values``.
        min_valid
            Least share of a cell's area that valid pixels must cover; below it the mean is NaN.

        Returns
        -------
        mean, valid_fraction
            ``(..., yt, xt)``, float32.
        """
        return self.sums(values, weight).mean(min_valid)

    def _check(self, values: Floats) -> None:
        if values.shape[-2:] != tuple(self.source.shape):
            raise GridMismatchError("values", tuple(self.source.shape), values.shape[-2:])

    def _sums_at_once(self, values: Floats, weight: Floats | None) -> Sums:
        """Sum in one pass over the weights, all dates together."""
        from engine import sparse_sums  # noqa: PLC0415 - numba takes a second to load

        (matrix,) = self.matrices
        rows = _as_rows(values, values.shape)
        parts = [np.empty((len(rows), matrix.shape[0]), np.float32) for _ in range(3)]
        numerator, denominator, covered = parts
        compiled = (matrix.data, matrix.indices, matrix.indptr, rows)
        if weight is None:
            sparse_sums.add_up(*compiled, numerator, covered)
            denominator = covered
        else:
            heavy = _as_rows(weight, values.shape)
            sparse_sums.add_up_weighted(*compiled, heavy, numerator, denominator, covered)
        shape = (*values.shape[:-2], *self.target.shape)
        return Sums(
            numerator=numerator.reshape(shape),
            denominator=denominator.reshape(shape),
            covered=covered.reshape(shape),
        )

    def _sums_by_products(self, values: Floats, weight: Floats | None) -> Sums:
        """Sum by products with the matrices, of copies in which gaps are filled with zeros."""
        valid = np.isfinite(values)
        if weight is not None:
            valid = valid & (weight > 0)
        covered = self._product(valid.astype(np.float32))
        filled = np.where(valid, values, 0).astype(np.float32, copy=False)
        if weight is None:
            return Sums(numerator=self._product(filled), denominator=covered, covered=covered)
        weighted = np.where(valid, weight, 0).astype(np.float32)
        return Sums(
            numerator=self._product(filled * weighted),
            denominator=self._product(weighted),
            covered=covered,
        )

    def _product(self, values: Float32s) -> Float32s:
        stack = values.reshape(-1, *self.source.shape)
        if len(self.matrices) == 1:
            result = (self.matrices[0] @ stack.reshape(len(stack), -1).T).T
        else:
            rows, columns = self.matrices
            result = np.stack([(columns @ (rows @ layer).T).T for layer in stack])
        shape = (*values.shape[:-2], *self.target.shape)
        return np.ascontiguousarray(result, dtype=np.float32).reshape(shape)


def _as_rows(values: Floats, shape: tuple[int, ...]) -> Float32s:
    """Return one row of pixels for each date, of values that may have to be repeated."""
    rows = np.broadcast_to(values, shape).reshape(-1, shape[-2] * shape[-1])
    return np.ascontiguousarray(rows, dtype=np.float32)


def total(parts: Iterable[Sums]) -> Sums:
    """Add up the sums of all tiles of an area."""
    return reduce(lambda one, other: one + other, parts)


def area_weights(source: GeoBox, target: GeoBox, strips: int = STRIPS) -> Weights:
    """Return the shares of target cells' areas that source pixels cover.

    Parameters
    ----------
    source, target
        Any two grids. The overlay is exact, up to the number of strips, where the rows of both
        lie along parallels, and sampled otherwise.
    strips
        Strips per shared band of latitude, where the grids are sheared to each other.

    Returns
    -------
    Weights
        Rows of fully covered cells sum to one.
    """
    matrices = tuple(map(_narrow, overlay(source, target, strips)))
    return Weights(source=source, target=target, matrices=matrices)


def bilinear_weights(source: GeoBox, target: GeoBox) -> Weights:
    """Return weights that interpolate between the centres of a smooth, coarser source.

    Within half a pixel of the source's rim the nearest centres are held; beyond the rim there
    is no value.

    Parameters
    ----------
    source, target
        Any two grids.

    Returns
    -------
    Weights
        Every target cell inside the source has weights that sum to one.
    """
    row, column = _positions(source, target)
    if _constant(row, axis=1) and _constant(column, axis=0):
        rows = _between(row[:, 0], source.shape.y)
        columns = _between(column[0], source.shape.x)
        return Weights(source=source, target=target, matrices=(rows, columns))
    rows = _between(row.ravel(), source.shape.y)
    columns = _between(column.ravel(), source.shape.x)
    matrix = _narrow(_row_products(rows, columns))
    return Weights(source=source, target=target, matrices=(matrix,))


class WeightCache:
    """Weights kept in memory and, below a folder, on disk.

    Parameters
    ----------
    folder
        Where to keep them; None keeps them in memory alone.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._memory: dict[tuple[str, GeoBox, GeoBox], Weights] = {}
        self._lock = Lock()

    def area(self, source: GeoBox, target: GeoBox) -> Weights:
        """Return :func:`area_weights`, built at most once."""
        return self._get("area", source, target, area_weights)

    def bilinear(self, source: GeoBox, target: GeoBox) -> Weights:
        """Return :func:`bilinear_weights`, built at most once."""
        return self._get("bilinear", source, target, bilinear_weights)

    def _get(
        self,
        kind: str,
        source: GeoBox,
        target: GeoBox,
        build: Callable[[GeoBox, GeoBox], Weights],
    ) -> Weights:
        key = (kind, source, target)
        with self._lock:
            if key not in self._memory:
                self._memory[key] = self._stored(kind, source, target, build)
            return self._memory[key]

    def _stored(
        self,
        kind: str,
        source: GeoBox,
        target: GeoBox,
        build: Callable[[GeoBox, GeoBox], Weights],
    ) -> Weights:
        if self.folder is None:
            return build(source, target)
        path = self.folder / f"{kind}-{_digest(kind, source, target)}.npz"
        matrices = _load(path)
        if matrices is not None:
            return Weights(source=source, target=target, matrices=matrices)
        weights = build(source, target)
        _save(path, weights.matrices)
        return weights


def _positions(source: GeoBox, target: GeoBox) -> tuple[Floats, Floats]:
    """Return row and column, in source pixel centres, of every target cell's centre."""
    columns, rows = np.meshgrid(np.arange(target.shape.x) + 0.5, np.arange(target.shape.y) + 0.5)
    x, y = apply_affine(target.affine, columns, rows)
    if source.crs != target.crs:
        x, y = transformer(str(target.crs), str(source.crs)).transform(x, y)
    column, row = apply_affine(~source.affine, np.asarray(x), np.asarray(y))
    return row - 0.5, column - 0.5


def _constant(positions: Floats, axis: int) -> bool:
    return bool(np.ptp(positions, axis=axis).max() < _ROUNDING)


def _between(positions: Floats, count: int) -> Matrix:
    """Return weights ``(positions, count)`` of the two centres around each position."""
    inside = (positions >= -0.5 - _ROUNDING) & (positions <= count - 0.5 + _ROUNDING)
    held = np.where(inside, np.clip(positions, 0, count - 1), 0)
    low = np.minimum(np.floor(held).astype(np.int64), max(0, count - 2))
    high = np.minimum(low + 1, count - 1)
    share = held - low
    data = np.stack([(1 - share) * inside, share * inside], axis=-1)
    index = np.stack([low, high], axis=-1)
    pointer = np.arange(0, 2 * len(positions) + 1, 2)
    parts = (data.ravel().astype(np.float32), index.ravel(), pointer)
    return sparse.csr_array(parts, shape=(len(positions), count))


def _row_products(rows: Matrix, columns: Matrix) -> Matrix:
    """Combine, target cell by target cell, two weights over rows with two over columns."""
    count, width = rows.shape[0], columns.shape[1]
    by_row, by_column = (m.data.reshape(count, 2) for m in (rows, columns))
    row, column = (m.indices.reshape(count, 2).astype(np.int64) for m in (rows, columns))
    data = by_row[:, :, None] * by_column[:, None, :]
    index = row[:, :, None] * width + column[:, None, :]
    pointer = np.arange(0, 4 * count + 1, 4)
    shape = (count, rows.shape[1] * width)
    return sparse.csr_array((data.ravel(), index.ravel(), pointer), shape=shape)


def _narrow(matrix: Matrix) -> Matrix:
    """Return a matrix that numbers pixels in 32 bits, where that is enough: less to read."""
    if max(*matrix.shape, matrix.nnz) > np.iinfo(np.int32).max:
        return matrix
    places = (matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32))
    return sparse.csr_array((matrix.data, *places), shape=matrix.shape)


def _digest(kind: str, *grids: GeoBox) -> str:
    parts = [_VERSION, kind]
    for grid in grids:
        parts += [str(tuple(grid.shape)), str(tuple(grid.affine)), str(grid.crs)]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def _save(path: Path, matrices: tuple[Matrix, ...]) -> None:
    arrays = [part for m in matrices for part in (m.data, m.indices, m.indptr, m.shape)]
    with atomic_path(path) as temporary:
        np.savez(temporary, *arrays)


def _load(path: Path) -> tuple[Matrix, ...] | None:
    """Read stored matrices; None where there are none or they are damaged."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = [stored[f"arr_{k}"] for k in range(len(stored.files))]
        return tuple(
            _narrow(sparse.csr_array((data, indices, indptr), shape=tuple(shape)))
            for data, indices, indptr, shape in batched(arrays, 4)
        )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        logger.warning("%s is damaged; its weights are built anew", path.name)
        return None
