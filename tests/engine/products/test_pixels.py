"""How large pixels are is known before they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from affine import Affine

from engine.errors import GranuleError
from engine.granules import Granule
from engine.products.pixels import pixel_side
from engine.products.spec import spec_of

if TYPE_CHECKING:
    from pathlib import Path


def side(product: str, path: Path) -> float:
    """Return the side of a product's pixels, metres."""
    return pixel_side(Granule(path=path, product=product, period=None), spec_of(product))


@pytest.mark.parametrize(("product", "metres"), [("MCD43A4", 463.3), ("CHIRPS", 5566.0)])
def test_the_spec_tells_without_a_file(product: str, metres: float, tmp_path: Path) -> None:
    """Tiles have so many pixels, other grids so many degrees."""
    assert side(product, tmp_path / "none.hdf") == pytest.approx(metres, rel=1e-3)


@pytest.mark.parametrize(
    ("crs", "pixel", "metres"), [("EPSG:4326", 1 / 3600, 30.9), ("EPSG:6933", 250.0, 250.0)]
)
def test_else_a_raster_is_asked(crs: str, pixel: float, metres: float, tmp_path: Path) -> None:
    """In degrees or in metres."""
    place = {"crs": crs, "transform": Affine(pixel, 0, 100, 0, -pixel, 30)}
    shape = {"width": 2, "height": 2, "count": 1, "dtype": "int16"}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **shape, **place) as raster:
        raster.write(np.ones((1, 2, 2), np.int16))
    assert side("SRTM", tmp_path / "a.tif") == pytest.approx(metres, rel=1e-2)


def test_a_file_that_is_no_raster_is_named(tmp_path: Path) -> None:
    """The error is that of any damaged granule."""
    (tmp_path / "a.tif").write_bytes(b"nothing of the kind")
    with pytest.raises(GranuleError, match=r"a\.tif"):
        side("SRTM", tmp_path / "a.tif")
