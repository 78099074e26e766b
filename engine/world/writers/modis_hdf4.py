"""MODIS tiles as HDF4-EOS grids, cropped; ``StructMetadata.0`` says where the crop lies."""

from __future__ import annotations

import tomllib
from contextlib import chdir
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict
from pyhdf.SD import SD, SDC

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.world.operators.observation import Observation

_DEFLATE = 1
"""Level; noise hardly shrinks further, whatever the level."""
_TYPES = {"int16": SDC.INT16, "uint16": SDC.UINT16, "uint8": SDC.UINT8}


class PackedField(BaseModel):
    """How one field is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["int16", "uint16", "uint8"]
    fill: int
    valid: tuple[int, int]
    long_name: str
    units: str | None = None
    scale: float | None = None
    offset: float = 0.0
    bands: tuple[int, ...] = ()
    """Numbers to put for ``{band}`` in the names; empty for a single field."""

    def pack(self, values: NDArray[Any], absent: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return stored numbers of physical values (or of flags, where there is no scale).

        Parameters
        ----------
        values
            ``(y, x)``, NaN where missing.
        absent
            ``(y, x)`` numbers to store instead of values; 0 where there is none.
        """
        if self.scale is None:
            return values.astype(self.type)
        if absent is not None:
            return np.where(absent > 0, absent, self.pack(values)).astype(self.type)
        low, high = self.valid
        stored = np.clip(np.rint((values - self.offset) / self.scale), low, high)
        return np.where(np.isfinite(values), stored, self.fill).astype(self.type)


class PackedProduct(BaseModel):
    """A MODIS product's files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grid: str
    tile_pixels: int
    title: str
    doi: str
    fields: dict[str, PackedField]


def write_modis(observation: Observation, folder: Path, mark: str) -> Path:
    """Write one granule below a folder by year; return its path.

    HDF4 notes the path that a file is opened by. So that no machine's path is in it, the working
    directory is changed meanwhile: not for a process in which other threads count on it.

    Parameters
    ----------
    observation
        Fields by their names in the file.
    folder
        Of the product.
    mark
        Text that says that the data are synthetic.
    """
    product = packed_products()[observation.product]
    path = folder / f"{observation.time:%Y}" / granule_name(observation)
    path.parent.mkdir(parents=True, exist_ok=True)
    with chdir(path.parent):
        _write_file(path.name, observation, product, mark)
    return path


def _write_file(name: str, observation: Observation, product: PackedProduct, mark: str) -> None:
    file = SD(name, SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    try:
        for field in product.fields:
            stored = packed(observation, field)
            _write_field(file, field, product.fields[field], stored, product.grid)
        _write_attributes(file, product, observation.geobox, name, mark)
    finally:
        file.end()


def packed(observation: Observation, field: str) -> NDArray[Any]:
    """Return the numbers that a granule stores of one of its fields."""
    layout = packed_products()[observation.product].fields[field]
    absent = observation.absent.get(field)
    return layout.pack(observation.fields[field], absent)


def granule_name(observation: Observation) -> str:
    """Return a granule's name; it was never produced, so its production time is its date."""
    return modis_name(observation.product, observation.tile or "", observation.time)


def modis_name(product: str, tile: str, time: datetime) -> str:
    """Return the name of a granule of a tile.

    >>> from datetime import datetime
    >>> modis_name("MOD11A2", "h27v05", datetime(2019, 12, 27))
    'MOD11A2.A2019361.h27v05.061.2019361000000.hdf'
    """
    return f"{product}.A{time:%Y%j}.{tile}.061.{time:%Y%j%H%M%S}.hdf"


@cache
def packed_products() -> Mapping[str, PackedProduct]:
    """Return how the MODIS products are packed, by product, with the bands spelt out."""
    folder = resources.files("engine.world.writers")
    tables = tomllib.loads(folder.joinpath("modis_granules.toml").read_text("utf-8"))
    products = {
        name: PackedProduct.model_validate(_with_fields(table, tables))
        for name, table in tables.items()
    }
    return {
        name: product.model_copy(update={"fields": dict(_spell_out(product.fields))})
        for name, product in products.items()
    }


