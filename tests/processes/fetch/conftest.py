"""Providers on loopback that have the files of the tiny world."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from processes.fetch.sources import load_sources
from processes.fetch.testing import TOKEN, Providers
from processes.fetch.testing_road import Road
from processes.fetch.testing_shelves import blank_shelf, world_shelves
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from engine.world import World
    from processes.fetch.testing_shelves import Shelf


@pytest.fixture(scope="session")
def shelves(tiny_world: World) -> Mapping[str, Shelf]:
    """Give what is in the tiny world, as providers would name and pack it."""
    return world_shelves(tiny_world.archive)


@pytest.fixture
def providers(shelves: Mapping[str, Shelf]) -> Iterator[Providers]:
    """Give servers that have it."""
    with Providers(shelves=shelves) as servers:
        yield servers


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let nobody's own credentials be found."""
    monkeypatch.delenv("EARTHDATA_TOKEN", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


@pytest.fixture
def road_to(providers: Providers, tiny_world: World, tmp_path: Path) -> Callable[..., Road]:
    """Give the means to fetch the tiny region into an archive of the test's own."""
    sources = providers.write_sources(tmp_path / "sources")

    def make(**others: Any) -> Road:
        arguments = {
            "data": tmp_path / "data",
            "regions": tiny_world.region.parent,
            "region": tiny_world.region.stem,
            "sources": sources,
            "earthdata_token": TOKEN,
        }
        return Road(Settings.load(**(arguments | others)))

    return make


@pytest.fixture
def road(road_to: Callable[..., Road]) -> Road:
    """Give the road with a token that is right."""
    return road_to()


def _stamps(start: date, end: date) -> Iterator[str]:
    day = start
    while day < end:
        for hour in range(1, 24, 3):
            yield f"SMAP_L4_SM_gph_{day:%Y%m%d}T{hour:02d}3000_Vv8010_001.h5"
        day += timedelta(days=1)


def _tiles(product: str, step: int) -> list[str]:
    return [
        f"{product}.A{year}{doy:03d}.h27v05.061.{year}360000000.hdf"
        for year in range(2018, 2022)
        for doy in range(1, 366, step)
    ]


def _uneven(shelf: Shelf) -> Shelf:
    """Let sizes vary by a third, as those of true granules do."""
    chance = random.Random(3)  # noqa: S311
    uneven = {}
    for name, item in shelf.items():
        size = round(item.size * chance.uniform(0.67, 1.33))
        uneven[name] = replace(item, size=size, content=lambda size=size: bytes(size))
    return uneven


@pytest.fixture
def henan(road_to: Callable[..., Road], providers: Providers) -> Road:
    """Give the road to Henan, at providers with files of the sizes that the true ones have."""
    sizes = {product: source.file_bytes for product, source in load_sources().items()}
    daily, eight = ("MCD43A3", "MCD43A4"), ("MOD11A2", "MOD15A2H", "MOD16A2GF")
    named = {product: _tiles(product, 1) for product in daily}
    named |= {product: _tiles(product, 8) for product in eight}
    named["MCD12Q1"] = _tiles("MCD12Q1", 400)
    named["SPL4SMGP"] = list(_stamps(date(2018, 5, 1), date(2022, 1, 1)))
    days = (date(2018, 4, 1) + timedelta(days=number) for number in range(1400))
    named["CHIRPS"] = [f"chirps-v2.0.{day:%Y.%m.%d}.cog" for day in days]
    named["SRTM"] = [
        f"N{north}E{east}.SRTMGL3.hgt.zip" for north in range(31, 37) for east in range(110, 117)
    ]
    shelves = {
        product: _uneven(blank_shelf(product, names, sizes[product]))
        for product, names in named.items()
    }
    providers.shelves = shelves
    providers.page = 2000
    return road_to(region="henan")
