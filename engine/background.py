"""What a model and SMAP say on average: the fields that a month's anomalies are counted from.

They are means over the model's training period, frozen with the model. So a month's map is the
same whichever months are asked for with it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from engine.errors import GridMismatchError, ModelError
from engine.grids import BLOCK, apply_affine, coarse_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.history import History

    type FloatArray = NDArray[np.floating]

MIN_MONTHS = 3
"""Fewest months that a mean is made of; fewer know no anomaly."""

_MOST_MISSING = 0.5
"""Largest share of the months that may lack a pixel."""
_UNITS = "m3 m-3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Means over a training period."""

    area: GeoBox
    """The fine grid."""
    prediction: NDArray[np.float32]
    """``(9 h, 9 w)`` the model's own, m3 m-3; NaN where it mostly says nothing."""
    soil_moisture: NDArray[np.float32]
    """``(h, w)`` SMAP, m3 m-3; NaN where it is mostly missing."""

    @classmethod
    def of(cls, history: History, area: GeoBox) -> Background:
        """Average a training period.

        Raises
        ------
        ModelError
            Where it has fewer than three months.
        """
        if len(history.months) < MIN_MONTHS:
            raise ModelError(
                f"a background of {len(history.months)} months knows no anomaly; "
                f"needed: {MIN_MONTHS}"
            )
        return cls(
            area=area,
            prediction=_mean(history.fine).astype(np.float32),
            soil_moisture=_mean(history.coarse).astype(np.float32),
        )

    def on(self, area: GeoBox) -> Background:
        """Return the part on another fine grid; NaN where it lies beyond the training area.

        Raises
        ------
        GridMismatchError
            Where its coarse cells are not those of the training.
        """
        if area == self.area:
            return self
        top, left = _offset(self.area, area)
        coarse = coarse_of(area)
        if top % BLOCK or left % BLOCK:
            raise GridMismatchError("background", self.area.affine[:6], area.affine[:6])
        return Background(
            area=area,
            prediction=_moved(self.prediction, top, left, tuple(area.shape)),
            soil_moisture=_moved(
                self.soil_moisture, top // BLOCK, left // BLOCK, tuple(coarse.shape)
            ),
        )

    def to_bytes(self) -> bytes:
        """Return it as the content of a NetCDF file; equal backgrounds are equal files."""
        data = xr.Dataset(
            {
                "prediction": (("y", "x"), self.prediction, {"units": _UNITS}),
                "soil_moisture": (("coarse_y", "coarse_x"), self.soil_moisture, {"units": _UNITS}),
            },
            attrs={
                "title": "Means over a model's training period",
                "crs": str(self.area.crs),
                "transform": [float(number) for number in self.area.affine[:6]],
            },
        )
        buffer = io.BytesIO()
        data.to_netcdf(buffer, engine="h5netcdf")
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Background:
        """Read what :meth:`to_bytes` returned."""
        with xr.open_dataset(io.BytesIO(content), engine="h5netcdf") as data:
            prediction = data["prediction"].to_numpy()
            return cls(
                area=GeoBox(prediction.shape, Affine(*data.attrs["transform"]), data.attrs["crs"]),
                prediction=prediction,
                soil_moisture=data["soil_moisture"].to_numpy(),
            )


def _mean(values: FloatArray) -> NDArray[np.float64]:
    """Average over time what is there, where enough is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0, dtype=np.float64)
    enough = count >= max(MIN_MONTHS, (1 - _MOST_MISSING) * len(values))
    return np.where(enough, total / np.maximum(count, 1), np.nan)


def _offset(of: GeoBox, area: GeoBox) -> tuple[int, int]:
    """Return the row and the column of a grid where another begins."""
    corner = np.array([area.affine.c]), np.array([area.affine.f])
    column, row = (float(place[0]) for place in apply_affine(~of.affine, *corner))
    whole = round(row), round(column)
    if of.crs != area.crs or max(abs(row - whole[0]), abs(column - whole[1])) > 0.01:
        raise GridMismatchError("background", of.affine[:6], area.affine[:6])
    return whole


def _moved(
    values: NDArray[np.float32], top: int, left: int, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Cut a window out of an array; what lies beyond it is NaN."""
    moved = np.full(shape, np.nan, np.float32)
    rows = slice(max(top, 0), min(top + shape[0], values.shape[0]))
    columns = slice(max(left, 0), min(left + shape[1], values.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        to_rows = slice(rows.start - top, rows.stop - top)
        to_columns = slice(columns.start - left, columns.stop - left)
        moved[to_rows, to_columns] = values[rows, columns]
    return moved
