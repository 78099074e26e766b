"""Reports beside the maps that they validated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.months import Month
from stac.publish import publish_month
from stac.read import collection_document, item_document
from stac.store import LocalCatalog
from stac.testing import MAY, NOW, toy_dataset, toy_provenance, toy_series
from stac.validate import validate_catalog
from stac.validation_link import ValidationRecord, publish_validation, validations_of

if TYPE_CHECKING:
    from pathlib import Path

COLLECTION = "soil-moisture-1km-monthly"
ITEM = f"soil-moisture-toy-synthetic-{MAY}"
RECORD = ValidationRecord(
    id="validation-abc",
    title="toys against toys",
    collection_id=COLLECTION,
    item_ids=[ITEM, "gone"],
)


def publish(catalog: LocalCatalog, month: Month = MAY, *, shift: float = 0.0) -> None:
    publish_month(catalog, toy_series(), month, toy_dataset(shift=shift), toy_provenance(), now=NOW)


def link(catalog: LocalCatalog, folder: Path) -> None:
    names = ("report.html", "metrics.json", "stations.geojson")
    paths = [folder / name for name in names]
    for path in paths:
        path.write_text(f"{path.name}\n")
    publish_validation(catalog, RECORD, paths, lambda: None)


def links(catalog: LocalCatalog) -> list[str]:
    collection = collection_document(catalog, COLLECTION)
    item = item_document(catalog, collection, ITEM)
    assert item is not None
    return [entry["href"] for entry in validations_of(item)]


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalog:
    return LocalCatalog(tmp_path / "catalog")


def test_maps_and_collection_link_their_report(catalog: LocalCatalog, tmp_path: Path) -> None:
    """Item and collection lead to files that are there, and the catalogue stays valid."""
    publish(catalog)
    link(catalog, tmp_path)
    assert links(catalog) == ["../validation/validation-abc/report.html"]
    collection = collection_document(catalog, COLLECTION)
    assert collection is not None
    for entry in validations_of(collection):
        assert catalog.read(f"{COLLECTION}/{entry['href'].removeprefix('./')}") is not None
    assert validate_catalog(catalog) == []


def test_linking_twice_changes_nothing(catalog: LocalCatalog, tmp_path: Path) -> None:
    """The same validation again leaves one link."""
    publish(catalog)
    link(catalog, tmp_path)
    link(catalog, tmp_path)
    assert len(links(catalog)) == 1


def test_links_outlive_the_same_map_and_end_with_another(
    catalog: LocalCatalog, tmp_path: Path
) -> None:
    """A map published again keeps its report; a new version was not validated."""
    publish(catalog)
    link(catalog, tmp_path)
    publish(catalog)
    publish(catalog, Month(2020, 6))
    assert len(links(catalog)) == 1
    publish(catalog, shift=0.05)
    assert links(catalog) == []
    collection = collection_document(catalog, COLLECTION)
    assert collection is not None
    assert len(validations_of(collection)) == 3
    assert validate_catalog(catalog) == []


def test_nobody_links_who_was_replaced(catalog: LocalCatalog, tmp_path: Path) -> None:
    """A fence that raises leaves maps and folder as they were."""
    publish(catalog)

    def fence() -> None:
        raise RuntimeError("replaced")

    (tmp_path / "report.html").write_text("x")
    with pytest.raises(RuntimeError, match="replaced"):
        publish_validation(catalog, RECORD, [tmp_path / "report.html"], fence)
    assert links(catalog) == []
    assert catalog.names(RECORD.folder) == ()
