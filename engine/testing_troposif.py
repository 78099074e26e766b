"""Daily files of soundings for tests, laid out as TROPOSIF L2B is."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import h5py
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]

DAY_SHARE = 0.4
"""Mean of the day, of the moment's signal."""
FILL = 9.969209968386869e36
"""What NetCDF fills with where nothing is declared, which the true files do."""


def day_file(day: date, soundings: Mapping[str, Floats]) -> bytes:
    """Return a daily file.

    Parameters
    ----------
    day
        Its day.
    soundings
        ``latitude``, ``longitude``, ``sif`` (mean of the day), ``error`` (of the moment),
        ``cloud`` and ``zenith``, each ``(n,)``.
    """
    buffer = io.BytesIO()
    paths = {
        "PRODUCT/latitude": soundings["latitude"],
        "PRODUCT/longitude": soundings["longitude"],
        "PRODUCT/SIF_743": soundings["sif"] / DAY_SHARE,
        "PRODUCT/SIF_Corr_743": soundings["sif"],
        "PRODUCT/SIF_ERROR_743": soundings["error"],
        "PRODUCT/SUPPORT_DATA/INPUT_DATA/cloud_fraction_L2": soundings["cloud"],
        "PRODUCT/SUPPORT_DATA/GEOLOCATIONS/solar_zenith_angle": soundings["zenith"],
    }
    with h5py.File(buffer, "w") as file:
        file.attrs["title"] = "TROPOSIF_L2B"
        for name, values in paths.items():
            file.create_dataset(name, data=values.astype(np.float32), chunks=True, compression=4)
        file["PRODUCT/delta_time"] = np.zeros(soundings["sif"].size, np.int32)
        file["PRODUCT/delta_time"].attrs["units"] = f"milliseconds since {day}T00:00:00 UTC"
    return buffer.getvalue()


def even_soundings(
    latitude: Floats, longitude: Floats, sif: Floats, each: int
) -> dict[str, Floats]:
    """Return several equal, good soundings at every place that has a signal."""
    there = np.isfinite(sif).ravel()
    spread = np.tile(np.arange(each), there.sum())
    columns = {"latitude": latitude, "longitude": longitude, "sif": sif}
    found = {name: np.repeat(values.ravel()[there], each) for name, values in columns.items()}
    ones = np.ones(spread.size)
    return {**found, "error": 0.3 * ones, "cloud": 0.1 * ones, "zenith": 30.0 * ones}
