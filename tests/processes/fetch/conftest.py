"""Providers on loopback that have the files of the tiny world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from processes.fetch.testing import TOKEN, Providers
from processes.fetch.testing_road import Road
from processes.fetch.testing_shelves import world_shelves
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
