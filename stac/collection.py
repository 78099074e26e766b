"""Collections, and the root that holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pystac
from pystac.utils import str_to_datetime

from stac.assets import COG, band_fields
from stac.documents import GEOJSON, ROOT_KEY, collection_key, link, links_of
from stac.extensions import Extension
from stac.products import Provider, catalog_texts, providers

if TYPE_CHECKING:
    from datetime import datetime

    from stac.products import Product
    from stac.series import MonthlyMap, Series

EXTENSIONS = [
    Extension.PROJECTION,
    Extension.RASTER,
    Extension.SCIENTIFIC,
    Extension.PROCESSING,
]

PROMOTED = "vadose:promoted"
"""Field of an official collection: series by region."""

_SUMMARISED = ("vadose:region", "vadose:series", "vadose:synthetic", "processing:level", "gsd")


def choose_collection(official: pystac.Collection | None, series: Series) -> str:
    """Return the id of the collection that a series is published in.

    The first series that maps a whole region is promoted, if nothing is official yet; every other
    one is published into a collection of its own. So a synthetic map never lies beside real ones.

    Parameters
    ----------
    official
        The product's official collection, if it is published.
    series
        What is to be published.
    """
    if official is None:
        return series.official_collection if series.window is None else series.own_collection
    promoted = official.extra_fields.get(PROMOTED, {}).get(series.region)
    return series.official_collection if promoted == series.digest else series.own_collection


def collection_title(collection_id: str, made: MonthlyMap) -> str:
    """Return a collection's title."""
    kind = " (synthetic)" if made.series.synthetic else ""
    if collection_id == made.series.official_collection:
        return f"{made.product.title}{kind}"
    region = made.provenance.region_title
    return f"{made.product.title}, {region}, series {made.series.digest}{kind}"


def create_collection(
    collection_id: str,
    made: MonthlyMap,
    item: pystac.Item,
    earlier: pystac.Collection | None = None,
) -> pystac.Collection:
    """Describe a collection that holds an item beside those that it held before.

    Parameters
    ----------
    collection_id
        See :func:`choose_collection`.
    made
        The map that the item describes.
    item
        The new or replaced month.
    earlier
        The collection as it was published, if it was: its extent, summaries, providers and item
        links stay.
    """
    collection = pystac.Collection(
        id=collection_id,
        title=collection_title(collection_id, made),
        description=_description(collection_id, made),
        extent=_extent(item, earlier),
        license=made.product.license,
        keywords=[*made.product.keywords, *(["synthetic"] if made.series.synthetic else [])],
        providers=_providers(made, earlier),
        summaries=_summaries(item, earlier),
        stac_extensions=list(map(str, EXTENSIONS)),
        extra_fields=_extra_fields(collection_id, made, earlier),
    )
    collection.clear_links()
    collection.add_links(_links(made.product, item, earlier))
    return collection


def create_root(
    collection: pystac.Collection, earlier: pystac.Catalog | None, url: str | None
) -> pystac.Catalog:
    """Describe the root that links a collection beside those that it linked before.

    Parameters
    ----------
    collection
        The new or changed collection.
    earlier
        The root as it was published, if it was.
    url
        Absolute address of the catalogue's folder; None leaves the root without ``self``.
    """
    texts = catalog_texts()
    root = pystac.Catalog(id=texts.id, title=texts.title, description=texts.description)
    root.clear_links()
    if url is not None:
        root.add_link(link("self", f"{url}/{ROOT_KEY}", texts.title))
    root.add_link(link("root", f"./{ROOT_KEY}", texts.title))
    children = links_of(earlier, "child") if earlier is not None else {}
    href = f"./{collection_key(collection.id)}"
    children[href] = link("child", href, collection.title or collection.id)
    root.add_links([children[key] for key in sorted(children)])
    return root


def _description(collection_id: str, made: MonthlyMap) -> str:
    parts = [made.product.description]
    if collection_id != made.series.official_collection:
        parts.append(
            f"This is one run's own series for {made.provenance.region_title}, made with the "
            f"model {made.provenance.model.id}; it is not the official map."
        )
    if made.series.synthetic:
        parts.append("The values are synthetic: made of a simulated world, not of observations.")
    return " ".join(parts)


