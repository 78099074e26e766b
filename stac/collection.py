"""Collections of maps, and the root that holds all collections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pystac

from engine.grids import BBox
from stac.documents import ROOT_KEY, collection_key, link
from stac.extensions import Extension
from stac.fields import band_fields, cube_fields, render_fields
from stac.media import COG
from stac.members import (
    grown_extent,
    grown_item_links,
    grown_summaries,
    kept_links,
    links_by,
    united_box,
)
from stac.products import Provider, catalog_texts, product, providers
from stac.records.links import catalog_links, is_record_link, record_links

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stac.products import Product
    from stac.series import MonthlyMap, Series

    type Document = Mapping[str, Any]

EXTENSIONS = [
    Extension.PROJECTION,
    Extension.RASTER,
    Extension.SCIENTIFIC,
    Extension.PROCESSING,
    Extension.CLASSIFICATION,
    Extension.RENDER,
    Extension.DATACUBE,
    Extension.THEMES,
    Extension.FILE,
    Extension.VERSION,
]

PROMOTED = "vadose:promoted"
"""Field of an official collection: series by region."""

_SUMMARISED = (
    "vadose:region",
    "vadose:series",
    "vadose:synthetic",
    "vadose:analysis",
    "processing:level",
    "gsd",
)
_OWN_LINKS = ("root", "parent", "license", "cite-as", "item")


def choose_collection(official: Document | None, series: Series) -> str:
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
    promoted = official.get(PROMOTED, {}).get(series.region)
    return series.official_collection if promoted == series.digest else series.own_collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What decides the words of a collection; all maps in it have it in common."""

    product: Product
    """What is mapped."""
    region_title: str
    """Name of the region for people."""
    series: str
    """Digest of the series."""
    model: str
    """Id of the model."""
    synthetic: bool
    """Whether the maps are no observation."""

    @classmethod
    def of_map(cls, made: MonthlyMap) -> Kind:
        """Return the kind of a map."""
        return cls(
            product=made.product,
            region_title=made.provenance.region_title,
            series=made.series.digest,
            model=made.provenance.model.id,
            synthetic=made.series.synthetic,
        )

    @classmethod
    def of_item(cls, item: Document) -> Kind:
        """Return the kind of a map by its item."""
        said = item["properties"]
        return cls(
            product=product(str(said["vadose:product"])),
            region_title=str(said["vadose:region_title"]),
            series=str(said["vadose:series"]),
            model=str(said["vadose:model"]["id"]),
            synthetic=bool(said["vadose:synthetic"]),
        )

    def official(self, collection_id: str) -> bool:
        """Whether a collection is the product's official one."""
        return collection_id == self.product.collection

    def title(self, collection_id: str) -> str:
        """Return a collection's title."""
        mark = " (synthetic)" if self.synthetic else ""
        if self.official(collection_id):
            return f"{self.product.title}{mark}"
        return f"{self.product.title}, {self.region_title}, series {self.series}{mark}"

    def description(self, collection_id: str) -> str:
        """Return a collection's description."""
        parts = [self.product.description]
        if not self.official(collection_id):
            parts.append(
                f"This is one run's own series for {self.region_title}, made with the model "
                f"{self.model}; it is not the official map."
            )
        if self.synthetic:
            parts.append(
                "The values are synthetic: made of a simulated world, not of observations."
            )
        return " ".join(parts)


def create_collection(
    collection_id: str, item: Document, earlier: Document | None = None
) -> dict[str, Any]:
    """Describe a collection that holds an item beside those that it held before.

    Parameters
    ----------
    collection_id
        See :func:`choose_collection`.
    item
        The new or replaced month.
    earlier
        The collection as it was published, if it was: its extent, summaries, providers, item
        links, assets, and links of others stay.
    """
    described = describe_collection(collection_id, item, earlier)
    return {**described, "links": [*described["links"], *grown_item_links(item, earlier)]}


def describe_collection(
    collection_id: str, item: Document, earlier: Document | None
) -> dict[str, Any]:
    """Describe a collection as :func:`create_collection` does, without links to its items."""
    kind = Kind.of_item(item)
    extent = grown_extent(item, earlier)
    product = kind.product
    return {
        "type": "Collection",
        "id": collection_id,
        "stac_version": pystac.get_stac_version(),
        "stac_extensions": list(map(str, EXTENSIONS)),
        "title": kind.title(collection_id),
        "description": kind.description(collection_id),
        "keywords": [*product.keywords, *(["synthetic"] if kind.synthetic else [])],
        "license": product.license,
        "version": item["properties"]["processing:software"]["vadose"],
        "providers": _providers(item, earlier),
        "extent": extent,
        "summaries": _summaries(item, earlier),
        **_citation(product),
        "themes": [theme.model_dump(mode="json", exclude_none=True) for theme in product.themes],
        **_cube(product, item, extent, earlier),
        **render_fields(product, list(product.all_layers), colours=True),
        "item_assets": _item_assets(product),
        "vadose:product": product.id,
        "vadose:synthetic": kind.synthetic,
        **(_promoted(item, earlier) if kind.official(collection_id) else {}),
        "links": _links(product, earlier),
        "assets": {} if earlier is None else earlier.get("assets", {}),
    }


