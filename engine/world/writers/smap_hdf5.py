"""SPL4SMGP as HDF5.

A window's granules differ only in their numbers, so the HDF5 structure is made once and each
granule is that image with its values put in place: thousands of files cost seconds.
"""

from __future__ import annotations

import io
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from engine.grids import COARSE, lonlat

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.world.operators.observation import Observation

_EPOCH = datetime(2000, 1, 1, 11, 58, 55, 816000, tzinfo=UTC)
_GROUP = "Geophysical_Data"
_FILL = np.float32(-9999)


def granule_name(time: datetime) -> str:
    """Return the published name of a granule.

    >>> granule_name(datetime(2019, 7, 1, 1, 30, tzinfo=UTC))
    'SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5'
    """
    return f"SMAP_L4_SM_gph_{time:%Y%m%dT%H%M%S}_Vv8010_001.h5"


_PLACEHOLDER = granule_name(datetime(1900, 1, 1, tzinfo=UTC))


class SmapWriter:
    """Writes granules; the first of a window makes the image of all.

    Parameters
    ----------
    mark
        Text that says that the data are synthetic.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._images: dict[GeoBox, _Image] = {}

    def write(self, observation: Observation, folder: Path) -> Path:
        """Write one granule below a folder by year and month; return its path."""
        geobox = observation.geobox
        if geobox not in self._images:
            self._images[geobox] = _image(geobox, self._mark)
        image = self._images[geobox]
        name = granule_name(observation.time)
        content = bytearray(image.content.replace(_PLACEHOLDER.encode(), name.encode()))
        for field, offset in image.offsets.items():
            if field == "time":
                values: NDArray[Any] = np.array([_seconds(observation.time)], "<f8")
            else:
                values = np.nan_to_num(observation.fields[field], nan=float(_FILL)).astype("<f4")
            content[offset : offset + values.nbytes] = values.tobytes()
        path = folder / f"{observation.time:%Y/%m}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


def _seconds(time: datetime) -> float:
    return (time - _EPOCH).total_seconds()


@dataclass(frozen=True, slots=True)
class _Image:
    """An HDF5 file of zeros, and where in it each changing array lies."""

    content: bytes
    offsets: dict[str, int]


def _image(geobox: GeoBox, mark: str) -> _Image:
    table = _table()
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="earliest") as file:
        file.attrs.update({key: np.bytes_(text) for key, text in table["attributes"].items()})
        file.attrs["Filename"] = np.bytes_(_PLACEHOLDER)
        file.attrs["synthetic"] = mark
        _write_axes(file, geobox)
        _write_cells(file, geobox)
        projection = file.create_dataset("EASE2_global_projection", data=np.bytes_(b""))
        projection.attrs.update(table["projection"])
        time = file.create_dataset("time", data=np.zeros(1))
        time.attrs["long_name"] = np.bytes_("Time")
        time.attrs["units"] = np.bytes_("seconds since 2000-01-01 11:58:55.816")
        zeros = np.zeros((geobox.shape.y, geobox.shape.x), np.float32)
        for field, attributes in table["fields"].items():
            dataset = file.create_dataset(f"{_GROUP}/{field}", data=zeros)
            _describe(dataset, file, attributes)
        file.flush()
        offsets = {field: file[_GROUP][field].id.get_offset() for field in table["fields"]}
        offsets["time"] = time.id.get_offset()
    return _Image(buffer.getvalue(), offsets)


def _write_axes(file: h5py.File, geobox: GeoBox) -> None:
    a = geobox.affine
    axes = {
        "x": a.c + a.a * (np.arange(geobox.shape.x) + 0.5),
        "y": a.f + a.e * (np.arange(geobox.shape.y) + 0.5),
    }
    for name, values in axes.items():
        dataset = file.create_dataset(name, data=values)
        dataset.make_scale(name)
        dataset.attrs["units"] = np.bytes_("m")
        dataset.attrs["axis"] = np.bytes_(name.upper())
        dataset.attrs["standard_name"] = np.bytes_(f"projection_{name}_coordinate")
        dataset.attrs["long_name"] = np.bytes_(
            f"{name.upper()} coordinate of cell center in EASE-Grid 2.0 global projection"
        )


def _write_cells(file: h5py.File, geobox: GeoBox) -> None:
    longitude, latitude = lonlat(geobox)
    left, top = ~COARSE.affine * (geobox.affine.c, geobox.affine.f)
    rows = np.arange(geobox.shape.y, dtype=np.uint32) + round(top)
    columns = np.arange(geobox.shape.x, dtype=np.uint32) + round(left)
    grids = np.meshgrid(rows.astype(np.uint32), columns.astype(np.uint32), indexing="ij")
    cells = {
        "cell_lat": (latitude.astype(np.float32), "degrees_north", "latitude"),
        "cell_lon": (longitude.astype(np.float32), "degrees_east", "longitude"),
        "cell_row": (grids[0], "dimensionless", "row index"),
        "cell_column": (grids[1], "dimensionless", "column index"),
    }
    for name, (values, units, what) in cells.items():
        dataset = file.create_dataset(name, data=values)
        dataset.attrs["units"] = np.bytes_(units)
        dataset.attrs["long_name"] = np.bytes_(f"The {what} of each cell in EASE-Grid 2.0 M09")
        if values.dtype == np.float32:
            dataset.attrs["_FillValue"] = _FILL
        _attach(dataset, file)


def _describe(dataset: h5py.Dataset, file: h5py.File, attributes: dict[str, Any]) -> None:
    for name in ("_FillValue", "fmissing_value", "missing_value"):
        dataset.attrs[name] = _FILL
    for name, value in attributes.items():
        dataset.attrs[name] = np.bytes_(value) if isinstance(value, str) else np.float32(value)
    dataset.attrs["coordinates"] = np.bytes_("cell_lat cell_lon")
    dataset.attrs["grid_mapping"] = np.bytes_("EASE2_global_projection")
    _attach(dataset, file)


def _attach(dataset: h5py.Dataset, file: h5py.File) -> None:
    dataset.attrs["DIMENSION_LABELS"] = np.array(["y", "x"], dtype=h5py.string_dtype())
    for axis, name in enumerate(("y", "x")):
        dataset.dims[axis].attach_scale(file[name])


def _table() -> dict[str, Any]:
    text = resources.files("engine.world.writers").joinpath("smap_granule.toml").read_text("utf-8")
    return tomllib.loads(text)
