"""The words of STAC extensions for what a layer is, where it lies and how it is shown."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pyproj import Transformer

from engine.cog import NODATA, nodata_of
from engine.colours import palette
from engine.grids import BLOCK, COARSE_PIXEL, EASE2_CRS, BBox
from engine.quality import quality_table
from stac.products import flag_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from odc.geo.geobox import GeoBox

    from engine.cog import Statistics
    from stac.products import Layer, Product

    type Fields = Mapping[str, object]

GSD = round(COARSE_PIXEL / BLOCK, 3)
"""Side of a map's cell, m."""

_DEGREE_DIGITS = 7


def band_fields(name: str, layer: Layer, statistics: Statistics | None) -> Fields:
    """Return the band's description in the words of STAC 1.1 and the raster extension."""
    band: dict[str, object] = {
        "name": name,
        "description": layer.description,
        "data_type": layer.data_type,
        "nodata": int(nodata_of(layer.data_type)),
        "unit": layer.units,
        "raster:sampling": "area",
        "raster:spatial_resolution": GSD,
    }
    if statistics is not None:
        rounded = {key: float(f"{value:.7g}") for key, value in asdict(statistics).items()}
        band["statistics"] = rounded
    return {"bands": [band], **flag_fields(layer)}


def flag_fields(layer: Layer) -> Fields:
    """Return what the bits of a layer mean, in the words of the classification extension."""
    fields = [_bit_field(name) for name in layer.flags]
    return {"classification:bitfields": fields} if fields else {}


def projection_fields(geobox: GeoBox) -> Fields:
    """Return the grid in the words of the projection extension, version 2."""
    box = geobox.boundingbox
    return {
        "proj:code": str(geobox.crs),
        "proj:shape": list(geobox.shape),
        "proj:transform": list(geobox.affine[:6]),
        "proj:bbox": [box.left, box.bottom, box.right, box.top],
    }


def render_fields(product: Product, names: Sequence[str], *, colours: bool = False) -> Fields:
    """Return how layers are shown, in the words of the render extension.

    Parameters
    ----------
    product
        Knows the palettes of its layers.
    names
        The layers that there are.
    colours
        Whether to spell the colours out, 256 of them.
    """
    shown = {name: layer for name, layer in product.all_layers.items() if name in names}
    renders = {
        name: _render(name, layer, colours=colours)
        for name, layer in shown.items()
        if layer.palette is not None
    }
    return {"renders": renders} if renders else {}


def cube_fields(product: Product, extent: BBox, time: Sequence[str]) -> dict[str, Any]:
    """Return a collection as a cube of time, y and x, in the words of the datacube extension.

    Parameters
    ----------
    product
        Its layers are the variables.
    extent
        West, south, east, north in metres of EASE-Grid 2.0.
    time
        First and last moment.
    """
    west, south, east, north = extent
    metres = {
        "type": "spatial",
        "step": COARSE_PIXEL / BLOCK,
        "reference_system": int(EASE2_CRS.removeprefix("EPSG:")),
    }
    return {
        "cube:dimensions": {
            "time": {"type": "temporal", "extent": list(time), "step": "P1M"},
            "y": {**metres, "axis": "y", "extent": [south, north]},
            "x": {**metres, "axis": "x", "extent": [west, east]},
        },
        "cube:variables": {name: _variable(layer) for name, layer in product.layers.items()},
    }


def footprint(geobox: GeoBox) -> BBox:
    """Return the longitude-latitude rectangle that a cylindrical grid covers."""
    box = geobox.boundingbox
    to_degrees = Transformer.from_crs(str(geobox.crs), "EPSG:4326", always_xy=True)
    (west, east), (south, north) = to_degrees.transform(
        [box.left, box.right], [box.bottom, box.top]
    )
    return BBox(*(round(float(value), _DEGREE_DIGITS) for value in (west, south, east, north)))


def polygon(box: BBox) -> dict[str, Any]:
    """Return a bounding box as GeoJSON, counter-clockwise from its south-west corner.

    >>> polygon(BBox(0, 1, 2, 3))["coordinates"]
    [[[0, 1], [2, 1], [2, 3], [0, 3], [0, 1]]]
    """
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _bit_field(name: str) -> dict[str, object]:
    flag = quality_table().flag(name)
    first, last = flag.bits
    return {
        "name": name,
        "description": flag.meaning,
        "offset": first,
        "length": last - first + 1,
        "classes": [value.model_dump() for value in flag_values()[name]],
    }


def _render(name: str, layer: Layer, *, colours: bool) -> dict[str, object]:
    shown = palette(layer.palette or name)
    render: dict[str, object] = {
        "title": layer.title,
        "assets": [name],
        "rescale": [list(shown.range)],
        "nodata": NODATA,
        "resampling": "nearest",
    }
    if colours:
        render["colormap"] = {str(k): colour for k, colour in enumerate(shown.hexes())}
    return render


def _variable(layer: Layer) -> dict[str, object]:
    return {
        "type": "data",
        "description": layer.description,
        "dimensions": ["time", "y", "x"],
        "unit": layer.units,
        "data_type": layer.data_type,
        "nodata": int(nodata_of(layer.data_type)),
    }
