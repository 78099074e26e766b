"""GeoTIFFs: CHIRPS, SRTM, SoilGrids, eSIF in its second format, and the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import rasterio

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.grids import FloatArray
    from engine.world.operators.observation import Observation


def write_chirps(observation: Observation, folder: Path, mark: str) -> Path:
    """Write one day of rain in mm, as ``chirps-v2.0.YYYY.MM.DD.tif`` below its year."""
    time = observation.time
    path = folder / f"{time:%Y}" / chirps_name(time)
    rain = observation.fields["precipitation"]
    return write_geotiff(path, rain, observation.geobox, nodata=-9999, mark=mark)


def chirps_name(time: datetime) -> str:
    """Return the published name of a day's file."""
    return f"chirps-v2.0.{time:%Y.%m.%d}.tif"


def soilgrids_name(fraction: str) -> str:
    """Return the published name of a fraction's file."""
    return f"{fraction}_0-5cm_mean.tif"


def write_srtm(folder: Path, name: str, elevation: FloatArray, geobox: GeoBox, mark: str) -> Path:
    """Write one tile of elevation in m, int16."""
    values = np.rint(elevation).astype(np.int16)
    return write_geotiff(
        folder / f"{name}.tif", values, geobox, nodata=-32768, mark=mark, units="m", predictor=2
    )


def write_soilgrids(
    folder: Path, name: str, fraction: FloatArray, geobox: GeoBox, mark: str
) -> Path:
    """Write one fraction of the soil in g/kg, int16, without saying its unit: nor do they."""
    values = np.where(np.isfinite(fraction), np.rint(fraction), -32768).astype(np.int16)
    path = folder / soilgrids_name(name)
    return write_geotiff(path, values, geobox, nodata=-32768, mark=mark, predictor=2)


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