def _with_fields(table: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return a product's table with the fields of another that it names, where it names one."""
    own = dict(table)
    if "fields_as" in own:
        own["fields"] = tables[own.pop("fields_as")]["fields"]
    return own


def _spell_out(fields: Mapping[str, PackedField]) -> list[tuple[str, PackedField]]:
    spelt: list[tuple[str, PackedField]] = []
    for name, field in fields.items():
        for band in field.bands or ("",):
            long_name = field.long_name.format(band=band)
            spelt.append(
                (name.format(band=band), field.model_copy(update={"long_name": long_name}))
            )
    return spelt


def _write_field(file: SD, name: str, field: PackedField, stored: NDArray[Any], grid: str) -> None:
    code = _TYPES[field.type]
    dataset = file.create(name, code, stored.shape)
    dataset.setcompress(SDC.COMP_DEFLATE, _DEFLATE)
    for axis, dimension in enumerate(("YDim", "XDim")):
        dataset.dim(axis).setname(f"{dimension}:{grid}")
    dataset.attr("long_name").set(SDC.CHAR, field.long_name)
    if field.units is not None:
        dataset.attr("units").set(SDC.CHAR, field.units)
    dataset.attr("valid_range").set(code, list(field.valid))
    dataset.attr("_FillValue").set(code, field.fill)
    if field.scale is not None:
        dataset.attr("scale_factor").set(SDC.FLOAT64, field.scale)
        dataset.attr("scale_factor_err").set(SDC.FLOAT64, 0.0)
        dataset.attr("add_offset").set(SDC.FLOAT64, field.offset)
        dataset.attr("add_offset_err").set(SDC.FLOAT64, 0.0)
    dataset[:] = stored
    dataset.endaccess()


def _write_attributes(
    file: SD, product: PackedProduct, geobox: GeoBox, name: str, mark: str
) -> None:
    texts = {
        "HDFEOSVersion": "HDFEOS_V2.19",
        "StructMetadata.0": struct_metadata(product, geobox),
        "title": product.title,
        "identifier_product_doi": product.doi,
        "identifier_product_doi_authority": "http://dx.doi.org",
        "LOCALGRANULEID": name,
        "synthetic": mark,
    }
    for key, text in texts.items():
        file.attr(key).set(SDC.CHAR, text)


class Gridded(Protocol):
    """A product whose fields lie on one grid."""

    @property
    def grid(self) -> str:
        """Name of the grid."""
        ...

    @property
    def fields(self) -> Mapping[str, PackedField]:
        """How each field is stored."""
        ...


def struct_metadata(product: Gridded, geobox: GeoBox) -> str:
    """Return the text that HDF-EOS keeps a grid's georeference in."""
    a, rows, columns = geobox.affine, geobox.shape.y, geobox.shape.x
    right, bottom = a * (columns, rows)
    fields = "\n".join(
        f'\t\t\tOBJECT=DataField_{k}\n\t\t\t\tDataFieldName="{name}"\n'
        f"\t\t\t\tDataType=DFNT_{field.type.upper()}\n"
        f'\t\t\t\tDimList=("YDim","XDim")\n\t\t\tEND_OBJECT=DataField_{k}'
        for k, (name, field) in enumerate(product.fields.items(), start=1)
    )
    return f"""GROUP=SwathStructure
END_GROUP=SwathStructure
GROUP=GridStructure
\tGROUP=GRID_1
\t\tGridName="{product.grid}"
\t\tXDim={columns}
\t\tYDim={rows}
\t\tUpperLeftPointMtrs=({a.c:.6f},{a.f:.6f})
\t\tLowerRightMtrs=({right:.6f},{bottom:.6f})
\t\tProjection=GCTP_SNSOID
\t\tProjParams=(6371007.181000,0,0,0,0,0,0,0,86400,0,0,0,0)
\t\tSphereCode=-1
\t\tGridOrigin=HDFE_GD_UL
\t\tGROUP=Dimension
\t\tEND_GROUP=Dimension
\t\tGROUP=DataField
{fields}
\t\tEND_GROUP=DataField
\t\tGROUP=MergedFields
\t\tEND_GROUP=MergedFields
\tEND_GROUP=GRID_1
END_GROUP=GridStructure
GROUP=PointStructure
END_GROUP=PointStructure
END
"""
