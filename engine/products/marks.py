"""Whether a file says that it was made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import rasterio
from pyhdf.error import HDF4Error
from rasterio.errors import RasterioError

from engine.errors import GranuleError
from engine.products.hdf4_eos import opened_hdf4

if TYPE_CHECKING:
    from pathlib import Path

MARK = "synthetic"
"""Name of the global attribute, or of the GeoTIFF tag, of a made-up file."""


def is_marked(path: Path) -> bool:
    """Tell whether a file carries the mark; a file that cannot be read carries none."""
    try:
        if path.suffix == ".hdf":
            with opened_hdf4(path) as hdf4:
                return hasattr(hdf4, MARK)
        if path.suffix in {".h5", ".hdf5", ".nc", ".nc4"}:
            with h5py.File(path, "r") as hdf5:
                return MARK in hdf5.attrs
        if path.suffix in {".tif", ".tiff"}:
            with rasterio.open(path) as raster:
                return any(tag.lower() == MARK for tag in raster.tags())
    except (GranuleError, OSError, RuntimeError, HDF4Error, RasterioError):
        return False
    return False
