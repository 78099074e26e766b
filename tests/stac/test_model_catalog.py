"""Models beside their maps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from stac_pydantic import Item

from stac.model_catalog import publish_model, published_model
from stac.publish import publish_month
from stac.read import items_of
from stac.store import LocalCatalog
from stac.testing import MAY, NOW, toy_dataset, toy_model, toy_provenance, toy_series
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from pathlib import Path

MODELS = "models-synthetic"


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalog:
    return LocalCatalog(tmp_path / "catalog")


def test_a_model_is_described_by_its_card(catalog: LocalCatalog, tmp_path: Path) -> None:
    """Features, settings, scores by split, files; sound by every schema and by a second reader."""
    card = toy_model(tmp_path / "models")
    document = publish_model(catalog, card, tmp_path / "models", now=NOW)
    Item.model_validate(document)
    said = document["properties"]
    assert said["mlm:input"][0]["variables"] == list(card.feature_names)
    assert said["mlm:hyperparameters"]["trees"] == card.settings.model_dump()["trees"]
    assert said["vadose:scores"]["spatial-block"]["rmse"] == 0.02
    assert said["vadose:scores_left_out"] == {"year": "one year alone"}
    assert list(document["assets"]) == ["model", "card", "analysis"]
    assert document["assets"]["model"]["roles"] == ["mlm:model", "data"]
    assert validate_catalog(catalog.root) == []


def test_the_same_model_again_changes_nothing(catalog: LocalCatalog, tmp_path: Path) -> None:
    """A report that has come meanwhile is a new version; the model's own file stays."""
    folder = tmp_path / "models"
    card = toy_model(folder)
    first = publish_model(catalog, card, folder, now=NOW)
    assert publish_model(catalog, card, folder) == first
    (folder / f"{card.id}.report.html").write_text("<p>well</p>")
    (folder / f"{card.id}.report.json").write_text("{}")
    assert published_model(catalog, card, folder) is None
    second = publish_model(catalog, card, folder)
    assert second["properties"]["version"] == "2"
    assert second["assets"]["model"] == first["assets"]["model"]
    assert {"report", "report-data"} <= set(second["assets"])
    assert published_model(catalog, card, folder) == second
    assert validate_catalog(catalog.root) == []


def test_maps_link_their_models_and_models_their_maps(
    catalog: LocalCatalog, tmp_path: Path
) -> None:
    """Every map of the chain, once each, also when it is published again."""
    folder = tmp_path / "models"
    upstream = toy_model(folder)
    card = toy_model(folder, upstream=upstream.id)
    for one in (upstream, card):
        publish_model(catalog, one, folder, now=NOW)
    origin = toy_provenance()
    used = replace(origin.model, id=card.id)
    provenance = replace(origin, model=used, upstream=(replace(used, id=upstream.id),))
    for month in (MAY, MAY.shift(1)):
        item = publish_month(catalog, toy_series(), month, toy_dataset(), provenance, now=NOW)
        models = [link for link in item.get_links("derived_from") if MODELS in link.href]
        assert len(models) == 2
    found: dict[str, Any] = {one.id: one for one in items_of(catalog, MODELS)}
    (related,) = found[card.id].get_links("related")
    assert related.get_href(transform_href=False).endswith("monthly/collection.json")
    assert found[upstream.id].get_links("related") == []
    assert [link.title for link in found[card.id].get_links("derived_from")] == [
        found[upstream.id].properties["title"]
    ]
    assert validate_catalog(catalog.root) == []
    again = publish_model(catalog, card, folder)
    assert json.dumps(again).count("monthly/collection.json") == 1


def test_granules_are_linked_with_their_hashes(catalog: LocalCatalog) -> None:
    """A real file leads to who holds it; a synthetic one is named by its digest."""
    synthetic = publish_month(catalog, toy_series(), MAY, toy_dataset(), toy_provenance())
    real = publish_month(
        catalog, toy_series("toy"), MAY, toy_dataset(), toy_provenance(synthetic=False)
    )
    by_name = [
        {str(link.title): link for link in item.get_links("derived_from")}
        for item in (synthetic, real)
    ]
    digested = by_name[0]["chirps-v2.0.2020.05.01.tif"]
    assert digested.href.startswith("ni:///sha-256;q6ur")
    assert digested.extra_fields["file:checksum"] == "1220" + "ab" * 32
    smap = by_name[1]["SMAP_L4_SM_gph_20200501T013000.h5"]
    assert smap.href.startswith(
        "https://cmr.earthdata.nasa.gov/search/granules?short_name=SPL4SMGP"
    )
    assert validate_catalog(catalog.root) == []