def create_root(collection: Document, earlier: Document | None, url: str | None) -> dict[str, Any]:
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
    children = {} if earlier is None else {e["href"]: e for e in links_by(earlier, "child")}
    href = f"./{collection_key(collection['id'])}"
    children[href] = link("child", href, str(collection["title"])).to_dict(transform_href=False)
    return root_of([children[key] for key in sorted(children)], url)


def root_of(children: list[dict[str, Any]], url: str | None) -> dict[str, Any]:
    """Describe a root that links collections."""
    texts = catalog_texts()
    own = [link("root", f"./{ROOT_KEY}", texts.title)]
    if url is not None:
        own.insert(0, link("self", f"{url}/{ROOT_KEY}", texts.title))
    own += catalog_links(PurePosixPath(str(child["href"])).parent.name for child in children)
    return {
        "type": "Catalog",
        "id": texts.id,
        "stac_version": pystac.get_stac_version(),
        "title": texts.title,
        "description": texts.description,
        "links": [*(entry.to_dict(transform_href=False) for entry in own), *children],
    }


def provider_of(entry: Provider, fields: Document | None = None) -> dict[str, Any]:
    """Return an organisation in the words of STAC."""
    described = entry.model_dump(include={"name", "description", "roles", "url"}, mode="json")
    return {**described, **(fields or {})}


def _citation(product: Product) -> dict[str, Any]:
    doi = {} if product.doi is None else {"sci:doi": product.doi}
    publications = [entry.model_dump(mode="json") for entry in product.publications]
    return {**doi, "sci:citation": product.citation, "sci:publications": publications}


def _cube(
    product: Product, item: Document, extent: Document, earlier: Document | None
) -> dict[str, Any]:
    metres = list(item["assets"][product.main]["proj:bbox"])
    if earlier is not None and (before := earlier.get("cube:dimensions")):
        (west, east), (south, north) = before["x"]["extent"], before["y"]["extent"]
        metres = united_box(metres, [west, south, east, north])
    return cube_fields(product, BBox(*metres), extent["temporal"]["interval"][0])


def _promoted(item: Document, earlier: Document | None) -> dict[str, dict[str, str]]:
    said = item["properties"]
    before = {} if earlier is None else earlier.get(PROMOTED, {})
    return {PROMOTED: {**before, said["vadose:region"]: said["vadose:series"]}}


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
        for name, layer in described.all_layers.items()
    }


def _summaries(item: Document, earlier: Document | None) -> dict[str, Any]:
    return {**grown_summaries(item, earlier, _SUMMARISED), "proj:code": ["EPSG:6933"]}


def _providers(item: Document, earlier: Document | None) -> list[dict[str, Any]]:
    """Name the processor and, for real maps, who made the products that went in, in one order."""
    known, said = providers(), item["properties"]
    software = {"processing:software": dict(said["processing:software"])}
    names = () if said["vadose:synthetic"] else said["vadose:inputs"]["files"]
    sources = [provider_of(known.sources[name]) for name in names if name in known.sources]
    processor = provider_of(known.processor, software)
    found = {entry["name"]: entry for entry in sources}
    for entry in [] if earlier is None else earlier.get("providers", []):
        found.setdefault(entry["name"], entry)
    found.pop(processor["name"], None)
    return [processor, *(found[name] for name in sorted(found))]


def _links(described: Product, earlier: Document | None) -> list[dict[str, Any]]:
    title = catalog_texts().title
    own = [
        link("root", f"../{ROOT_KEY}", title),
        link("parent", f"../{ROOT_KEY}", title),
        *licence_links(described.license),
        *(
            link("cite-as", f"https://doi.org/{entry.doi}", entry.citation, "text/html")
            for entry in described.publications
        ),
        *record_links(),
    ]
    return [
        *(entry.to_dict(transform_href=False) for entry in own),
        *(one for one in kept_links(earlier, _OWN_LINKS) if not is_record_link(one)),
    ]


def licence_links(licence: str) -> list[pystac.Link]:
    """Return a link to the text of a licence that is known by its SPDX name."""
    address = catalog_texts().licences.get(licence)
    return [] if address is None else [link("license", address, licence, "text/html")]
