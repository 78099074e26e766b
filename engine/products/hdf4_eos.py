"""HDF4-EOS grids: MODIS tiles on the sinusoidal grid, whole or cut out.

pyhdf returns wrong numbers for scalar indices under recent numpy; whole slices are right, so
nothing else is ever asked of it.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from pyhdf.error import HDF4Error
from pyhdf.SD import SD, SDC

from engine.errors import GranuleError
from engine.products.eos_grid import located
from engine.products.hdf4_layout import check_hdf4_complete
from engine.products.physical import Said, check_filled, field_of, number_of, numbers_of, text_of
from engine.products.sources import SourceGrid, Window, reading
from engine.products.stamps import check_stamp, modis_days

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from engine.granules import Field, Granule
    from engine.products.spec import ProductSpec, VariableSpec

_ID = "LOCALGRANULEID"

_LOCK = Lock()


def decode_hdf4_eos(
    granule: Granule, spec: ProductSpec, variables: Sequence[VariableSpec], area: GeoBox
) -> Mapping[str, Field]:
    """Read the pixels of a sinusoidal HDF4-EOS file that cover an area."""
    path = granule.path
    with reading(path, f"{spec.id} as HDF4", HDF4Error, OSError), opened_hdf4(path) as file:
        geobox, _ = located(granule, spec.grid, _text(file, "StructMetadata.0"))
        window = SourceGrid(geobox=geobox).window(area)
        if window is None:
            return {}
        check_stamp(granule, modis_days(_text(file, "CoreMetadata.0"), _text(file, _ID)))
        return {
            variable.name: _field(file, path, variable, geobox, window) for variable in variables
        }


def _field(file: SD, path: Path, variable: VariableSpec, geobox: GeoBox, window: Window) -> Field:
    stored, said = _read(file, path, variable.source, geobox, window)
    quality = None
    if variable.quality is not None:
        quality, _ = _read(file, path, (variable.quality.source,), geobox, window)
    everything = _whole_window(geobox)
    check_filled(
        path,
        variable,
        said,
        stored,
        lambda: _read(file, path, variable.source, geobox, everything)[0],
    )
    return field_of(path, variable, said, stored, geobox=window.geobox, quality=quality)


def _whole_window(geobox: GeoBox) -> Window:
    height, width = geobox.shape
    return Window(rows=slice(0, height), columns=slice(0, width), geobox=geobox)


def _read(
    file: SD, path: Path, names: Sequence[str], geobox: GeoBox, window: Window
) -> tuple[np.ndarray[Any, Any], Said]:
    """Read one data set's window and attributes."""
    data = _select(file, path, names)
    try:
        name, _, shape, *_ = data.info()
        if tuple(np.atleast_1d(shape)) != tuple(geobox.shape):
            raise GranuleError(
                path,
                f"{name} has the shape {shape}",
                f"{list(geobox.shape)} as StructMetadata says",
            )
        rows, columns = window.rows, window.columns
        stored = data.get(
            start=[rows.start, columns.start],
            count=[rows.stop - rows.start, columns.stop - columns.start],
        )
        attributes = data.attributes()
    finally:
        data.endaccess()
    said = Said(
        name=name,
        units=text_of(attributes.get("units")),
        scale=number_of(attributes.get("scale_factor")),
        offset=number_of(attributes.get("add_offset")),
        fill=numbers_of([attributes.get("_FillValue")]),
    )
    return stored, said


def _select(file: SD, path: Path, names: Sequence[str]) -> Any:
    for name in names:
        try:
            return file.select(name)
        except HDF4Error:
            continue
    raise GranuleError(path, "the variable is missing", " or ".join(names))


def _text(file: SD, name: str) -> str:
    """Return a global attribute, empty where there is none."""
    return str(getattr(file, name, ""))


@contextmanager
def opened_hdf4(path: Path) -> Iterator[SD]:
    """Open an HDF4 file; one at a time, since the C library is not safe between threads."""
    check_hdf4_complete(path)
    with _LOCK:
        file = SD(str(path), SDC.READ)
        try:
            yield file
        finally:
            file.end()
