"""Publishing."""

from __future__ import annotations

import hashlib
import itertools
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pystac
import pytest
import rasterio

from engine.cog import geobox_of, read_cog
from engine.errors import InputError, MissingDataError
from stac.publish import publish_month, published_month
from stac.read import collections_of, items_of, read_catalog, read_collection, read_item
from stac.store import LocalCatalog
from stac.testing import AREA, MAY, NOW, toy_dataset, toy_provenance, toy_series
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from pathlib import Path

    from engine.months import Month

OFFICIAL = "soil-moisture-1km-monthly"

PUBLISHERS = """
import json, os, sys
from pathlib import Path
from engine.months import Month
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import DyingCatalog, toy_dataset, toy_provenance, toy_series

def publish(root, months, region="toy-synthetic", changes=None, shift=0.0):
    folder = Path(root)
    catalog = LocalCatalog(folder) if changes is None else DyingCatalog(folder, changes)
    for month in map(Month.parse, months):
        dataset = toy_dataset(shift=shift)
        publish_month(catalog, toy_series(region), month, dataset, toy_provenance())

def start(task):
    child = os.fork()
    if child:
        return child
    publish(**task)
    os._exit(0)

children = [start(task) for task in json.loads(sys.argv[1])]
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
print(json.dumps(codes))
"""


def publish_in_processes(*tasks: dict[str, object]) -> list[int]:
    """Run every task in a process of its own, all at once; return their exit codes.

    They are forked from one fresh interpreter, so that the imports are paid once.
    """
    arguments = [sys.executable, "-W", "ignore", "-c", PUBLISHERS, json.dumps(tasks)]
    done = subprocess.run(arguments, check=True, capture_output=True, timeout=600)
    return list(json.loads(done.stdout))


def publish(
    catalog: LocalCatalog,
    month: Month = MAY,
    *,
    shift: float = 0.0,
    days: int = 0,
    **series: object,
) -> pystac.Item:
    return publish_month(
        catalog,
        toy_series(**series),  # type: ignore[arg-type]
        month,
        toy_dataset(shift=shift),
        toy_provenance(job_href=f"https://example.org/jobs/{days}"),
        now=NOW + timedelta(days=days),
    )


