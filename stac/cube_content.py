"""What the cube of a region is to hold: the months of its items, and what is told of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from affine import Affine
from odc.geo.geobox import GeoBox
from pystac.utils import str_to_datetime

from engine.cube import CubeLayer, CubePlan
from engine.grids import EASE2_CRS
from engine.months import Month
from stac.fields import flag_fields
from stac.media import ZARR
from stac.products import product
from stac.read import item_documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stac.products import Layer, Product
    from stac.store import CatalogStore

    type Document = dict[str, Any]
    type Checksums = Mapping[str, Mapping[str, str]]

KEY = "cube-"
"""Beginning of an asset's key; the region's name follows."""
SYNTHETIC = "vadose:synthetic"
"""Attribute of a cube: whether any of its months is no observation."""
CHECKSUMS = "vadose:checksums"
"""Attribute of a cube: the checksums of the files that it was made of, by month and layer, as
JSON."""
LATTICE = "vadose:grid"
"""Attribute of a cube: where its cells lie, as an affine, and how many they are."""
BEFORE = "vadose:before"
"""Field of a cube's asset: the folder that was there before."""
_FORM = "1"
"""To be raised when the same files make another cube than before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeContent:
    """What a region's cube is to hold."""

    collection_id: str
    region: str
    title: str
    """Of the collection."""
    product: Product
    items: Mapping[Month, Document]
    """In order of time."""

    @property
    def key(self) -> str:
        """Key of the asset."""
        return f"{KEY}{self.region}"

    @property
    def layers(self) -> Sequence[str]:
        """Layers that any month has, in the product's order."""
        found = {name for item in self.items.values() for name in item["assets"]}
        return [name for name in self.product.layers if name in found]

    @property
    def grid(self) -> GeoBox:
        """The cells of all months."""
        return _around([grid_of(item, self.product.main) for item in self.items.values()])

    @property
    def checksums(self) -> Checksums:
        """The files that it is made of, by month and layer."""
        return {
            str(month): {
                name: item["assets"][name]["file:checksum"]
                for name in self.layers
                if name in item["assets"]
            }
            for month, item in self.items.items()
        }

    @property
    def lattice(self) -> list[float]:
        """The cells as an affine and a shape, to be compared."""
        grid = self.grid
        return [*grid.affine[:6], *grid.shape]

    @property
    def folder(self) -> str:
        """Name of the cube's folder, which stands for its content."""
        said = json.dumps([_FORM, self.product.id, self.lattice, self.checksums], sort_keys=True)
        return f"{self.key}_{hashlib.sha256(said.encode()).hexdigest()[:12]}.zarr"

    def plan(self) -> CubePlan:
        """Return what is to be written."""
        synthetic = any(item["properties"]["vadose:synthetic"] for item in self.items.values())
        return CubePlan(
            grid=self.grid,
            months=tuple(self.items),
            layers=[_cube_layer(name, self.product.layers[name]) for name in self.layers],
            attributes={
                "title": self.title,
                "summary": self.product.description,
                "license": self.product.license,
                "references": self.product.citation,
                "vadose:region": self.region,
                # Texts and numbers, so that any program can copy them into a file of NetCDF.
                SYNTHETIC: "true" if synthetic else "false",
                LATTICE: self.lattice,
                CHECKSUMS: json.dumps(self.checksums),
            },
        )

    def asset(self, before: str | None) -> Document:
        """Describe it."""
        first, last = min(self.items), max(self.items)
        return {
            "href": f"./{self.folder}",
            "type": ZARR,
            "title": f"All months of {self.region} as Zarr",
            "description": f"{first} to {last}, {len(self.items)} months; variables are the "
            "layers, by time, y and x",
            "roles": ["data"],
            "xarray:open_kwargs": {"engine": "zarr", "consolidated": True},
            **({} if before is None else {BEFORE: before}),
        }


def checksums_of(told: Mapping[str, Any]) -> Checksums:
    """Return what files a cube was made of, from the document that tells of its arrays."""
    checksums: Checksums = json.loads(told["attributes"].get(CHECKSUMS, "{}"))
    return checksums


def cube_contents(catalog: CatalogStore, collection: Document) -> Iterator[CubeContent]:
    """Give what the cube of each region of a collection is to hold."""
    regions: dict[str, dict[Month, Document]] = {}
    for item in item_documents(catalog, collection):
        said = item["properties"]
        month = Month.of(str_to_datetime(said["start_datetime"]))
        regions.setdefault(said["vadose:region"], {})[month] = item
    for region, items in sorted(regions.items()):
        yield CubeContent(
            collection_id=str(collection["id"]),
            region=region,
            title=str(collection["title"]),
            product=product(str(collection["vadose:product"])),
            items={month: items[month] for month in sorted(items)},
        )


def _cube_layer(name: str, layer: Layer) -> CubeLayer:
    return CubeLayer(
        name=name,
        data_type=layer.data_type,
        attributes={
            "units": layer.units,
            "long_name": layer.title,
            "description": layer.description,
            **_flags(layer),
        },
    )


def _flags(layer: Layer) -> Document:
    """Return what the bits of a layer mean, in the words of CF."""
    flags = cast("Sequence[Document]", flag_fields(layer).get("classification:bitfields", ()))
    said = [(flag, value) for flag in flags for value in flag["classes"]]
    if not said:
        return {}
    return {
        "flag_masks": [(2 ** flag["length"] - 1) << flag["offset"] for flag, _ in said],
        "flag_values": [value["value"] << flag["offset"] for flag, value in said],
        "flag_meanings": " ".join(f"{flag['name']}:{value['name']}" for flag, value in said),
    }


def grid_of(item: Document, name: str) -> GeoBox:
    """Return the cells of an item's layer."""
    asset = item["assets"][name]
    return GeoBox(tuple(asset["proj:shape"]), Affine(*asset["proj:transform"][:6]), EASE2_CRS)


def _around(grids: Sequence[GeoBox]) -> GeoBox:
    """Return the cells around parts of one lattice."""
    first = grids[0]
    corners = [~first.affine @ (grid.affine.c, grid.affine.f) for grid in grids]
    left, top = min(round(column) for column, _ in corners), min(round(row) for _, row in corners)
    right = max(round(c) + grid.shape.x for (c, _), grid in zip(corners, grids, strict=True))
    bottom = max(round(r) + grid.shape.y for (_, r), grid in zip(corners, grids, strict=True))
    if (top, left, bottom, right) == (0, 0, *first.shape):
        return first
    whole: GeoBox = first[0:1, 0:1].translate_pix(left, top)
    return GeoBox((bottom - top, right - left), whole.affine, first.crs)
