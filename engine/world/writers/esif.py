"""eSIF as NetCDF or GeoTIFF.

No published layout was found; this one is the plainest that the format allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr

from engine.world.writers.geotiff import write_geotiff

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.world.operators.observation import Observation

UNITS = "mW m-2 nm-1 sr-1"
_FILL = np.float32(-9999)


def write_esif(
    observation: Observation, folder: Path, mark: str, style: Literal["netcdf", "geotiff"]
) -> Path:
    """Write one 8-day granule, named by the first day of its period."""
    stem = folder / f"{observation.time:%Y}" / esif_stem(observation.time)
    values = observation.fields["eSIF"].astype(np.float32)
    if style == "geotiff":
        path = stem.with_suffix(".tif")
        return write_geotiff(path, values, observation.geobox, nodata=-9999, mark=mark, units=UNITS)
    path = stem.with_suffix(".nc")
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = _dataset(values, observation.geobox)
    dataset.attrs["time_coverage_start"] = f"{observation.time:%Y-%m-%d}"
    dataset.attrs["synthetic"] = mark
    dataset.to_netcdf(path, engine="h5netcdf", encoding={"eSIF": {"_FillValue": _FILL}})
    return path


def esif_stem(time: datetime) -> str:
    """Return a granule's name without suffix.

    >>> from datetime import datetime
    >>> esif_stem(datetime(2019, 1, 9))
    'eSIF_005deg_8day_2019009'
    """
    return f"eSIF_005deg_8day_{time:%Y%j}"


def _dataset(values: NDArray[np.float32], geobox: GeoBox) -> xr.Dataset:
    a = geobox.affine
    latitude = a.f + a.e * (np.arange(geobox.shape.y) + 0.5)
    longitude = a.c + a.a * (np.arange(geobox.shape.x) + 0.5)
    name = "enhanced solar-induced chlorophyll fluorescence at 740 nm"
    return xr.Dataset(
        {"eSIF": (("lat", "lon"), values, {"long_name": name, "units": UNITS})},
        coords={
            "lat": ("lat", latitude, {"units": "degrees_north", "standard_name": "latitude"}),
            "lon": ("lon", longitude, {"units": "degrees_east", "standard_name": "longitude"}),
        },
        attrs={"Conventions": "CF-1.8", "title": "TROPOMI enhanced SIF, 8-day, 0.05 degree"},
    )