def snapshot(root: Path) -> dict[str, tuple[int, str]]:
    """Return every served file with its modification time and digest."""
    return {
        str(path.relative_to(root)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    }


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalog:
    return LocalCatalog(tmp_path / "catalog")


def test_a_published_month_is_found_and_sound(catalog: LocalCatalog) -> None:
    """From the root, pystac finds the item, and nothing is wrong with the catalogue."""
    publish(catalog)
    root = pystac.Catalog.from_file(str(catalog.root / "catalog.json"))
    (item,) = root.get_items(recursive=True)
    assert item.id == "soil-moisture-toy-synthetic-2020-05"
    assert item.collection_id == OFFICIAL
    assert list(item.assets) == [
        "soil_moisture",
        "soil_moisture_raw",
        "soil_moisture_conserving",
        "lower",
        "upper",
        "applicability",
        "quality",
        "overview",
        "thumbnail",
        "sheet",
        "legend",
        "provenance",
    ]
    assert validate_catalog(catalog.root) == []


def test_gdal_finds_the_maps_values_at_the_items_assets(catalog: LocalCatalog) -> None:
    """Values, unit and grid survive; statistics and checksum are those of the file."""
    item = publish(catalog)
    dataset = toy_dataset()
    for name, layer in dataset.data_vars.items():
        asset = item.assets[str(name)]
        href = asset.get_absolute_href()
        assert href is not None
        with rasterio.open(href) as raster:
            values = raster.read(1, masked=True)
            assert raster.dtypes[0] == layer.dtype
            assert raster.units == (layer.attrs["units"],)
            assert raster.tags()["synthetic"].startswith("true: made by the vadose world")
            assert raster.tags()["month"] == "2020-05"
            assert list(raster.transform[:6]) == asset.extra_fields["proj:transform"]
        np.testing.assert_array_equal(values.astype(np.float32).filled(np.nan), layer.values)
        band = asset.extra_fields["bands"][0]
        assert band["data_type"] == layer.dtype
        if name != "quality":
            assert band["statistics"]["mean"] == pytest.approx(float(values.mean()))
    path = item.assets["soil_moisture"].get_absolute_href()
    assert path is not None
    assert geobox_of(read_cog(catalog.root / path)).affine[:6] == AREA.affine[:6]


def test_the_provenance_lists_every_source(catalog: LocalCatalog) -> None:
    """What an item counts, its record names; the job is not in it."""
    href = publish(catalog).assets["provenance"].get_absolute_href()
    assert href is not None
    record = json.loads((catalog.root / href).read_text(encoding="utf-8"))
    assert [source["product"] for source in record["sources"]] == ["SPL4SMGP"] * 2 + ["CHIRPS"]
    assert record["model"]["scores"]["spatial-block"]["r2"] == 0.74
    assert "jobs" not in json.dumps(record)


def test_publishing_twice_changes_nothing(catalog: LocalCatalog) -> None:
    """Another job, another day, the same map: not one file is touched."""
    first = publish(catalog)
    before = snapshot(catalog.root)
    second = publish(catalog, days=3)
    assert snapshot(catalog.root) == before
    assert second.to_dict() == first.to_dict()
    assert list((catalog.root / ".staging").iterdir()) == []


def test_the_order_of_months_leaves_no_trace(tmp_path: Path) -> None:
    """Whatever order jobs publish in, also twice, the documents are the same to the byte."""
    months = [MAY.shift(k) for k in range(3)]
    roots = []
    orders = list(itertools.permutations(months))
    for number, order in enumerate(orders[::2]):
        roots.append(tmp_path / str(number))
        for month in (*order, order[0]):
            sources = toy_provenance().sources[: 1 + month.month % 3]
            provenance = replace(toy_provenance(synthetic=False), sources=sources)
            series = toy_series("toy")
            publish_month(
                LocalCatalog(roots[-1]), series, month, toy_dataset(), provenance, now=NOW
            )
    content = [{name: digest for name, (_, digest) in snapshot(root).items()} for root in roots]
    assert all(one == content[0] for one in content)
    assert validate_catalog(roots[0]) == []


def test_other_bytes_become_the_next_version(catalog: LocalCatalog) -> None:
    """Published files stay as they are; the item moves on and knows where it came from."""
    first = publish(catalog)
    before = snapshot(catalog.root)
    second = publish(catalog, shift=0.02, days=3)
    after = snapshot(catalog.root)
    files = {name for name in before if not name.endswith(("catalog.json", "collection.json"))}
    files -= {f"{OFFICIAL}/{first.id}/{first.id}.json"}
    assert {name: after[name] for name in files} == {name: before[name] for name in files}
    assert second.properties["version"] == "2"
    assert second.properties["created"] == first.properties["created"]
    assert second.properties["updated"] == "2026-01-05T03:04:05Z"
    assert second.assets["soil_moisture"].href.endswith("_soil_moisture_v2.tif")
    assert second.assets["provenance"].href == first.assets["provenance"].href
    assert validate_catalog(catalog.root) == []
    back = second.get_single_link("predecessor-version")
    assert back is not None
    kept = json.loads((catalog.root / OFFICIAL / first.id / f"{first.id}_v1.json").read_text())
    assert kept["properties"]["deprecated"] is True
    assert [item.id for item in items_of(catalog, OFFICIAL)] == [first.id]


def test_new_words_alone_are_no_new_version(catalog: LocalCatalog) -> None:
    """The item says the new words with the old files."""
    first = publish(catalog)
    key = f"{OFFICIAL}/{first.id}/{first.id}.json"
    document = json.loads(catalog.read(key) or b"")
    document["properties"]["description"] = "An older wording"
    catalog.write(key, json.dumps(document).encode())
    second = publish(catalog, days=1)
    assert second.properties["description"] == first.properties["description"]
    assert second.properties["updated"] == "2026-01-03T03:04:05Z"
    assert second.properties["version"] == "1"
    assert validate_catalog(catalog.root) == []


RECIPE = replace(toy_provenance(), recipe="a")


def test_a_month_is_known_by_its_recipe(catalog: LocalCatalog) -> None:
    """The same series by the same recipe is there; another one, or a map without any, is not."""
    publish(catalog)
    assert published_month(catalog, toy_series(), MAY, RECIPE) is None
    publish_month(catalog, toy_series(), MAY, toy_dataset(), RECIPE)
    found = published_month(catalog, toy_series(), MAY, RECIPE)
    assert found is not None
    assert (found["id"], found["properties"]["version"]) == (toy_series().item_id(MAY), "1")
    for series, month, provenance in (
        (toy_series(), MAY.shift(1), RECIPE),
        (toy_series(model_id="rf-ffff"), MAY, RECIPE),
        (toy_series(), MAY, replace(RECIPE, recipe="b")),
        (toy_series(), MAY, toy_provenance()),
    ):
        assert published_month(catalog, series, month, provenance) is None


def test_a_file_that_was_lost_is_published_again(catalog: LocalCatalog) -> None:
    """A month without all of its files is not there; publishing it brings back just those."""
    item = publish_month(catalog, toy_series(), MAY, toy_dataset(), RECIPE)
    before = snapshot(catalog.root)
    lost = catalog.root / str(item.assets["soil_moisture"].get_absolute_href())
    lost.unlink()
    assert published_month(catalog, toy_series(), MAY, RECIPE) is None
    publish_month(catalog, toy_series(), MAY, toy_dataset(), RECIPE)
    after = snapshot(catalog.root)
    name = str(lost.relative_to(catalog.root))
    assert after.pop(name)[1] == before.pop(name)[1]
    assert after == before


class Fence:
    """Lets a publisher pass a number of times."""

    def __init__(self, passes: int) -> None:
        self.left = passes

    def __call__(self) -> None:
        """Pass, or raise."""
        if self.left == 0:
            raise PermissionError("another one publishes")
        self.left -= 1


@pytest.mark.parametrize("passes", [0, 1])
def test_a_publisher_that_was_replaced_changes_nothing(catalog: LocalCatalog, passes: int) -> None:
    """Refused before the first file or before the item: no reader sees a thing of it."""
    first = publish(catalog)
    before = snapshot(catalog.root)
    other = toy_dataset(shift=0.03)
    with pytest.raises(PermissionError):
        publish_month(catalog, toy_series(), MAY, other, RECIPE, fence=Fence(passes))
    (item,) = items_of(catalog, OFFICIAL)
    assert item.to_dict() == first.to_dict()
    assert {name: snapshot(catalog.root)[name] for name in before} == before
    assert validate_catalog(catalog.root) == []
    # What it placed goes with the next one that publishes the month, also the same as before.
    publish(catalog)
    assert snapshot(catalog.root) == before


def test_another_series_gets_a_collection_of_its_own(catalog: LocalCatalog) -> None:
    """An experiment replaces nothing official."""
    official = publish(catalog)
    before = snapshot(catalog.root)
    other = publish(catalog, shift=0.05, model_id="rf-ffff")
    assert other.collection_id == toy_series(model_id="rf-ffff").own_collection
    after = snapshot(catalog.root)
    assert {name: after[name] for name in before if name != "catalog.json"} == {
        name: stamp for name, stamp in before.items() if name != "catalog.json"
    }
    assert {collection.id for collection in collections_of(catalog)} == {
        official.collection_id,
        other.collection_id,
    }
    assert validate_catalog(catalog.root) == []


@pytest.mark.parametrize("synthetic_first", [True, False])
def test_synthetic_and_real_maps_never_mix(catalog: LocalCatalog, *, synthetic_first: bool) -> None:
    """Whichever comes first, the other kind gets its own collection."""
    for synthetic in (synthetic_first, not synthetic_first):
        region = "toy-synthetic" if synthetic else "toy"
        origin = toy_provenance(synthetic=synthetic)
        publish_month(catalog, toy_series(region), MAY, toy_dataset(), origin, now=NOW)
    kinds = {
        collection.id: {
            item.properties["vadose:synthetic"] for item in items_of(catalog, collection.id)
        }
        for collection in collections_of(catalog)
    }
    assert kinds[OFFICIAL] == {synthetic_first}
    assert sorted(map(len, kinds.values())) == [1, 1]
    assert validate_catalog(catalog.root) == []


def test_a_refused_map_leaves_nothing(catalog: LocalCatalog) -> None:
    """Neither a lie nor an empty map makes a file."""
    empty = toy_dataset()
    empty["soil_moisture"][:] = np.nan
    with pytest.raises(MissingDataError):
        publish_month(catalog, toy_series(), MAY, empty, toy_provenance())
    with pytest.raises(InputError, match="synthetic"):
        publish_month(catalog, toy_series("toy"), MAY, toy_dataset(), toy_provenance())
    assert not catalog.root.exists()
    assert read_catalog(catalog) is None
    assert items_of(catalog, OFFICIAL) == ()


def test_only_a_root_that_knows_its_address_names_itself(tmp_path: Path) -> None:
    """Every other link is relative, so the folder can be moved."""
    publish(LocalCatalog(tmp_path, url="https://example.org/catalog/"))
    root = json.loads((tmp_path / "catalog.json").read_text())
    selves = [entry["href"] for entry in root["links"] if entry["rel"] == "self"]
    assert selves == ["https://example.org/catalog/catalog.json"]
    moved = tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert validate_catalog(moved) == []


def test_the_readers_see_what_is_linked(catalog: LocalCatalog) -> None:
    """Files beside the catalogue's documents are not published by lying there."""
    publish(catalog)
    item_id = toy_series().item_id(MAY)
    assert read_item(catalog, OFFICIAL, item_id) is not None
    assert read_item(catalog, OFFICIAL, "soil-moisture-toy-synthetic-1999-01") is None
    assert read_collection(catalog, "sif-1km-monthly") is None
    (catalog.root / "catalog.json").unlink()
    assert read_item(catalog, OFFICIAL, item_id) is None


def test_threads_may_publish_at_once(catalog: LocalCatalog) -> None:
    """Within one process, no month is lost either."""
    months = [MAY.shift(k) for k in range(6)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda month: publish(catalog, month), months))
    assert len(items_of(catalog, OFFICIAL)) == 6
    assert validate_catalog(catalog.root) == []


