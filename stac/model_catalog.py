"""Publish models beside their maps, and link each with the others."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stac.assets import MULTIHASH_SHA256, StagedAsset, sha256_of
from stac.commit import commit, lost_files, open_fence, replace_document
from stac.documents import as_document, item_key, link
from stac.media import GEOJSON
from stac.members import links_by
from stac.models import (
    AssetText,
    create_model_collection,
    create_model_item,
    model_collection_id,
    model_texts,
)
from stac.read import collection_document, item_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import pystac

    from engine.models.card import ModelCard
    from stac.commit import Fence, Staged
    from stac.edition import Edition
    from stac.store import CatalogStore

    type Document = dict[str, Any]

_MAPS = "related"
"""Relation from a model to the collections of its maps."""
_ENDINGS = {
    "model": "onnx",
    "card": "json",
    "report": "report.html",
    "report-data": "report.json",
}
"""How the names of a model's files end, by the keys of their assets."""
_ALWAYS = ("model", "card")


@dataclass(frozen=True, slots=True)
class ModelDraft:
    """A model that is to be published."""

    card: ModelCard
    """What it is."""
    staged: Staged
    """Its files."""

    @property
    def item_id(self) -> str:
        """Id of its item."""
        return self.card.id

    def choose(self, catalog: CatalogStore) -> str:
        """Return the collection of models."""
        del catalog
        return model_collection_id(synthetic=self.card.synthetic)

    def item(
        self,
        catalog: CatalogStore,
        collection_id: str,
        edition: Edition,
        names: Mapping[str, str],
        previous: Document | None,
    ) -> Document:
        """Describe it; the collections of its maps that it links stay linked."""
        del collection_id
        needed = [] if self.card.upstream is None else [self.card.upstream]
        item = create_model_item(
            self.card,
            assets={names[entry.asset.key]: entry.asset for entry in self.staged},
            edition=edition,
            links=model_links(catalog, needed, synthetic=self.card.synthetic),
        )
        document = as_document(item)
        document["links"] += [] if previous is None else links_by(previous, _MAPS)
        return document

    def continues(self, collection: Document) -> bool:
        """Every model goes on with the collection that is there."""
        del collection
        return True

    def collection(self, collection_id: str, item: Document, earlier: Document | None) -> Document:
        """Describe the collection that holds it."""
        del collection_id
        return create_model_collection(item, earlier)


def publish_model(
    catalog: CatalogStore,
    card: ModelCard,
    folder: Path,
    *,
    now: datetime | None = None,
    fence: Fence = open_fence,
) -> Document:
    """Publish a stored model with all of its files; the same model again changes nothing.

    Parameters
    ----------
    catalog
        Where to.
    card
        Its card.
    folder
        Where models are stored: ``<id>.onnx``, ``<id>.json``, companions and, where there are
        any, the reports ``<id>.report.html`` and ``<id>.report.json``.
    now, fence
        As for :func:`stac.publish.publish_month`.

    Returns
    -------
    dict
        The item as it is written.
    """
    published = published_model(catalog, card, folder)
    if published is not None:
        return published
    with catalog.staging() as staging:
        staged = tuple(_stage(card, folder, staging))
        return commit(catalog, ModelDraft(card, staged), now=now, fence=fence)


def published_model(catalog: CatalogStore, card: ModelCard, folder: Path) -> Document | None:
    """Return the item of a model that is published with all of its present files, else None."""
    collection_id = model_collection_id(synthetic=card.synthetic)
    document = item_document(catalog, collection_document(catalog, collection_id), card.id)
    if document is None or lost_files(catalog, document):
        return None
    said = {key: asset["file:checksum"] for key, asset in document["assets"].items()}
    there = {key: f"{MULTIHASH_SHA256}{digest}" for key, digest in _digests(card, folder).items()}
    return document if said == there else None


def model_links(catalog: CatalogStore, ids: Sequence[str], *, synthetic: bool) -> list[pystac.Link]:
    """Return links from an item to those models that are in the same catalogue."""
    collection_id = model_collection_id(synthetic=synthetic)
    collection = collection_document(catalog, collection_id)
    found = [(model, item_document(catalog, collection, model)) for model in ids]
    return [
        link(
            "derived_from",
            f"../../{item_key(collection_id, model)}",
            str(document["properties"]["title"]),
            GEOJSON,
        )
        for model, document in found
        if document is not None
    ]


def link_maps(catalog: CatalogStore, model: str, item: Document, *, synthetic: bool) -> None:
    """Let a model know the collection of a map that was made with it; once is enough."""
    collection_id = model_collection_id(synthetic=synthetic)
    collection = collection_document(catalog, collection_id)
    maps = collection_document(catalog, str(item["collection"]))
    if maps is None or item_document(catalog, collection, model) is None:
        return
    title = str(maps["title"])
    entry = link(_MAPS, f"../../{maps['id']}/collection.json", title)
    wanted = entry.to_dict(transform_href=False)

    def linking(document: Document | None) -> Document | None:
        if document is None:
            return None
        others = [one for one in links_by(document, _MAPS) if one["href"] != wanted["href"]]
        related = sorted([*others, wanted], key=lambda one: str(one["href"]))
        rest = [one for one in document["links"] if one["rel"] != _MAPS]
        return {**document, "links": [*rest, *related]}

    key = item_key(collection_id, model)
    with catalog.lock():
        replace_document(catalog, key, linking)


def _stage(card: ModelCard, folder: Path, staging: Path) -> Iterator[StagedAsset]:
    """Copy the files of a model that there are, and describe them."""
    staging.mkdir(parents=True, exist_ok=True)
    texts = model_texts()
    for key, ending in _ENDINGS.items():
        source = folder / f"{card.id}.{ending}"
        if key in _ALWAYS or source.is_file():
            fields = {"mlm:artifact_type": "onnx"} if key == "model" else {}
            yield _copied(source, staging / f"{key}{source.suffix}", texts.assets[key], fields)
    for name in card.companions:
        key, _, ending = name.partition(".")
        text = texts.companions.model_copy(update={"title": f"{texts.companions.title}: {name}"})
        yield _copied(folder / f"{card.id}.{name}", staging / f"{key}.{ending}", text, {})


def _digests(card: ModelCard, folder: Path) -> dict[str, str]:
    """Return the digests of a model's files by key; the card knows those of the large ones."""
    digests = {"model": card.file.sha256}
    digests |= {
        name.partition(".")[0]: companion.sha256 for name, companion in card.companions.items()
    }
    for key, ending in _ENDINGS.items():
        path = folder / f"{card.id}.{ending}"
        if key != "model" and path.is_file():
            digests[key] = sha256_of(path)
    return digests


def _copied(source: Path, path: Path, text: AssetText, fields: Mapping[str, object]) -> StagedAsset:
    shutil.copyfile(source, path)
    return StagedAsset.of(
        path,
        title=text.title,
        description=text.description,
        media_type=text.type,
        roles=text.roles,
        fields=fields,
    )
