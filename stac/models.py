"""Models as items, in the words of the MLM extension, and their collection."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pystac
from pydantic import BaseModel, ConfigDict

from engine.grids import BBox
from engine.months import Month
from stac.collection import licence_links, provider_of
from stac.documents import ROOT_KEY, instant, link
from stac.extensions import Extension
from stac.fields import polygon
from stac.members import grown_extent, grown_item_links, grown_summaries, kept_links
from stac.products import catalog_texts, providers, read_data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.models.card import ModelCard, Score
    from stac.assets import Asset
    from stac.edition import Edition

    type Document = Mapping[str, Any]

ITEM_EXTENSIONS = [
    Extension.MLM,
    Extension.DATACUBE,
    Extension.FILE,
    Extension.VERSION,
    Extension.TIMESTAMPS,
]
# The MLM schema takes no list for a summary, and lists are what summaries are.
COLLECTION_EXTENSIONS: list[Extension] = []

SYNTHETIC = "-synthetic"
"""Ends the id of the collection of those that learnt from a synthetic world."""

_SUMMARISED = (
    "mlm:architecture",
    "vadose:kind",
    "vadose:region",
    "vadose:synthetic",
)
_OWN_LINKS = ("root", "parent", "license", "item")


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AssetText(_Data):
    """What is said of a file of a model."""

    title: str
    description: str
    roles: tuple[str, ...]
    type: str = "application/octet-stream"


class ModelTexts(_Data):
    """Everything in ``stac/data/models.yaml``."""

    collection: str
    title: str
    description: str
    license: str
    keywords: tuple[str, ...]
    architectures: dict[str, str]
    """Names of algorithms in words."""
    assets: dict[str, AssetText]
    companions: AssetText


@cache
def model_texts() -> ModelTexts:
    """Return what is said of models."""
    return ModelTexts.model_validate(read_data("models.yaml"))


def architecture(algorithm: str) -> str:
    """Return an algorithm's name in words.

    >>> architecture("rf")
    'random forest'
    """
    return model_texts().architectures.get(algorithm, algorithm)


def model_collection_id(*, synthetic: bool) -> str:
    """Return the id of the collection of models.

    >>> model_collection_id(synthetic=True)
    'models-synthetic'
    """
    return f"{model_texts().collection}{SYNTHETIC if synthetic else ''}"


def model_collection_title(*, synthetic: bool) -> str:
    """Return the title of the collection of models."""
    return f"{model_texts().title}{' (synthetic)' if synthetic else ''}"


def model_title(card: ModelCard) -> str:
    """Return a model's title: what it predicts, how, where, and its id."""
    target = card.target.name.replace("_", " ").capitalize()
    return f"{target}, {architecture(card.algorithm)}, {card.region.name}: {card.id}"


def create_model_item(
    card: ModelCard, *, assets: Mapping[str, Asset], edition: Edition, links: Sequence[pystac.Link]
) -> pystac.Item:
    """Describe one model.

    Parameters
    ----------
    card
        Its card.
    assets
        By file name, which lies beside the item.
    edition
        Its version and dates.
    links
        To the models that it needs, and to the collections of its maps.
    """
    title = model_collection_title(synthetic=card.synthetic)
    first, last = Month.parse(card.training[0]), Month.parse(card.training[-1])
    item = pystac.Item(
        id=card.id,
        geometry=polygon(BBox(*card.region.bbox)),
        bbox=list(card.region.bbox),
        datetime=card.created,
        start_datetime=first.start,
        end_datetime=last.end - timedelta(seconds=1),
        properties=_properties(card, edition),
        collection=model_collection_id(synthetic=card.synthetic),
        stac_extensions=list(map(str, ITEM_EXTENSIONS)),
    )
    item.add_link(link("root", "../../catalog.json", catalog_texts().title))
    item.add_link(link("parent", "../collection.json", title))
    item.add_link(link("collection", "../collection.json", title))
    edition.link_predecessor(item)
    item.add_links(list(links))
    for name, asset in assets.items():
        item.add_asset(asset.key, asset.named(name))
    return item


def create_model_collection(item: Document, earlier: Document | None) -> dict[str, Any]:
    """Describe the collection of models that holds one beside those that it held before."""
    described = describe_model_collection(item, earlier)
    return {**described, "links": [*described["links"], *grown_item_links(item, earlier)]}


def describe_model_collection(item: Document, earlier: Document | None) -> dict[str, Any]:
    """Describe a collection as the function above does, without links to its items."""
    texts, synthetic = model_texts(), bool(item["properties"]["vadose:synthetic"])
    kind = " These models have learnt from a synthetic world." if synthetic else ""
    return {
        "type": "Collection",
        "id": model_collection_id(synthetic=synthetic),
        "stac_version": pystac.get_stac_version(),
        "stac_extensions": list(map(str, COLLECTION_EXTENSIONS)),
        "title": model_collection_title(synthetic=synthetic),
        "description": f"{texts.description}{kind}",
        "keywords": [*texts.keywords, *(["synthetic"] if synthetic else [])],
        "license": texts.license,
        "providers": [provider_of(providers().processor)],
        "extent": grown_extent(item, earlier),
        "summaries": grown_summaries(item, earlier, _SUMMARISED),
        "item_assets": _item_assets(),
        "vadose:synthetic": synthetic,
        "links": _links(earlier),
        "assets": {} if earlier is None else earlier.get("assets", {}),
    }


