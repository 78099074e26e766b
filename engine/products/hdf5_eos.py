"""HDF-EOS5 grids: VIIRS tiles on the sinusoidal grid, whole or cut out.

They are laid out as those of MODIS are, in another container: fields below
``/HDFEOS/GRIDS/<grid>/Data Fields``, the grid as text in ``/HDFEOS INFORMATION/StructMetadata.0``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import h5py

from engine.errors import GranuleError
from engine.products.eos_grid import located
from engine.products.hdf5_ease2 import ERRORS, said_by
from engine.products.physical import check_filled, field_of, text_of
from engine.products.sources import SourceGrid, reading
from engine.products.stamps import check_stamp, modis_days

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from engine.granules import Field, Granule
    from engine.products.spec import ProductSpec, VariableSpec

STRUCTURE = "HDFEOS INFORMATION/StructMetadata.0"
"""Where the text is that tells the grid."""
FIELDS = "HDFEOS/GRIDS/{grid}/Data Fields"
"""Where a grid's fields are."""
_IDENTIFIERS = ("LocalGranuleID", "LOCALGRANULEID")
"""Attributes of the file that hold its first name, the usual one first."""


def decode_hdf5_eos(
    granule: Granule, spec: ProductSpec, variables: Sequence[VariableSpec], area: GeoBox
) -> Mapping[str, Field]:
    """Read the pixels of a sinusoidal HDF-EOS5 file that cover an area."""
    path = granule.path
    with reading(path, f"{spec.id} as HDF5", *ERRORS), h5py.File(path, "r") as file:
        geobox, grid = located(granule, spec.grid, _structure(file))
        source = SourceGrid(geobox=geobox)
        window = source.window(area)
        if window is None:
            return {}
        check_stamp(granule, modis_days("", _identifier(file)))
        group = _fields(file, grid, path)
        found = {}
        for variable in variables:
            stored = _dataset(group, variable.source, geobox, path)
            values, said = window.read(stored), said_by(stored)
            quality = None
            if variable.quality is not None:
                flags = _dataset(group, (variable.quality.source,), geobox, path)
                quality = window.read(flags)
            check_filled(path, variable, said, values, partial(stored.__getitem__, ()))
            found[variable.name] = field_of(
                path, variable, said, values, geobox=window.geobox, quality=quality
            )
        return found


def _structure(file: h5py.File) -> str:
    """Return the text that tells the grid, empty where there is none."""
    stored = file.get(STRUCTURE)
    return text_of(stored[()]) or "" if isinstance(stored, h5py.Dataset) else ""


def _identifier(file: h5py.File) -> str:
    """Return the name that the file was given when it was made, empty where it does not tell."""
    told = (text_of(file.attrs.get(name)) for name in _IDENTIFIERS)
    return next(filter(None, told), "")


def _fields(file: h5py.File, grid: str | None, path: Path) -> h5py.Group:
    """Return the group of a grid's fields; of the only grid, where its name is not known."""
    grids = file.get("HDFEOS/GRIDS")
    names = list(grids) if isinstance(grids, h5py.Group) else []
    name = names[0] if grid is None and len(names) == 1 else grid
    found = file.get(FIELDS.format(grid=name))
    if not isinstance(found, h5py.Group):
        raise GranuleError(path, f"its grids are: {', '.join(names) or 'none'}", f"the grid {name}")
    return found


def _dataset(group: h5py.Group, names: Sequence[str], geobox: GeoBox, path: Path) -> h5py.Dataset:
    """Return the first of some fields that there is."""
    for name in names:
        found = group.get(name)
        if not isinstance(found, h5py.Dataset):
            continue
        if found.shape != tuple(geobox.shape):
            expected = f"{list(geobox.shape)} as StructMetadata says"
            raise GranuleError(path, f"{name} has the shape {list(found.shape)}", expected)
        return found
    raise GranuleError(path, "the variable is missing", " or ".join(names))
