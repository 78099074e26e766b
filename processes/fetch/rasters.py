"""A region's window of a raster that lies elsewhere, read by ranges."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.windows import Window

from engine.grids import covering_window, outline, transformer
from engine.products.names import recognise
from processes.fetch.errors import ProviderError
from processes.fetch.offers import Offer, shown
from processes.fetch.ranges import RangeFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rasterio.io import DatasetReader

    from processes.fetch.client import Client
    from processes.fetch.wanted import Wanted

_PACKED = 0.6
"""Share of its size that a packed window has, as a rule."""
_GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MAX_RETRY": "5",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_HTTP_CONNECTTIMEOUT": "30",
    "GDAL_HTTP_TIMEOUT": "120",
    "CPL_VSIL_CURL_USE_HEAD": "NO",
    "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/",  # neither failures nor versions are remembered
    "VSI_CACHE": "TRUE",
}
_BLOCK = 1 << 16
"""Bytes of a COG that are asked for at a time."""
_MARGIN = 2
"""Pixels about the window."""


class RasterFinder:
    """Offers the window of a raster that is known to be there: one for each variable."""

    def find(self, wanted: Wanted) -> Sequence[Offer]:
        """Return the windows; nothing is asked."""
        source = wanted.source
        size = round(_pixels(wanted) * source.pixel_bytes * _PACKED)
        offers = []
        for variable in (name for one in wanted.spec.variables for name in one.source[:1]):
            name = (source.name or "{variable}.tif").format(variable=variable)
            granule = recognise(Path(name), {wanted.spec.id: wanted.spec})
            if granule is None:
                continue
            offers.append(
                Offer(
                    product=wanted.spec.id,
                    name=name,
                    url=source.url.format(variable=variable),
                    size=size,
                    granule=granule,
                    way="raster",
                )
            )
        return offers


def _pixels(wanted: Wanted) -> float:
    """Foretell how many pixels a region's window has."""
    crs, pixel = wanted.source.crs or "EPSG:4326", wanted.source.pixel or 1.0
    lon, lat = outline(wanted.area)
    x, y = transformer("EPSG:4326", crs).transform(lon, lat)
    return float(np.ptp(x) / pixel + 2 * _MARGIN) * float(np.ptp(y) / pixel + 2 * _MARGIN)


def cut_cog(
    client: Client, offer: Offer, area: GeoBox, path: Path, arrived: Callable[[int], None]
) -> int:
    """Write the window of a COG that covers an area; return the bytes that came for it.

    Other than :func:`cut_raster` it goes through our own client, and reads no other file.
    """
    with RangeFile(client, offer.url, offer.login, arrived, _BLOCK) as file:
        file.seek(0, io.SEEK_END)  # GDAL would hide why it cannot be had
        cut_raster(offer, area, path, lambda *_, **__: file.again())
        return file.came


def cut_raster(
    offer: Offer, area: GeoBox, path: Path, opener: Callable[..., RangeFile] | None = None
) -> int:
    """Write the window of a raster that covers an area; return its size in bytes.

    Parameters
    ----------
    offer
        Says where the raster lies; GDAL reads it there.
    area
        What must be covered.
    path
        GeoTIFF to write, whatever its name.
    opener
        Opens it in place of GDAL.

    Raises
    ------
    ProviderError
        Where it cannot be read, or does not reach the area.
    """
    try:
        with rasterio.Env(**_GDAL), _open(offer, opener) as raster:
            geobox = GeoBox(raster.shape, raster.transform, raster.crs.to_wkt())
            window = covering_window(geobox, area, pad=_MARGIN)
            if window is None:
                raise ProviderError(shown(offer.url), "it does not reach the region")
            rows, columns = window
            values = raster.read(1, window=Window.from_slices(rows, columns))
            profile = _profile(raster.profile, geobox, rows, columns)
            tags, units = raster.tags(), raster.units[:1]
    except RasterioError:
        # GDAL's own text holds the whole address.
        raise ProviderError(shown(offer.url), "it cannot be read", again=True) from None
    with rasterio.open(path, "w", **profile) as file:
        file.write(values, 1)
        file.update_tags(**tags)
        file.units = units
    return path.stat().st_size


def _open(offer: Offer, opener: Callable[..., RangeFile] | None) -> DatasetReader:
    return rasterio.open(_address(offer.url) if opener is None else offer.name, opener=opener)


def _address(url: str) -> str:
    return f"/vsicurl/{url}" if url.startswith(("http://", "https://")) else url


def _profile(
    profile: Mapping[str, Any], geobox: GeoBox, rows: slice, columns: slice
) -> dict[str, Any]:
    part = geobox[rows, columns]
    return {
        "driver": "GTiff",
        "height": part.shape.y,
        "width": part.shape.x,
        "count": 1,
        "dtype": profile["dtype"],
        "crs": profile["crs"],
        "transform": part.affine,
        "nodata": profile["nodata"],
        "compress": "deflate",
        "predictor": 2,
    }