def _extra_fields(
    collection_id: str, made: MonthlyMap, earlier: pystac.Collection | None
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "sci:publications": [entry.model_dump() for entry in made.product.publications],
        "item_assets": _item_assets(made.product),
        "vadose:product": made.product.id,
        "vadose:synthetic": made.series.synthetic,
    }
    if collection_id == made.series.official_collection:
        before = earlier.extra_fields.get(PROMOTED, {}) if earlier is not None else {}
        fields[PROMOTED] = {**before, made.series.region: made.series.digest}
    return fields


def _item_assets(described: Product) -> dict[str, Any]:
    return {
        name: {
            "title": layer.title,
            "description": layer.description,
            "type": COG,
            "roles": list(layer.roles),
            "proj:code": "EPSG:6933",
            **band_fields(name, layer, None),
        }
        for name, layer in described.layers.items()
    }


def _extent(item: pystac.Item, earlier: pystac.Collection | None) -> pystac.Extent:
    boxes = [list(item.bbox or [])]
    starts = [_moment(item, "start_datetime")]
    ends = [_moment(item, "end_datetime")]
    if earlier is not None:
        boxes += earlier.extent.spatial.bboxes[:1]
        starts += [start for start, _ in earlier.extent.temporal.intervals if start]
        ends += [end for _, end in earlier.extent.temporal.intervals if end]
    west, south, east, north = zip(*boxes, strict=True)
    return pystac.Extent(
        pystac.SpatialExtent([[min(west), min(south), max(east), max(north)]]),
        pystac.TemporalExtent([[min(starts), max(ends)]]),
    )


def _moment(item: pystac.Item, name: str) -> datetime:
    return str_to_datetime(item.properties[name])


def _summaries(item: pystac.Item, earlier: pystac.Collection | None) -> pystac.Summaries:
    before = earlier.summaries.lists if earlier is not None else {}
    values = {name: [item.properties[name]] for name in _SUMMARISED} | {"proj:code": ["EPSG:6933"]}
    return pystac.Summaries(
        {name: _union(before.get(name, []), new) for name, new in values.items()}
    )


def _union(before: list[Any], new: list[Any]) -> list[Any]:
    return sorted({*before, *new})


def _providers(made: MonthlyMap, earlier: pystac.Collection | None) -> list[pystac.Provider]:
    """Name the processor and, for real maps, who made the products that went in, in one order."""
    known = providers()
    software = {"processing:software": dict(made.provenance.software)}
    names = () if made.series.synthetic else made.provenance.counts()
    sources = [_provider(known.sources[name]) for name in names if name in known.sources]
    processor = _provider(known.processor, software)
    found = {entry.name: entry for entry in sources}
    for entry in (earlier.providers or []) if earlier is not None else []:
        found.setdefault(entry.name, entry)
    found.pop(processor.name, None)
    return [processor, *(found[name] for name in sorted(found))]


def _provider(entry: Provider, fields: dict[str, Any] | None = None) -> pystac.Provider:
    return pystac.Provider(
        name=entry.name,
        description=entry.description,
        roles=[pystac.ProviderRole(role) for role in entry.roles],
        url=entry.url,
        extra_fields=fields,
    )


def _links(
    described: Product, item: pystac.Item, earlier: pystac.Collection | None
) -> list[pystac.Link]:
    title = catalog_texts().title
    cited = [
        link("cite-as", f"https://doi.org/{entry.doi}", entry.citation, "text/html")
        for entry in described.publications
    ]
    items = links_of(earlier, "item") if earlier is not None else {}
    href = f"./{item.id}/{item.id}.json"
    items[href] = link("item", href, str(item.properties["title"]), GEOJSON)
    return [
        link("root", f"../{ROOT_KEY}", title),
        link("parent", f"../{ROOT_KEY}", title),
        *cited,
        *(items[key] for key in sorted(items)),
    ]
