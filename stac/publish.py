"""Publish a month: its files, its item, and what leads there; see :mod:`stac.commit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.cog import geobox_of
from stac.collection import PROMOTED, Kind, choose_collection, create_collection
from stac.commit import commit, lost_files, open_fence
from stac.departure_fields import with_departures
from stac.documents import as_document
from stac.edition import version_of
from stac.item import ANALYSIS, FELL_BACK, RECIPE, WEIGHTS, create_item
from stac.layers import check_layers, fine_grid
from stac.model_catalog import link_maps, model_links
from stac.products import product
from stac.read import as_item, collection_document, item_document
from stac.series import MonthlyMap, check_honest
from stac.staging import stage_assets
from stac.validation_link import validations_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pystac
    import xarray as xr

    from engine.months import Month
    from stac.commit import Fence, Staged
    from stac.edition import Edition
    from stac.series import Provenance, Series, Setting
    from stac.store import CatalogStore

    type Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MapDraft:
    """A map that is to be published."""

    made: MonthlyMap
    """What it is."""
    staged: Staged
    """Its files."""

    @property
    def item_id(self) -> str:
        """Id of its item."""
        return self.made.item_id

    def choose(self, catalog: CatalogStore) -> str:
        """Return the collection of its series."""
        official = collection_document(catalog, self.made.series.official_collection)
        return choose_collection(official, self.made.series)

    def item(
        self,
        catalog: CatalogStore,
        collection_id: str,
        edition: Edition,
        names: Mapping[str, str],
        previous: Document | None,
    ) -> Document:
        """Describe it, with links to the models that are in the same catalogue.

        What validated the very same map, and how it differs from other years, is kept.
        """
        provenance = self.made.provenance
        models = [model.id for model in (provenance.model, *provenance.upstream)]
        item = create_item(
            self.made,
            assets={names[entry.asset.key]: entry.asset for entry in self.staged},
            edition=edition,
            collection_id=collection_id,
            collection_title=Kind.of_map(self.made).title(collection_id),
            models=model_links(catalog, models, synthetic=self.made.series.synthetic),
        )
        document = as_document(item)
        if previous is not None and version_of(previous) == edition.version:
            document["links"] += validations_of(previous)
            document = with_departures(document, previous)
        return document

    def continues(self, collection: Document) -> bool:
        """Whether a collection that is not linked yet is of the same series."""
        promoted = collection.get(PROMOTED, {})
        return self.made.series.digest in (
            promoted.get(self.made.series.region),
            str(collection["id"]).rpartition("--")[2],
        )

    def collection(self, collection_id: str, item: Document, earlier: Document | None) -> Document:
        """Describe the collection that holds it."""
        return create_collection(collection_id, item, earlier)


def publish_month(
    catalog: CatalogStore,
    series: Series,
    month: Month,
    dataset: xr.Dataset,
    provenance: Provenance,
    *,
    now: datetime | None = None,
    fence: Fence = open_fence,
) -> pystac.Item:
    """Publish one month of a series.

    Parameters
    ----------
    catalog
        Where to.
    series
        What the map belongs to; decides the collection, see
        :func:`stac.collection.choose_collection`.
    month
        What it stands for.
    dataset
        float32 ``(y, x)`` on the 1 km grid with ``units`` on every variable, NaN where missing;
        variables are layers of the product. Its attributes tell what the analysis has become.
    provenance
        How it was made.
    now
        The moment to write as ``created`` and ``updated``; by default the clock's.
    fence
        Called under the catalogue's lock, before the first file is placed and before the item
        changes; raises where this publisher is no longer the one that may.

    Returns
    -------
    pystac.Item
        As published. Publishing the same map again changes nothing. Other bytes for a month that
        is published become its next version; the earlier files stay, and the earlier item is kept
        as its predecessor.

    Raises
    ------
    VadoseError
        Where the dataset is not what the product says, see :func:`stac.layers.check_layers`, or
        where a synthetic map pretends to be a real one. Nothing is published then.
    """
    check_honest(series, provenance)
    layers = check_layers(product(series.product), month, dataset)
    made = MonthlyMap(
        series=series,
        month=month,
        geobox=fine_grid(geobox_of(dataset)),
        provenance=provenance,
        analysis=_told(dataset),
    )
    with catalog.staging() as folder:
        staged = stage_assets(folder, layers, made)
        document = commit(catalog, MapDraft(made, staged), now=now, fence=fence)
    link_maps(catalog, provenance.model.id, document, synthetic=series.synthetic)
    return as_item(catalog, document)


def published_month(
    catalog: CatalogStore, series: Series, month: Month, provenance: Provenance
) -> Document | None:
    """Return the item of a month that is published, whole, by the same recipe; None otherwise.

    Parameters
    ----------
    catalog, series, month
        As for :func:`publish_month`.
    provenance
        How the map would be made now; its recipe is compared.
    """
    official = collection_document(catalog, series.official_collection)
    collection = collection_document(catalog, choose_collection(official, series))
    document = item_document(catalog, collection, series.item_id(month))
    if document is None or provenance.recipe is None:
        return None
    same = document["properties"].get(RECIPE) == provenance.recipe
    return document if same and not lost_files(catalog, document) else None


def _told(dataset: xr.Dataset) -> Mapping[str, Setting]:
    """Return what a dataset's attributes tell of its analysis."""
    return {
        str(name): value
        for name, value in dataset.attrs.items()
        if name in (ANALYSIS, FELL_BACK) or str(name).startswith(WEIGHTS)
    }
