"""SRTM: 3 arc-second detail whose 1 km mean is the world's elevation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from engine.world.operators.sampling import LonLatSampler, crop_lattice, lonlat_lattice
from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odc.geo.geobox import GeoBox

    from engine.grids import FloatArray
    from engine.world.domain import Domain
    from engine.world.land import Land


TILE = 6000
"""Pixels along a side of a 5° tile."""
_ROUNDS = 40
_TOLERANCE = 0.02
"""m."""


def elevation_tiles(
    domain: Domain, land: Land, seed: int
) -> Iterator[tuple[str, GeoBox, FloatArray]]:
    """Yield name, cropped grid and elevation in m of every CGIAR tile that the area touches."""
    lattice = lonlat_lattice(-180, 60, 5 / TILE, 24 * TILE, 72 * TILE)
    crop = crop_lattice(lattice, domain.area, 12)
    values = detailed_elevation(LonLatSampler.of(crop, domain), land, seed)
    left, top = ~lattice.affine * (crop.affine.c, crop.affine.f)
    for rows in _tile_slices(round(top), crop.shape.y):
        for columns in _tile_slices(round(left), crop.shape.x):
            tile_x = (round(left) + columns.start) // TILE + 1
            tile_y = (round(top) + rows.start) // TILE + 1
            name = f"srtm_{tile_x:02d}_{tile_y:02d}"
            yield name, crop[rows, columns], values[rows, columns]


def detailed_elevation(sampler: LonLatSampler, land: Land, seed: int) -> FloatArray:
    """Return 3 arc-second elevation in m whose mean over each 1 km cell is the world's.

    Smooth interpolation and fractal roughness (rougher where steeper) are corrected by the
    interpolated misfit until the cell means agree.
    """
    rows, columns = _interpolation(sampler.back_rows), _interpolation(sampler.back_columns)
    shape = (sampler.geobox.shape.y, sampler.geobox.shape.x)
    rough = RandomField(shape, 12, 2.0).draw(stream(seed, "srtm detail"))
    amplitude = rows @ (1.5 + 4 * land.slope) @ columns.T
    detail = (rows @ land.elevation @ columns.T + amplitude * rough).astype(np.float32)
    whole = np.outer(sampler.back_rows.sum(1) > 0.999, sampler.back_columns.sum(1) > 0.999)
    for _ in range(_ROUNDS):
        misfit = np.where(whole, land.elevation - sampler.to_fine(detail), 0)
        if np.abs(misfit).max() < _TOLERANCE:
            break
        detail += 1.5 * (rows @ misfit @ columns.T)
    return np.asarray(detail, np.float32)


def _interpolation(shares: sparse.csr_array) -> sparse.csr_array:
    """Return linear interpolation weights ``(pixels, cells)`` from area shares ``(cells, pixels)``.

    Pixel positions are read off the shares: a cell's centre is the mean of its pixels.
    """
    cells = np.arange(shares.shape[0])
    covered = shares.sum(axis=1) > 0.999
    pixels = np.arange(shares.shape[1])
    centre = (shares @ pixels)[covered]
    position = np.interp(pixels, centre, cells[covered])
    low = np.clip(np.floor(position).astype(int), 0, len(cells) - 2)
    high = (position - low).astype(np.float32)
    places = (np.tile(pixels, 2), np.concatenate([low, low + 1]))
    return sparse.csr_array((np.concatenate([1 - high, high]), places), (len(pixels), len(cells)))


def _tile_slices(start: int, size: int) -> Iterator[slice]:
    """Cut ``size`` pixels from global index ``start`` at the borders of tiles."""
    at = start
    while at < start + size:
        end = min((at // TILE + 1) * TILE, start + size)
        yield slice(at - start, end - start)
        at = end
