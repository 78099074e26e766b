"""SoilGrids: texture on 250 m pixels of the Homolosine projection, none in towns and water."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from engine.grids import outline
from engine.world.operators.land_cover import draw_shares
from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from engine.grids import FloatArray
    from engine.world.domain import Domain
    from engine.world.land import Land
    from engine.world.presets import Preset

HOMOLOSINE = "+proj=igh +lat_0=0 +lon_0=0 +datum=WGS84 +units=m +no_defs"
PIXEL = 250.0
"""m."""
GRAIN = 8.0
"""g/kg: what each fraction of a pixel misses by, independently; so they do not sum to 1000."""
_RIM = 3
"""M01 cells around the area that the maps still show."""
_ROWS = 256
"""Rows of pixels that are located at once."""
ERROR_LENGTH = 25
"""km: wavelength of the maps' own errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoilMaps:
    """Clay, sand and silt as a map has them."""

    geobox: GeoBox
    """The product's own lattice, cropped."""
    fractions: Mapping[str, FloatArray]
    """``(y, x)`` each, g/kg; NaN in towns, in water and outside the area."""


def soil_maps(preset: Preset, domain: Domain, land: Land, seed: int) -> SoilMaps:
    """Map the texture of a world's land."""
    geobox = homolosine_window(domain.area)
    cells = _cells(geobox, domain)
    soil = _is_soil(cells, land, seed)
    fractions = {}
    for name, true in _mapped_texture(preset, domain, land, seed).items():
        grain = stream(seed, f"soil grain {name}").standard_normal(cells.shape, np.float32)
        values = 10 * true.ravel()[np.maximum(cells, 0)] + np.float32(GRAIN) * grain
        fractions[name] = np.where(soil, np.clip(values, 0, 1000), np.float32(np.nan))
    return SoilMaps(geobox=geobox, fractions=fractions)


def homolosine_window(area: GeoBox) -> GeoBox:
    """Return the lattice of SoilGrids around an area, which lies in one lobe."""
    to_map = Transformer.from_crs("EPSG:4326", HOMOLOSINE, always_xy=True)
    x, y = (np.asarray(values) / PIXEL for values in to_map.transform(*outline(area)))
    margin = 12
    left, top = int(np.floor(x.min())) - margin, int(np.ceil(y.max())) + margin
    right, bottom = int(np.ceil(x.max())) + margin, int(np.floor(y.min())) - margin
    affine = Affine(PIXEL, 0, left * PIXEL, 0, -PIXEL, top * PIXEL)
    return GeoBox((top - bottom, right - left), affine, HOMOLOSINE)


def _mapped_texture(
    preset: Preset, domain: Domain, land: Land, seed: int
) -> Mapping[str, FloatArray]:
    """Return the texture that the maps believe, %, at 1 km."""
    texture = {"clay": land.clay, "sand": land.sand}
    if preset.soil_map_error:
        field = RandomField(domain.shape, ERROR_LENGTH)
        for name, true in texture.items():
            error = field.draw(stream(seed, f"soil map error {name}"))
            texture[name] = np.clip(true + np.float32(preset.soil_map_error) * error, 1, 90)
    texture["silt"] = np.maximum(100 - texture["clay"] - texture["sand"], 0)
    return texture


def _cells(geobox: GeoBox, domain: Domain) -> NDArray[np.int32]:
    """Return the 1 km cell, row by row, under every pixel; -1 beyond the area and its rim."""
    rows = range(0, geobox.shape.y, _ROWS)
    return np.concatenate([_cells_of(geobox[row : row + _ROWS, :], domain) for row in rows])


def _cells_of(geobox: GeoBox, domain: Domain) -> NDArray[np.int32]:
    to_ease = Transformer.from_crs(HOMOLOSINE, "EPSG:6933", always_xy=True)
    a = geobox.affine
    x = a.c + a.a * (np.arange(geobox.shape.x) + 0.5)
    y = a.f + a.e * (np.arange(geobox.shape.y) + 0.5)
    ease_x, ease_y = (np.asarray(values) for values in to_ease.transform(*np.meshgrid(x, y)))
    inverse = ~domain.fine.affine
    column = np.floor(inverse.a * ease_x + inverse.c)
    row = np.floor(inverse.e * ease_y + inverse.f)
    height, width = domain.shape
    edge = (height - domain.area.shape.y) // 2 - _RIM
    inside = (row >= edge) & (row < height - edge) & (column >= edge) & (column < width - edge)
    return np.where(inside, row * width + column, -1).astype(np.int32)


def _is_soil(cells: NDArray[np.int32], land: Land, seed: int) -> NDArray[np.bool_]:
    """Draw which pixels are neither town nor water."""
    covered = (land.urban + land.water).ravel()
    soil = cells >= 0
    kinds = draw_shares(cells[soil], np.stack([1 - covered, covered]), stream(seed, "soil holes"))
    soil[soil] = kinds == 0
    return soil