def _properties(card: ModelCard, edition: Edition) -> dict[str, Any]:
    return {
        "title": model_title(card),
        "description": _description(card),
        **edition.properties(),
        # A model is as old as its card, wherever and whenever it is published.
        "created": instant(card.created),
        "license": model_texts().license,
        **_mlm(card),
        **_predictors(card),
        "vadose:kind": card.kind,
        "vadose:target": card.target.model_dump(mode="json"),
        "vadose:region": card.region.name,
        "vadose:synthetic": card.synthetic,
        "vadose:training": {"months": list(card.training), "rows": card.rows.used},
        "vadose:importance": {feature.name: feature.importance for feature in card.features},
        "vadose:scores": {score.split: _score(score) for score in card.scores},
        "vadose:scores_left_out": dict(card.splits_left_out),
        "vadose:omissions": dict(card.omissions),
        "vadose:parity": card.file.parity,
        "vadose:software": dict(card.versions),
        **({} if card.choice is None else {"vadose:choice": card.choice.model_dump(mode="json")}),
    }


def _description(card: ModelCard) -> str:
    learnt = "a synthetic world" if card.synthetic else "observations"
    return (
        f"Predicts {card.target.name.replace('_', ' ')} ({card.target.units}) from "
        f"{len(card.features)} features; learnt from {card.rows.used} rows of {learnt}, "
        f"{card.training[0]} to {card.training[-1]}."
    )


def _mlm(card: ModelCard) -> dict[str, Any]:
    tasks = ["regression", "downscaling"]
    settings = card.settings.model_dump(mode="json", exclude_none=True)
    return {
        "mlm:name": card.id,
        "mlm:architecture": architecture(card.algorithm),
        "mlm:tasks": tasks,
        "mlm:framework": "ONNX",
        "mlm:framework_version": card.versions["onnx"],
        "mlm:memory_size": card.file.bytes,
        "mlm:pretrained": False,
        "mlm:pretrained_source": None,
        "mlm:accelerator": None,
        "mlm:hyperparameters": {**settings, **card.found},
        "mlm:input": [
            {
                "name": "features",
                "description": "A row per cell; a missing feature is NaN",
                "variables": list(card.feature_names),
                "input": _structure(len(card.features), "variables"),
            }
        ],
        "mlm:output": [
            {
                "name": card.target.name,
                "description": f"{card.target.description}, {card.target.units}",
                "tasks": tasks,
                "result": _structure(1, "prediction"),
            }
        ],
    }


def _predictors(card: ModelCard) -> dict[str, Any]:
    """Return the features as the variables that the MLM extension looks for."""
    west, south, east, north = card.region.bbox
    first, last = Month.parse(card.training[0]), Month.parse(card.training[-1])
    degrees = {"type": "spatial", "reference_system": 4326}
    return {
        "cube:dimensions": {
            "time": {"type": "temporal", "extent": [instant(first.start), instant(last.end)]},
            "y": {**degrees, "axis": "y", "extent": [south, north]},
            "x": {**degrees, "axis": "x", "extent": [west, east]},
        },
        "cube:variables": {
            feature.name: {
                "type": "data",
                "dimensions": ["time", "y", "x"],
                "unit": feature.units,
                "data_type": "float32",
            }
            for feature in card.features
        },
    }


def _structure(width: int, across: str) -> dict[str, Any]:
    return {"shape": [-1, width], "dim_order": ["batch", across], "data_type": "float32"}


def _score(score: Score) -> dict[str, Any]:
    intervals = score.intervals
    return {
        "definition": score.definition,
        "model": score.model,
        **score.pooled.model_dump(mode="json", exclude_none=True),
        **({} if intervals is None else {"intervals": intervals.model_dump(mode="json")}),
    }


def _item_assets() -> dict[str, Any]:
    texts = model_texts().assets
    return {
        key: text.model_dump(mode="json")
        | ({"mlm:artifact_type": "onnx"} if "mlm:model" in text.roles else {})
        for key, text in texts.items()
    }


def _links(earlier: Document | None) -> list[dict[str, Any]]:
    own = [
        link("root", f"../{ROOT_KEY}", catalog_texts().title),
        link("parent", f"../{ROOT_KEY}", catalog_texts().title),
        *licence_links(model_texts().license),
    ]
    return [
        *(entry.to_dict(transform_href=False) for entry in own),
        *kept_links(earlier, _OWN_LINKS),
    ]
