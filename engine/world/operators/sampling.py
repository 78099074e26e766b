"""From 1 km cells to the products' own lattices, by exact or finely sampled area means.

On the EASE grid x depends on longitude alone and y on latitude alone, so the overlap with any
latitude/longitude lattice is the product of two overlaps of intervals, and exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from scipy import sparse

from engine.grids import SINUSOIDAL_CRS, SINUSOIDAL_TILE, covering_window, outline, sinusoidal_tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.grids import FloatArray
    from engine.world.domain import Domain


_SUBPIXELS = 3
"""Sample points along each side of a sinusoidal pixel."""
_RIM = 3
"""M01 cells around the area that sinusoidal pixels still show."""


def lonlat_lattice(west: float, north: float, pixel: float, rows: int, columns: int) -> GeoBox:
    """Return a latitude/longitude grid by its corner and pixel size in degrees."""
    return GeoBox((rows, columns), Affine(pixel, 0, west, 0, -pixel, north), "EPSG:4326")


def crop_lattice(lattice: GeoBox, area: GeoBox, pad: int) -> GeoBox:
    """Return the window of a lattice that covers an area, with ``pad`` pixels around it."""
    window = covering_window(lattice, area, pad)
    if window is None:
        raise ValueError("the area lies outside the product's lattice")
    return lattice[window[0], window[1]]


def interval_shares(source: NDArray[np.float64], target: NDArray[np.float64]) -> sparse.csr_array:
    """Return the share of every target interval that each source interval covers.

    Parameters
    ----------
    source, target
        Edges, ascending, ``(n + 1,)`` and ``(m + 1,)``.

    Returns
    -------
    csr_array (m, n)
        Rows sum to 1 where the target interval is covered.

    Examples
    --------
    >>> import numpy as np
    >>> interval_shares(np.array([0.0, 1, 2]), np.array([0.5, 2])).toarray().tolist()
    [[0.3333333432674408, 0.6666666865348816]]
    """
    low = np.maximum(source[None, :-1], target[:-1, None])
    high = np.minimum(source[None, 1:], target[1:, None])
    share = np.maximum(high - low, 0) / np.diff(target)[:, None]
    return sparse.csr_array(share.astype(np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class LonLatSampler:
    """Area means between the domain's 1 km cells and a latitude/longitude lattice."""

    geobox: GeoBox
    """The lattice, cropped."""
    rows: sparse.csr_array
    """``(lattice rows, fine rows)`` shares."""
    columns: sparse.csr_array
    """``(lattice columns, fine columns)`` shares."""
    back_rows: sparse.csr_array
    """``(fine rows, lattice rows)`` shares."""
    back_columns: sparse.csr_array
    """``(fine columns, lattice columns)`` shares."""

    @classmethod
    def of(cls, lattice: GeoBox, domain: Domain) -> Self:
        """Prepare the overlaps of a (cropped) lattice with a domain."""
        x, y = _lattice_edges(lattice)
        fine_x, fine_y = _edges(domain.fine)
        return cls(
            geobox=lattice,
            rows=interval_shares(-fine_y, -y),
            columns=interval_shares(fine_x, x),
            back_rows=interval_shares(-y, -fine_y),
            back_columns=interval_shares(x, fine_x),
        )

    def to_lattice(self, fine: FloatArray) -> FloatArray:
        """Return area means of 1 km values ``(y, x)`` over the lattice's pixels."""
        return np.asarray(self.rows @ fine @ self.columns.T)

    def to_fine(self, values: FloatArray) -> FloatArray:
        """Return area means of the lattice's pixels over the 1 km cells."""
        return np.asarray(self.back_rows @ values @ self.back_columns.T)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinusoidalSampler:
    """Area means of the domain's 1 km cells over the pixels of a cropped MODIS tile."""

    tile: str
    """Its name, such as ``h27v05``."""
    geobox: GeoBox
    """The tile's lattice, cropped."""
    shares: sparse.csr_array
    """``(pixels, fine cells)``; a pixel outside the area has an empty row."""
    seen: NDArray[np.bool_]
    """``(y, x)`` of the crop: pixels that lie within the area and a small rim."""
    centres: NDArray[np.int32]
    """``(y, x)`` number of the 1 km cell under each pixel's centre, row by row; 0 where unseen."""

    @classmethod
    def of(cls, tile: str, pixels: int, domain: Domain) -> Self:
        """Sample every pixel of a tile that touches the domain's area at 3 × 3 points."""
        geobox = crop_lattice(sinusoidal_tile(tile, pixels), domain.area, 3)
        inside, cells = _subpixel_cells(geobox, domain)
        seen = inside.all(axis=-1)
        points = _SUBPIXELS**2
        starts = np.concatenate([[0], np.cumsum(seen.ravel() * points)])
        shares = sparse.csr_array(
            (np.full(starts[-1], 1 / points, np.float32), cells[seen].ravel(), starts),
            shape=(seen.size, domain.shape[0] * domain.shape[1]),
        )
        shares.sum_duplicates()
        centres = cells[:, :, points // 2]
        return cls(tile=tile, geobox=geobox, shares=shares, seen=seen, centres=centres)

    @classmethod
    def all_of(cls, pixels: int, domain: Domain) -> tuple[Self, ...]:
        """Sample every tile of which a pixel lies in the domain's area."""
        samplers = (cls.of(tile, pixels, domain) for tile in tiles_of(domain.area))
        return tuple(sampler for sampler in samplers if sampler.seen.any())

    def to_tile(self, fine: FloatArray) -> FloatArray:
        """Return area means of ``(y, x)`` over the crop's pixels, NaN outside the area."""
        values = (self.shares @ fine.ravel()).reshape(self.seen.shape)
        return np.where(self.seen, values, np.float32(np.nan))

    def centre_cells(self) -> NDArray[np.int32]:
        """Return the 1 km cell, row by row, under the centre of every pixel that is seen."""
        return self.centres[self.seen]

    def nearest(self, fine: NDArray[np.integer]) -> NDArray[np.integer]:
        """Return the value of the first 1 km cell under each pixel; 0 outside the area."""
        starts = np.minimum(self.shares.indptr[:-1], max(self.shares.indices.size - 1, 0))
        values = fine.ravel()[self.shares.indices[starts]].reshape(self.seen.shape)
        return np.where(self.seen, values, 0).astype(fine.dtype)


def tiles_of(area: GeoBox) -> tuple[str, ...]:
    """Return the MODIS tiles of a rectangle around an area, west to east, north to south."""
    longitude, latitude = outline(area)
    to_sinusoidal = Transformer.from_crs("EPSG:4326", SINUSOIDAL_CRS, always_xy=True)
    x, y = (np.asarray(values) for values in to_sinusoidal.transform(longitude, latitude))
    h = np.floor(x / SINUSOIDAL_TILE).astype(int) + 18
    v = np.floor(-y / SINUSOIDAL_TILE).astype(int) + 9
    return tuple(
        f"h{column:02d}v{row:02d}"
        for row in range(v.min(), v.max() + 1)
        for column in range(h.min(), h.max() + 1)
    )


def _edges(geobox: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x (ascending) and y (descending) of the cell edges."""
    a = geobox.affine
    x = a.c + a.a * np.arange(geobox.shape.x + 1, dtype=np.float64)
    y = a.f + a.e * np.arange(geobox.shape.y + 1, dtype=np.float64)
    return np.asarray(x), np.asarray(y)


def _lattice_edges(lattice: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a latitude/longitude lattice's edges in EASE metres."""
    longitude, latitude = _edges(lattice)
    to_ease = Transformer.from_crs("EPSG:4326", "EPSG:6933", always_xy=True)
    x, _ = to_ease.transform(longitude, np.zeros_like(longitude))
    _, y = to_ease.transform(np.zeros_like(latitude), latitude)
    return np.asarray(x), np.asarray(y)


def _subpixel_cells(geobox: GeoBox, domain: Domain) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Return whether each sample point lies in the area and its rim, and its 1 km cell.

    Returns
    -------
    Two arrays ``(y, x, 9)``: the test, and flat indices into ``domain.fine``.
    """
    fine = GeoBox(
        (geobox.shape.y * _SUBPIXELS, geobox.shape.x * _SUBPIXELS),
        geobox.affine * Affine.scale(1 / _SUBPIXELS),
        geobox.crs,
    )
    x, y = _centres(fine)
    to_ease = Transformer.from_crs(str(geobox.crs), "EPSG:6933", always_xy=True)
    ease_x, ease_y = to_ease.transform(*np.meshgrid(x, y))
    inverse = ~domain.fine.affine
    column = np.floor(inverse.a * np.asarray(ease_x) + inverse.c).astype(np.int32)
    row = np.floor(inverse.e * np.asarray(ease_y) + inverse.f).astype(np.int32)
    height, width = domain.shape
    edge = (height - domain.area.shape.y) // 2 - _RIM
    inside = (row >= edge) & (row < height - edge) & (column >= edge) & (column < width - edge)
    index = np.where(inside, row * width + column, 0)
    return _by_pixel(inside, geobox), _by_pixel(index, geobox)


def _centres(geobox: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = _edges(geobox)
    return (x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2


def _by_pixel[T: np.generic](points: NDArray[T], geobox: GeoBox) -> NDArray[T]:
    """Regroup a ``(3 y, 3 x)`` array as ``(y, x, 9)``."""
    height, width = geobox.shape.y, geobox.shape.x
    blocks = points.reshape(height, _SUBPIXELS, width, _SUBPIXELS)
    return blocks.transpose(0, 2, 1, 3).reshape(height, width, _SUBPIXELS**2)
