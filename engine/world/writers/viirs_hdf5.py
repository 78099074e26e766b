"""VIIRS tiles as HDF-EOS5 grids, made of what MODIS would have seen.

The instruments differ in their files here, not in what they see: bands, overpass and noise are
those of MODIS.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pydantic import BaseModel, ConfigDict, Field

from engine.products.hdf5_eos import FIELDS, STRUCTURE
from engine.world.operators.observation import Observation
from engine.world.writers.modis_hdf4 import PackedField, packed_products, struct_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_DEFLATE = 1


class ViirsField(PackedField):
    """How one field is stored, and what it is made of."""

    source: str
    """Field of MODIS."""
    pairs: dict[int, int] = Field(default_factory=dict)
    """For each band to put for ``{band}`` in the name, the band of MODIS; empty for one field."""
    codes: dict[int, int] = Field(default_factory=dict)
    """Flag to store for each flag of MODIS; empty keeps them."""

    def made_of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what the field holds, flags being translated."""
        if not self.codes:
            return values
        table = np.full(256, self.fill, np.uint8)
        table[list(self.codes)] = list(self.codes.values())
        return np.asarray(table[values])


class ViirsProduct(BaseModel):
    """A VIIRS product's files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: str
    """MODIS product that it is made of."""
    grid: str
    tile_pixels: int
    title: str
    doi: str
    fields: dict[str, ViirsField]


@cache
def viirs_products() -> Mapping[str, ViirsProduct]:
    """Return how the VIIRS products are packed, by product, with the bands spelt out."""
    folder = resources.files("engine.world.writers")
    tables = tomllib.loads(folder.joinpath("viirs_granules.toml").read_text("utf-8"))
    products = {name: ViirsProduct.model_validate(table) for name, table in tables.items()}
    return {
        name: product.model_copy(update={"fields": _spelt_out(product.fields)})
        for name, product in products.items()
    }


def as_viirs(seen: Observation) -> Observation:
    """Return an observation of MODIS as one of VIIRS; one that has no counterpart as it is."""
    for name, product in viirs_products().items():
        if product.of == seen.product:
            return _translated(seen, name, product)
    return seen


def viirs_name(seen: Observation) -> str:
    """Return a granule's name; it was never produced, so its production time is its date."""
    return f"{seen.product}.A{seen.time:%Y%j}.{seen.tile}.002.{seen.time:%Y%j%H%M%S}.h5"


def write_viirs(seen: Observation, folder: Path, mark: str) -> Path:
    """Write one granule below a folder by year; return its path.

    Parameters
    ----------
    seen
        Fields by their names in the file.
    folder
        Of the product.
    mark
        Text that says that the data are synthetic.
    """
    product = viirs_products()[seen.product]
    path = folder / f"{seen.time:%Y}" / viirs_name(seen)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs.update({"title": product.title, "identifier_product_doi": product.doi})
        file.attrs.update({"LocalGranuleID": path.name, "synthetic": mark})
        structure = struct_metadata(product, seen.geobox)
        file[STRUCTURE] = np.bytes_(structure.replace("=GCTP_", "=HE5_GCTP_"))
        group = file.create_group(FIELDS.format(grid=product.grid))
        for name, field in product.fields.items():
            _write_field(group, name, field, field.pack(seen.fields[name], seen.absent.get(name)))
    return path


def _write_field(group: h5py.Group, name: str, field: ViirsField, stored: NDArray[Any]) -> None:
    dataset = group.create_dataset(name, data=stored, compression=_DEFLATE)
    dataset.attrs["long_name"] = field.long_name
    dataset.attrs["_FillValue"] = np.array([field.fill], field.type)
    dataset.attrs["valid_range"] = np.array(field.valid, field.type)
    if field.units is not None:
        dataset.attrs["units"] = field.units
    if field.scale is not None:
        dataset.attrs["scale_factor"] = np.array([field.scale])
        dataset.attrs["add_offset"] = np.array([field.offset])


def _translated(seen: Observation, name: str, product: ViirsProduct) -> Observation:
    factor = packed_products()[product.of].tile_pixels // product.tile_pixels
    geobox, left, top = _coarser(seen.geobox, factor)
    rows, columns = geobox.shape

    def blocks(values: NDArray[Any]) -> NDArray[Any]:
        """Return the block of pixels that each one of ours is made of, ``(y, dy, x, dx)``."""
        part = values[top : top + rows * factor, left : left + columns * factor]
        return part.reshape(rows, factor, columns, factor)

    fields = {
        own: field.made_of(_joined(blocks(seen.fields[field.source])))
        for own, field in product.fields.items()
    }
    absent = {
        own: blocks(seen.absent[field.source]).max(axis=(1, 3))
        for own, field in product.fields.items()
        if field.source in seen.absent
    }
    return Observation(
        product=name, time=seen.time, geobox=geobox, tile=seen.tile, fields=fields, absent=absent
    )


def _joined(blocks: NDArray[Any]) -> NDArray[Any]:
    """Return the mean of values, missing where one is; of flags the worst, which is the highest."""
    if blocks.dtype.kind == "f":
        return np.asarray(blocks.mean(axis=(1, 3)), np.float32)
    return np.asarray(blocks.max(axis=(1, 3)))


def _coarser(geobox: GeoBox, factor: int) -> tuple[GeoBox, int, int]:
    """Return the whole pixels of a coarser lattice in a grid, and the columns and rows before."""
    a = geobox.affine
    left, top = -round(a.c / a.a) % factor, -round(a.f / a.e) % factor
    shape = ((geobox.shape.y - top) // factor, (geobox.shape.x - left) // factor)
    x, y = a * (left, top)
    return GeoBox(shape, Affine(a.a * factor, 0, x, 0, a.e * factor, y), geobox.crs), left, top


def _spelt_out(fields: Mapping[str, ViirsField]) -> dict[str, ViirsField]:
    spelt: dict[str, ViirsField] = {}
    for name, field in fields.items():
        # A name that has no place for a band stays as it is.
        for band, other in (field.pairs or {0: 0}).items():
            names = {
                "long_name": field.long_name.format(band=band),
                "source": field.source.format(band=other),
            }
            spelt[name.format(band=band)] = field.model_copy(update=names)
    return spelt
