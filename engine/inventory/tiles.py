"""Which tiles of a product an area needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from engine.grids import EARTH_RADIUS, SINUSOIDAL_TILE, coarse_of, lonlat
from engine.products.degree_tiles import degree_tile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.products.spec import ProductSpec

    type Floats = NDArray[np.floating]

type Tiling = Literal["sinusoidal", "one degree", "five degrees"]

SLIVER = 0.05
"""Share of the area that tiles may hold together and yet be done without."""

_MANY = 2_000_000
"""Fine cells beyond which coarse ones are counted instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """The tiles of one product."""

    needed: tuple[str, ...]
    """Names, sorted; empty where the product has no tiles, or none that can be foretold."""
    slivers: Mapping[str, float]
    """Share of the area of every tile that the archive lacks and that hardly matters."""


def tiles_of(spec: ProductSpec, area: GeoBox, there: Collection[str]) -> Tiles:
    """Return the tiles of a product that an area needs.

    Parameters
    ----------
    spec
        The product. Sinusoidal tiles and those of elevation models are known by their names; of
        others that have dates, those are needed that the archive has at all.
    area
        Fine grid.
    there
        Tiles that the archive has in any month.

    Returns
    -------
    Tiles
        Small tiles at the rim, of which the archive has none, are left out as slivers, as long
        as they hold less than 5 % of the area together.
    """
    shares = _shares(spec, area, there)
    if shares is None:
        foretold = () if spec.period == "static" else tuple(sorted(there))
        return Tiles(needed=foretold, slivers={})
    slivers: dict[str, float] = {}
    for name, share in sorted(shares.items(), key=lambda item: item[1]):
        if name not in there and sum(slivers.values()) + share < SLIVER:
            slivers[name] = share
    return Tiles(needed=tuple(sorted(shares.keys() - slivers.keys())), slivers=slivers)


def _shares(spec: ProductSpec, area: GeoBox, there: Iterable[str]) -> Mapping[str, float] | None:
    """Return the share of an area that each tile holds; None for unknown tilings."""
    if spec.grid.tile_pixels is not None:
        return shares_of("sinusoidal", area)
    known = [name for name in there if degree_tile(name) is not None]
    if not known:
        return None
    # An archive may have both kinds; that of most files is the one that somebody collected.
    small = sum(not name.startswith("srtm") for name in known)
    return shares_of("one degree" if 2 * small >= len(known) else "five degrees", area)


@lru_cache(maxsize=8)
def shares_of(tiling: Tiling, area: GeoBox) -> Mapping[str, float]:
    """Return the share of an area that each tile of a tiling holds."""
    cells = coarse_of(area) if area.shape.y * area.shape.x > _MANY else area
    names = _NAMERS[tiling](*lonlat(cells))
    tiles, counts = np.unique(names, return_counts=True)
    shares = {str(tile): count / names.size for tile, count in zip(tiles, counts, strict=True)}
    return MappingProxyType(shares)


def _named(rows: Floats, columns: Floats, form: str) -> NDArray[np.str_]:
    """Name every cell by its tile's row and column."""
    pairs, inverse = np.unique(
        np.stack([rows.ravel(), columns.ravel()]).astype(int), axis=1, return_inverse=True
    )
    names = np.array([form.format(row=row, column=column) for row, column in pairs.T])
    return names[inverse.ravel()]


def _sinusoidal(lon: Floats, lat: Floats) -> NDArray[np.str_]:
    x = EARTH_RADIUS * np.radians(lon) * np.cos(np.radians(lat))
    y = EARTH_RADIUS * np.radians(lat)
    columns, rows = np.floor(18 + x / SINUSOIDAL_TILE), np.floor(9 - y / SINUSOIDAL_TILE)
    return _named(rows, columns, "h{column:02d}v{row:02d}")


def _five_degrees(lon: Floats, lat: Floats) -> NDArray[np.str_]:
    return _named(
        np.floor((60 - lat) / 5) + 1, np.floor((lon + 180) / 5) + 1, "srtm_{column:02d}_{row:02d}"
    )


def _one_degree(lon: Floats, lat: Floats) -> NDArray[np.str_]:
    south, west = np.floor(lat), np.floor(lon)
    names = np.empty(lon.size, "U7")
    for north in (False, True):
        for east in (False, True):
            here = (((south >= 0) == north) & ((west >= 0) == east)).ravel()
            form = f"{'N' if north else 'S'}{{row:02d}}{'E' if east else 'W'}{{column:03d}}"
            names[here] = _named(np.abs(south).ravel()[here], np.abs(west).ravel()[here], form)
    return names


_NAMERS: Mapping[Tiling, Callable[[Floats, Floats], NDArray[np.str_]]] = MappingProxyType(
    {"sinusoidal": _sinusoidal, "one degree": _one_degree, "five degrees": _five_degrees}
)
"""The name of the tile of every longitude and latitude."""
