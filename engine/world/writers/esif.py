"""eSIF as NetCDF or GeoTIFF.

No published layout was found; this one is the plainest that the format allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import h5netcdf
import numpy as np

from engine.world.writers.geotiff import write_geotiff

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

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
    with h5netcdf.File(path, "w") as file:
        file.attrs["Conventions"] = "CF-1.8"
        file.attrs["title"] = "TROPOMI enhanced SIF, 8-day, 0.05 degree"
        file.attrs["time_coverage_start"] = f"{observation.time:%Y-%m-%d}"
        file.attrs["synthetic"] = mark
        _write_axes(file, observation.geobox)
        variable = file.create_variable(
            "eSIF", ("lat", "lon"), data=np.nan_to_num(values, nan=_FILL), fillvalue=_FILL
        )
        variable.attrs["long_name"] = "enhanced solar-induced chlorophyll fluorescence at 740 nm"
        variable.attrs["units"] = UNITS
    return path


def esif_stem(time: datetime) -> str:
    """Return a granule's name without suffix.

    >>> from datetime import datetime
    >>> esif_stem(datetime(2019, 1, 9))
    'eSIF_005deg_8day_2019009'
    """
    return f"eSIF_005deg_8day_{time:%Y%j}"


def _write_axes(file: h5netcdf.File, geobox: GeoBox) -> None:
    a = geobox.affine
    file.dimensions = {"lat": geobox.shape.y, "lon": geobox.shape.x}
    axes = {
        "lat": (a.f + a.e * (np.arange(geobox.shape.y) + 0.5), "degrees_north", "latitude"),
        "lon": (a.c + a.a * (np.arange(geobox.shape.x) + 0.5), "degrees_east", "longitude"),
    }
    for name, (values, units, standard_name) in axes.items():
        variable = file.create_variable(name, (name,), data=values)
        variable.attrs["units"] = units
        variable.attrs["standard_name"] = standard_name
