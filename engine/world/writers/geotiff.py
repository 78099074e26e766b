"""GeoTIFFs: CHIRPS, SRTM, eSIF in its second format, and the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import rasterio

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.months import Month

    type Array = NDArray[np.float32]


def write_chirps(folder: Path, time: datetime, rain: Array, geobox: GeoBox, mark: str) -> Path:
    """Write one day of rain in mm, as ``chirps-v2.0.YYYY.MM.DD.tif`` below its year."""
    path = folder / f"{time:%Y}" / f"chirps-v2.0.{time:%Y.%m.%d}.tif"
    return write_geotiff(path, rain, geobox, nodata=-9999, mark=mark)


def write_srtm(folder: Path, name: str, elevation: Array, geobox: GeoBox, mark: str) -> Path:
    """Write one tile of elevation in m, int16."""
    values = np.rint(elevation).astype(np.int16)
    return write_geotiff(
        folder / f"{name}.tif", values, geobox, nodata=-32768, mark=mark, units="m", predictor=2
    )


def write_truth(
    folder: Path, name: str, month: Month, values: Array, geobox: GeoBox, mark: str, units: str
) -> Path:
    """Write a month of the truth, as ``<name>_YYYY-MM.tif``."""
    path = folder / f"{name}_{month}.tif"
    return write_geotiff(path, values, geobox, nodata=-9999, mark=mark, units=units, predictor=3)


def write_geotiff(
    path: Path,
    values: NDArray[np.float32] | NDArray[np.int16],
    geobox: GeoBox,
    *,
    nodata: float,
    mark: str,
    units: str | None = None,
    predictor: int = 1,
) -> Path:
    """Write one band ``(y, x)``; NaN becomes ``nodata``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if np.issubdtype(values.dtype, np.floating):
        values = np.nan_to_num(values, nan=nodata)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype.name,
        crs=str(geobox.crs),
        transform=geobox.affine,
        nodata=nodata,
        compress="deflate",
        predictor=predictor,
    ) as file:
        file.write(values, 1)
        file.update_tags(synthetic=mark)
        if units is not None:
            file.units = (units,)
    return path
