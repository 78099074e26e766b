"""A part of a cube as CoverageJSON 1.0: a grid, or the series of a place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.cog import NO_BITS
from engine.months import Month

if TYPE_CHECKING:
    import xarray as xr

    type Record = dict[str, Any]

_DIGITS = 8
"""After the point; beyond them are only the traces of float32."""
_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def coverage_json(data: xr.Dataset, parameters: Record) -> Record:
    """Write layers ``(time, latitude, longitude)`` as CoverageJSON.

    Parameters
    ----------
    data
        Float layers with NaN where missing, and layers of bits.
    parameters
        What is told of each layer, by its name.

    Returns
    -------
    dict
        A coverage; of one cell it is a ``PointSeries``, else a ``Grid``. Missing is null.
    """
    place = data.sizes["latitude"] == data.sizes["longitude"] == 1
    return {
        "type": "Coverage",
        "domain": {
            "type": "Domain",
            "domainType": "PointSeries" if place else "Grid",
            "axes": {
                "x": {"values": data["longitude"].to_numpy().tolist()},
                "y": {"values": data["latitude"].to_numpy().tolist()},
                "t": _months(data),
            },
            "referencing": [
                {"coordinates": ["x", "y"], "system": {"type": "GeographicCRS", "id": _CRS84}},
                {"coordinates": ["t"], "system": {"type": "TemporalRS", "calendar": "Gregorian"}},
            ],
        },
        "parameters": {name: parameters[str(name)] for name in data.data_vars},
        "ranges": {name: _range(layer, place=place) for name, layer in data.data_vars.items()},
    }


def _months(data: xr.Dataset) -> Record:
    """Return the axis of months: first days, and bounds."""
    days = np.datetime_as_string(data["time"].to_numpy(), unit="D")
    months = [Month.parse(str(day)[:7]) for day in days]
    return {
        "values": [_written(month) for month in months],
        "bounds": [_written(end) for month in months for end in (month, month.next())],
    }


def _written(month: Month) -> str:
    return f"{month}-01T00:00:00Z"


def _range(layer: xr.DataArray, *, place: bool) -> Record:
    values = layer.to_numpy()
    if bits := values.dtype.kind == "u":
        missing, numbers = values == NO_BITS, values
    else:
        missing, numbers = np.isnan(values), values.astype(np.float64).round(_DIGITS)
    written = numbers.astype(object)
    written[missing] = None
    return {
        "type": "NdArray",
        "dataType": "integer" if bits else "float",
        "axisNames": ["t"] if place else ["t", "y", "x"],
        "shape": [values.shape[0]] if place else list(values.shape),
        "values": written.ravel().tolist(),
    }
