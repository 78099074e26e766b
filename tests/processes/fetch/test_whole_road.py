"""From nothing to a map: fetched, downscaled, catalogued; and fetched by a program that dies."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.archive import Archive
from engine.months import Month
from engine.products import decode, load_specs
from engine.progress import silent
from engine.region import load_region
from processes.definitions import find_process
from processes.fetch.provenance import read_note
from processes.fetch.testing_road import Road, walk
from processes.run import run_process
from processes.validation import read_inputs
from stac.read import items_of
from stac.store import LocalCatalog
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from engine.granules import Granule
    from engine.world import World
    from processes.fetch.testing import Providers

ROAD = "2020-04/2020-05"
KILLS = 20


def test_two_commands_lead_to_a_map(road: Road, tiny_world: World) -> None:
    """What ``fetch`` brings is read as what the world wrote, and makes a valid catalogue."""
    done = road.fetch(ROAD)
    assert done.files == len(road.granules())
    _assert_same_values(road.settings.archive_folder, tiny_world)
    inputs = {
        "datetime": "2020-04",
        "training": ROAD,
        "sif": "without",
        "features": ["ndvi", "lst_day", "elevation", "precipitation", "clay"],
    }
    process = find_process("downscale-smap")
    run_process("downscale-smap", read_inputs(process.inputs, inputs), road.settings, "r", silent)
    catalog = LocalCatalog(road.settings.catalog_folder)
    assert not validate_catalog(catalog)
    _assert_origins_told(catalog, road)


def _assert_origins_told(catalog: LocalCatalog, road: Road) -> None:
    """Demand of a map's item that it tells where, when and on which terms its files were had."""
    (item,) = items_of(catalog, "soil-moisture-1km-monthly")
    links = [one.to_dict() for one in item.links if one.rel == "derived_from"]
    told = {one["title"]: one for one in links if "vadose:product" in one}
    for name, path in road.granules().items():
        note = read_note(path)
        if name in told and note is not None:
            assert told[name]["vadose:retrieved_from"] == note.url
            assert told[name]["vadose:licence"] == note.licence
            assert told[name]["file:checksum"].endswith(note.sha256)
    assert sum("vadose:retrieved" in one for one in told.values()) > 30 * 8


def _assert_same_values(fetched: Path, world: World) -> None:
    """Compare every product's values of a day in both archives."""
    area = load_region(world.region).area()
    period = Month(2020, 4).period
    one, other = Archive(fetched), Archive(world.archive)
    assert one.synthetic
    for product, spec in load_specs().items():
        mine, theirs = (archive.granules(product, period) for archive in (one, other))
        if not theirs or product == "SRTM":  # whose tiles are of another size
            continue
        assert _keys(mine) == _keys(theirs), product
        names = tuple(variable.name for variable in spec.select(None)[:1])
        for granule, original in zip(mine[:2], theirs[:2], strict=True):
            values, expected = (decode(each, area, names) for each in (granule, original))
            assert values.keys() == expected.keys()
            for name, field in values.items():
                assert field.geobox == expected[name].geobox, product
                np.testing.assert_array_equal(field.values, expected[name].values, product)


def _keys(granules: tuple[Granule, ...]) -> list[tuple[object, ...]]:
    return [(one.period, one.tile, one.version) for one in granules]


def _contents(archive: Path) -> Mapping[str, str]:
    """Return what an archive holds, by path: contents, and notes without their times."""
    found = {}
    for path in sorted(archive.rglob("*")):
        if path.is_file() and path.suffix != ".json" and path.name != ".fetch.lock":
            found[str(path.relative_to(archive))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_killed_again_and_again_it_ends_the_same(road: Road, providers: Providers) -> None:
    """After 20 kills the archive is that of a run that nobody killed, and nothing came twice."""
    settings = road.settings
    smap = providers.shelves["SPL4SMGP"].items()
    some = dict([(name, one) for name, one in smap if "gph_202005" in name][:40])
    providers.shelves = {**providers.shelves, "SPL4SMGP": some}
    whole = Road(settings.model_copy(update={"archive": settings.data / "whole"}))
    asked, sent, size = len(providers.seen), providers.sent(), road.plan("2020-05").size
    whole.fetch("2020-05")
    # The bytes of a dry run are those that then come.
    assert providers.sent() - sent == pytest.approx(size, rel=0.2)
    requests = len(providers.seen) - asked
    planning = sum(
        one.path.startswith("/search") or one.path.endswith("/") for one in providers.seen
    )
    chance = random.Random(20)  # noqa: S311
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["processes.fetch.testing_road"])
    killed = 0
    base = len(providers.seen)
    for _ in range(KILLS):
        # Now and then while it plans, mostly while files come.
        patience = chance.randint(1, planning + 2 * requests // KILLS)
        there = set(road.granules())
        start = len(providers.seen)
        child = context.Process(target=walk, args=(settings, "2020-05"))
        child.start()
        while child.is_alive() and len(providers.seen) - start < patience:
            time.sleep(0.002)
        killed += child.is_alive()
        child.kill()
        child.join()
        _assert_none_again(providers, start, there)
        for path in road.granules().values():
            note = read_note(path)
            assert note is not None
            assert note.size == path.stat().st_size
    assert killed >= KILLS - 3
    there, start = set(road.granules()), len(providers.seen)
    road.fetch("2020-05")
    _assert_none_again(providers, start, there)
    assert _contents(settings.archive_folder) == _contents(settings.data / "whole")
    assert len(providers.seen) - base < 2 * requests + KILLS * 60


def _assert_none_again(providers: Providers, start: int, there: set[str]) -> None:
    """Refuse a request for a file that was there."""
    for one in providers.seen[start:]:
        name = one.path.rpartition("/")[2].replace(".dap.nc4", ".nc4")
        if not one.path.startswith(("/search", "/open")):
            assert name not in there
