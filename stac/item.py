"""Items: one map, one month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pystac
from pyproj import Transformer

from engine.grids import BBox
from stac.assets import GSD
from stac.documents import GEOJSON, instant, link
from stac.extensions import Extension
from stac.products import catalog_texts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from odc.geo.geobox import GeoBox

    from stac.assets import Asset
    from stac.series import ModelSummary, MonthlyMap, Provenance

EXTENSIONS = [
    Extension.PROJECTION,
    Extension.RASTER,
    Extension.FILE,
    Extension.PROCESSING,
    Extension.VERSION,
    Extension.TIMESTAMPS,
]

RECIPE = "vadose:recipe"
"""Property that tells whether a map must be made again."""

_DEGREE_DIGITS = 7
_OF_ITS_WRITING = ("created", "updated", "published")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """Which version of a month an item is."""

    version: int
    """1, 2, …"""
    created: datetime
    """When the month was first published."""
    updated: datetime
    """When this version was published."""


def create_item(
    made: MonthlyMap,
    *,
    assets: Mapping[str, Asset],
    edition: Edition,
    collection_id: str,
    collection_title: str,
) -> pystac.Item:
    """Describe one map.

    Parameters
    ----------
    made
        What it is; its grid is in a cylindrical projection, so that the outline is a
        longitude-latitude rectangle.
    assets
        By file name, which lies beside the item.
    edition
        Its version and dates.
    collection_id, collection_title
        Of the collection that it is published in.
    """
    outline = footprint(made.geobox)
    item = pystac.Item(
        id=made.item_id,
        geometry=polygon(outline),
        bbox=list(outline),
        datetime=made.month.middle,
        properties=_properties(made, edition),
        collection=collection_id,
        stac_extensions=list(map(str, EXTENSIONS)),
    )
    item.add_link(link("root", "../../catalog.json", catalog_texts().title))
    item.add_link(link("parent", "../collection.json", collection_title))
    item.add_link(link("collection", "../collection.json", collection_title))
    _link_job(item, made.provenance)
    _link_predecessor(item, edition)
    for name, asset in assets.items():
        item.add_asset(asset.key, _stac_asset(name, asset))
    return item


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


def content(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an item says of its map: all but when and by which job it was written."""
    properties = {
        key: value for key, value in document["properties"].items() if key not in _OF_ITS_WRITING
    }
    links = [entry for entry in document["links"] if entry["rel"] != "processing-execution"]
    return {**document, "properties": properties, "links": links}


def archived(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a replaced version of an item as it is kept: deprecated, under an id of its own."""
    latest = f"./{document['id']}.json"
    title = document["properties"]["title"]
    onward = [
        {"rel": rel, "href": latest, "type": GEOJSON, "title": title}
        for rel in ("successor-version", "latest-version")
    ]
    return {
        **document,
        "id": archived_id(document["id"], int(document["properties"]["version"])),
        "properties": {**document["properties"], "deprecated": True},
        "links": [*document["links"], *onward],
    }


def archived_id(item_id: str, version: int) -> str:
    """Return the id of a replaced version.

    >>> archived_id("sif-henan-2020-05", 1)
    'sif-henan-2020-05_v1'
    """
    return f"{item_id}_v{version}"


def lineage(made: MonthlyMap) -> str:
    """Tell in words how a map came about."""
    provenance = made.provenance
    counts = ", ".join(f"{count} {name}" for name, count in provenance.counts().items())
    models = (
        f"{model.target}: {model.algorithm} {model.id}, trained on {model.trained_on}."
        for model in (*provenance.upstream, provenance.model)
    )
    files = [f"Source files: {counts}."] if counts else []
    omitted = [f"Left out: {'; '.join(provenance.omissions)}."] if provenance.omissions else []
    return " ".join([made.product.lineage, *models, *files, *omitted])


def _properties(made: MonthlyMap, edition: Edition) -> dict[str, Any]:
    described, provenance = made.product, made.provenance
    return {
        "title": made.title,
        "description": _description(made),
        "start_datetime": instant(made.month.start),
        "end_datetime": instant(made.month.end - timedelta(seconds=1)),
        "created": instant(edition.created),
        "updated": instant(edition.updated),
        "published": instant(edition.updated),
        "version": str(edition.version),
        "license": described.license,
        "gsd": GSD,
        "processing:level": described.level,
        "processing:lineage": lineage(made),
        "processing:software": dict(provenance.software),
        "vadose:product": described.id,
        "vadose:region": made.series.region,
        "vadose:synthetic": made.series.synthetic,
        "vadose:series": made.series.digest,
        "vadose:settings": dict(made.series.settings),
        "vadose:model": _model(provenance.model),
        "vadose:upstream_models": [_model(model) for model in provenance.upstream],
        "vadose:inputs": {"files": provenance.counts(), "sha256": provenance.inputs_digest},
        "vadose:omissions": list(provenance.omissions),
        **({} if provenance.recipe is None else {RECIPE: provenance.recipe}),
    }


def _description(made: MonthlyMap) -> str:
    text = made.product.layers[made.product.main].description
    if not made.series.synthetic:
        return text
    # Files carry the mark as "true: …", which reads well under its name alone.
    return f"{text}. Synthetic: {made.synthetic_words.removeprefix('true: ')}"


def _model(model: ModelSummary) -> dict[str, Any]:
    return {
        "id": model.id,
        "target": model.target,
        "algorithm": model.algorithm,
        "features": list(model.features),
        "trained_on": model.trained_on,
        "scores": {split: dict(metrics) for split, metrics in model.scores.items()},
    }


def _stac_asset(name: str, asset: Asset) -> pystac.Asset:
    return pystac.Asset(
        href=f"./{name}",
        title=asset.title,
        description=asset.description,
        media_type=asset.media_type,
        roles=list(asset.roles),
        extra_fields={
            **asset.fields,
            "file:size": asset.size,
            "file:checksum": asset.checksum,
        },
    )


def _link_job(item: pystac.Item, provenance: Provenance) -> None:
    if provenance.job_href is not None:
        item.add_link(link("processing-execution", provenance.job_href, "The job that made it"))


def _link_predecessor(item: pystac.Item, edition: Edition) -> None:
    if edition.version > 1:
        earlier = archived_id(item.id, edition.version - 1)
        title = f"{item.properties['title']}, version {edition.version - 1}"
        item.add_link(link("predecessor-version", f"./{earlier}.json", title, GEOJSON))
