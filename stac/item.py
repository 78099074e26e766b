"""Items: one map, one month."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pystac

from stac.documents import instant, link
from stac.extensions import Extension
from stac.fields import GSD, footprint, polygon, render_fields
from stac.products import catalog_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stac.assets import Asset
    from stac.edition import Edition
    from stac.series import ModelSummary, MonthlyMap, Provenance, Source

EXTENSIONS = [
    Extension.PROJECTION,
    Extension.RASTER,
    Extension.FILE,
    Extension.PROCESSING,
    Extension.VERSION,
    Extension.TIMESTAMPS,
    Extension.CLASSIFICATION,
    Extension.RENDER,
]

RECIPE = "vadose:recipe"
"""Property that tells whether a map must be made again."""

ANALYSIS, FELL_BACK, WEIGHTS = "analysis", "analysis_fell_back", "weight_"
"""What a dataset's attributes tell of the analysis: its name, why it is not what was asked for,
and, by the beginning of their names, its weights."""


def create_item(
    made: MonthlyMap,
    *,
    assets: Mapping[str, Asset],
    edition: Edition,
    collection_id: str,
    collection_title: str,
    models: Sequence[pystac.Link] = (),
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
    models
        Links to the items of the models that it was made with.
    """
    outline = footprint(made.geobox)
    item = pystac.Item(
        id=made.item_id,
        geometry=polygon(outline),
        bbox=list(outline),
        datetime=made.month.middle,
        properties=_properties(made, edition, [asset.key for asset in assets.values()]),
        collection=collection_id,
        stac_extensions=list(map(str, EXTENSIONS)),
    )
    item.add_link(link("root", "../../catalog.json", catalog_texts().title))
    item.add_link(link("parent", "../collection.json", collection_title))
    item.add_link(link("collection", "../collection.json", collection_title))
    _link_job(item, made.provenance)
    _link_tiles(item, made, [asset.key for asset in assets.values()])
    edition.link_predecessor(item)
    item.add_links(list(models))
    item.add_links([_granule(source, made) for source in made.provenance.sources])
    for name, asset in assets.items():
        item.add_asset(asset.key, asset.named(name))
    return item


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


def _properties(made: MonthlyMap, edition: Edition, names: Sequence[str]) -> dict[str, Any]:
    described, provenance = made.product, made.provenance
    return {
        "title": made.title,
        "description": _description(made),
        "start_datetime": instant(made.month.start),
        "end_datetime": instant(made.month.end - timedelta(seconds=1)),
        **edition.properties(),
        "license": described.license,
        "gsd": GSD,
        "processing:level": described.level,
        "processing:lineage": lineage(made),
        "processing:software": dict(provenance.software),
        "processing:version": provenance.software["vadose"],
        "processing:datetime": instant(edition.updated),
        "processing:expression": {"format": "stac-mlm", "expression": provenance.model.id},
        **render_fields(described, names),
        "vadose:product": described.id,
        "vadose:region": made.series.region,
        "vadose:region_title": provenance.region_title,
        "vadose:synthetic": made.series.synthetic,
        "vadose:series": made.series.digest,
        "vadose:settings": dict(made.series.settings),
        **_analysis(made),
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


def _analysis(made: MonthlyMap) -> dict[str, Any]:
    """Return what the analysis has become, which need not be what the settings ask for."""
    told = made.analysis
    properties: dict[str, Any] = {
        f"vadose:{name}": told[name] for name in (ANALYSIS, FELL_BACK) if name in told
    }
    weights = {
        name.removeprefix(WEIGHTS): value
        for name, value in told.items()
        if name.startswith(WEIGHTS)
    }
    return properties | ({"vadose:analysis_weights": weights} if weights else {})


def _model(model: ModelSummary) -> dict[str, Any]:
    return {
        "id": model.id,
        "target": model.target,
        "algorithm": model.algorithm,
        "features": list(model.features),
        "trained_on": model.trained_on,
        "scores": {split: dict(metrics) for split, metrics in model.scores.items()},
    }


def _link_job(item: pystac.Item, provenance: Provenance) -> None:
    if provenance.job_href is not None:
        item.add_link(link("processing-execution", provenance.job_href, "The job that made it"))


def _link_tiles(item: pystac.Item, made: MonthlyMap, names: Sequence[str]) -> None:
    """Link the tiles of every layer that has colours, where a service draws them."""
    tiles = made.provenance.tiles_href
    if tiles is None:
        return
    layers = made.product.layers
    for name in (key for key in layers if key in names and layers[key].palette is not None):
        href = f"{tiles}/collections/{item.collection_id}/items/{item.id}/{name}"
        address = f"{href}/WebMercatorQuad/tilejson.json"
        drawn = link("tilejson", address, f"{layers[name].title} as tiles")
        drawn.extra_fields["render"] = name
        item.add_link(drawn)
    item.stac_extensions.append(str(Extension.WEB_MAP_LINKS))


def _granule(source: Source, made: MonthlyMap) -> pystac.Link:
    """Return a link to a source file, which says how large it is and what its digest is."""
    fields: dict[str, Any] = {"file:size": source.size, "vadose:product": source.product}
    if source.checksum is not None:
        fields["file:checksum"] = source.checksum
    if source.origin is not None:
        fields["vadose:retrieved_from"] = source.origin.url
        fields["vadose:retrieved"] = source.origin.retrieved
        fields["vadose:licence"] = source.origin.licence
    return pystac.Link(
        "derived_from",
        source.address(synthetic=made.series.synthetic),
        title=source.name,
        extra_fields=fields,
    )