def test_eight_processes_publish_at_once(catalog: LocalCatalog) -> None:
    """Two series, months of their own and a month that all write: none is lost, none is torn."""
    regions = ["toy-synthetic", "other-synthetic"]
    tasks = [
        {
            "root": str(catalog.root),
            "months": [str(MAY.shift(k)), str(MAY.shift(99))],
            "region": regions[k % 2],
        }
        for k in range(8)
    ]
    assert publish_in_processes(*tasks) == [0] * 8
    collections = collections_of(catalog)
    assert len(collections) == 2
    assert sorted(len(items_of(catalog, entry.id)) for entry in collections) == [5, 5]
    items = [item for entry in collections for item in items_of(catalog, entry.id)]
    assert {item.properties["version"] for item in items} == {"1"}
    assert validate_catalog(catalog.root) == []


def killed_before(change: int, root: Path, shift: float) -> dict[str, object]:
    return {"root": str(root), "months": [str(MAY)], "changes": change, "shift": shift}


def test_a_killed_first_publisher_leaves_nothing_visible(tmp_path: Path) -> None:
    """Wherever it dies before the root is written, nobody sees a thing.

    Twelve files, the item, the collection and the root are fifteen changes. Another series that
    comes later finds a fresh catalogue.
    """
    changes = (0, 1, 6, 11, 12, 13, 14)
    roots = [tmp_path / str(change) for change in changes]
    tasks = [killed_before(k, root, 0.0) for k, root in zip(changes, roots, strict=True)]
    assert publish_in_processes(*tasks) == [-signal.SIGKILL] * len(changes)
    for root in roots:
        catalog = LocalCatalog(root)
        assert read_catalog(catalog) is None
        other = publish(catalog, shift=0.03, model_id="rf-ffff")
        assert (other.collection_id, other.properties["version"]) == (OFFICIAL, "1")
        assert validate_catalog(root) == []


def test_a_killed_second_publisher_leaves_the_published_version(tmp_path: Path) -> None:
    """Wherever it dies before the item is replaced, readers see the earlier map whole.

    Ten files differ (legend and provenance do not), then comes the kept version, then the item;
    the collection and the root stay as they are.
    """
    changes = (0, 1, 5, 9, 10, 11)
    roots = [tmp_path / str(change) for change in changes]
    first = [publish(LocalCatalog(root)) for root in roots]
    tasks = [killed_before(k, root, 0.03) for k, root in zip(changes, roots, strict=True)]
    assert publish_in_processes(*tasks) == [-signal.SIGKILL] * len(changes)
    for root, before in zip(roots, first, strict=True):
        catalog = LocalCatalog(root)
        (item,) = items_of(catalog, OFFICIAL)
        assert item.to_dict() == before.to_dict()
        assert validate_catalog(root) == []
        assert publish(catalog, shift=0.03).properties["version"] == "2"
        assert validate_catalog(root) == []
