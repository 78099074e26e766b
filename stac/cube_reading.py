"""Find and open the cubes of the official collections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from zarr.storage import ObjectStore

from engine.cube import METADATA
from engine.grids import EASE2_CRS, BBox
from engine.months import Month
from stac.cube import cube_folders
from stac.cube_content import LATTICE, SYNTHETIC, checksums_of
from stac.products import Product, products
from stac.read import collection_document, read_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stac.store import CatalogStore


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCube:
    """What is told of a cube before it is opened."""

    key: str
    """Its folder below the catalogue's root; it stands for the content."""
    product: Product
    region: str
    synthetic: bool
    """Whether any of its months is no observation."""
    months: tuple[Month, ...]
    """In order of time; there may be gaps."""
    bbox: BBox
    """In degrees."""

    @property
    def id(self) -> str:
        """Name of it as a collection of its own, such as ``soil-moisture-henan``."""
        return f"{self.product.id}-{self.region}"


def published_cubes(
    catalog: CatalogStore, known: Mapping[str, PublishedCube] | None = None
) -> Iterator[PublishedCube]:
    """Give the cubes of the official collections, one for each region.

    Parameters
    ----------
    catalog
        Where.
    known
        Cubes that were given before, by key; they are not read once more.
    """
    for one in products().values():
        collection = collection_document(catalog, one.collection)
        for region, folder in cube_folders(collection or {}).items():
            key = f"{one.collection}/{folder}"
            cube = (known or {}).get(key) or _told(catalog, key, one, region)
            if cube is not None:
                yield cube


def open_cube(catalog: CatalogStore, key: str) -> xr.Dataset:
    """Open a cube; values are read when they are asked for.

    Parameters
    ----------
    catalog
        Where.
    key
        Folder of the cube.
    """
    store = ObjectStore(catalog.objects(key), read_only=True)
    cube: xr.Dataset = xr.open_zarr(store, chunks=None, consolidated=True)
    return cube


def _told(catalog: CatalogStore, key: str, told_of: Product, region: str) -> PublishedCube | None:
    document = read_document(catalog, f"{key}/{METADATA}")
    if document is None:
        return None
    said: dict[str, Any] = document["attributes"]
    *affine, height, width = said[LATTICE]
    grid = GeoBox((int(height), int(width)), Affine(*affine), EASE2_CRS)
    return PublishedCube(
        key=key,
        product=told_of,
        region=region,
        synthetic=said[SYNTHETIC] == "true",
        months=tuple(map(Month.parse, checksums_of(document))),
        bbox=BBox(*grid.geographic_extent.boundingbox.bbox),
    )
