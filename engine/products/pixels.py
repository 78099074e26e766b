"""How large the pixels of a product are, before any of them is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rasterio.errors import RasterioError

from engine.grids import SINUSOIDAL_TILE
from engine.products.packed import ERRORS as PACKING_ERRORS
from engine.products.packed import opened_raster
from engine.products.sources import reading

if TYPE_CHECKING:
    from engine.granules import Granule
    from engine.products.spec import ProductSpec

_DEGREE = 111_320.0
"""Length of a degree of latitude, metres."""
_UNKNOWN = 250.0
"""Side of pixels that nothing is known of, metres: as fine as any such product has them."""


def pixel_side(granule: Granule, spec: ProductSpec) -> float:
    """Return the side of a product's pixels in metres, about.

    Parameters
    ----------
    granule
        One of its files, which is asked where the spec tells nothing.
    spec
        What is known of the product.

    Raises
    ------
    GranuleError
        Where the file is no readable raster.
    """
    if spec.grid.tile_pixels is not None:
        return SINUSOIDAL_TILE / spec.grid.tile_pixels
    if spec.grid.pixel is not None:
        return spec.grid.pixel * _DEGREE
    if spec.formats.get(granule.path.suffix.lower()) != "geotiff":
        return _UNKNOWN
    with (
        reading(granule.path, "a raster that GDAL can read", RasterioError, *PACKING_ERRORS),
        opened_raster(granule.path) as raster,
    ):
        side = min(map(abs, raster.res))
        return float(side * _DEGREE if raster.crs is None or raster.crs.is_geographic else side)
