"""The validator finds what is wrong."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

from stac.extensions import Extension, schemas
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import MAY, NOW, toy_dataset, toy_provenance, toy_series
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COLLECTION = "soil-moisture-1km-monthly"
ITEM = "soil-moisture-toy-synthetic-2020-05"

type Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    publish_month(LocalCatalog(root), toy_series(), MAY, toy_dataset(), toy_provenance(), now=NOW)
    return root


@pytest.fixture
def root(published: Path, tmp_path: Path) -> Path:
    """Copy a catalogue of one item, for a test to spoil."""
    return shutil.copytree(published, tmp_path / "catalog")


def spoil(path: Path, change: Change) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def faults(root: Path) -> str:
    return "\n".join(map(str, validate_catalog(root)))


def drop(*keys: str) -> Change:
    """Return a change that deletes what a path of keys leads to."""

    def change(document: dict[str, Any]) -> None:
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return change


def put(value: object, *keys: str) -> Change:
    """Return a change that sets what a path of keys leads to."""

    def change(document: dict[str, Any]) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return change


def test_a_sound_catalogue_has_no_problems(root: Path) -> None:
    """The starting point of all tests below."""
    assert validate_catalog(root) == []


DATA = ("assets", "soil_moisture")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop("geometry"), "geometry"),
        (put("1.0.0", "stac_version"), "no STAC 1.1.0 document"),
        (put("other", "id"), "its id is other"),
        (put("L4", *DATA, "proj:shape"), "projection/v2.0.0"),
        (put("pixel", *DATA, "raster:sampling"), "raster/v2.0.0"),
        (put(-1, *DATA, "file:size"), "file/v2.1.0"),
        (put("zz", *DATA, "file:checksum"), "checksum"),
        (put(7, "properties", "processing:level"), "processing/v1.2.0"),
        (put(1, "properties", "version"), "version/v1.2.0"),
        (put("today", "properties", "published"), "timestamps/v1.1.0"),
        (put(1, *DATA, "file:size"), "bytes, stated 1"),
        (put("./nothing.tif", *DATA, "href"), "no file ./nothing.tif"),
        (put("/etc/hosts", *DATA, "href"), "no file /etc/hosts beside its item"),
        (put("EPSG:4326", *DATA, "proj:code"), "projection fields do not say"),
        (put(False, "properties", "vadose:synthetic"), "synthetic and real maps"),
        (put(["https://example.org/x.json"], "stac_extensions"), "not one that vadose writes"),
    ],
)
def test_a_spoilt_item_is_found(root: Path, change: Change, expected: str) -> None:
    """Each fault is named with the item it is in."""
    spoil(root / COLLECTION / ITEM / f"{ITEM}.json", change)
    assert expected in faults(root)


def test_a_unit_that_the_file_does_not_have_is_found(root: Path) -> None:
    """The band's description and the file must agree."""

    def change(document: dict[str, Any]) -> None:
        document["assets"]["soil_moisture"]["bands"][0]["unit"] = "%"

    spoil(root / COLLECTION / ITEM / f"{ITEM}.json", change)
    assert "stated ('soil_moisture', '%'" in faults(root)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop("license"), "license"),
        (put("x", "sci:publications"), "scientific/v1.0.0"),
        (put("Another title", "title"), "its title is not 'Another title'"),
        (put([], "links"), ""),
    ],
)
def test_a_spoilt_collection_is_found(root: Path, change: Change, expected: str) -> None:
    """Collections are looked at as closely."""
    spoil(root / COLLECTION / "collection.json", change)
    assert expected in faults(root)


def test_a_link_that_leads_nowhere_is_found(root: Path) -> None:
    """A missing document is named, and the link that wanted it."""
    (root / COLLECTION / ITEM / f"{ITEM}.json").unlink()
    assert f"{ITEM}.json: missing" in faults(root)


def test_a_link_without_a_title_or_to_itself_is_found(root: Path) -> None:
    """The house rules for links are checked, too."""

    def change(document: dict[str, Any]) -> None:
        del document["links"][0]["title"]
        document["links"].append({"rel": "self", "href": "https://e.org/c.json", "title": "c"})
        document["links"].append({"rel": "about", "href": "./none.html", "title": "c"})

    spoil(root / COLLECTION / "collection.json", change)
    found = faults(root)
    assert "no title" in found
    assert "only the root names itself" in found
    assert "about to ./none.html: leads nowhere" in found


def test_a_changed_byte_is_found(root: Path) -> None:
    """Checksums are taken, not trusted."""
    path = next((root / COLLECTION / ITEM).glob("*_raw_v1.tif"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "asset soil_moisture_raw: its checksum is not the stated one" in faults(root)


def test_a_tiff_that_is_no_cog_is_found(root: Path) -> None:
    """A striped GeoTIFF under a COG's name does not pass."""
    path = next((root / COLLECTION / ITEM).glob("*_soil_moisture_v1.tif"))
    profile = {"driver": "GTiff", "width": 700, "height": 700, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", **profile, transform=rasterio.Affine(2, 0, 0, 0, -2, 0)) as tiff:
        tiff.write(np.zeros((1, 700, 700), np.float32))
    assert "no strictly valid COG" in faults(root)


def test_a_file_that_is_no_raster_is_found(root: Path) -> None:
    """A broken COG is a problem, not a crash."""
    next((root / COLLECTION / ITEM).glob("*_soil_moisture_v1.tif")).write_text("no raster")
    assert "not readable as a raster" in faults(root)


def test_an_empty_folder_is_no_catalogue(tmp_path: Path) -> None:
    """The root is the first thing that can be missing."""
    assert faults(tmp_path) == "catalog.json: missing, or no JSON object"


def test_every_extension_ships_its_schema() -> None:
    """No address of a schema leads to the network."""
    for extension in Extension:
        assert schemas()[extension]["$id"].rstrip("#") == extension
