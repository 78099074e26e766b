"""A catalogue of toy maps, and an index of it in either database."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from engine.months import Month
from processes.search.index import CatalogIndex
from processes.settings import Settings
from stac.documents import collection_key, item_key
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import MAY, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from processes.testing import PostgreSQL

    type Document = dict[str, Any]

OFFICIAL = "soil-moisture-1km-monthly"
MONTHS = (MAY, MAY.shift(1), MAY.shift(2))


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give the settings of a service whose catalogue has three months."""
    settings = Settings.load(data=tmp_path_factory.mktemp("searched"))
    catalog = LocalCatalog(settings.catalog_folder)
    for number, month in enumerate(MONTHS):
        dataset = toy_dataset(shift=0.02 * number)
        publish_month(catalog, toy_series(), month, dataset, toy_provenance())
    return settings


@pytest.fixture(scope="session")
def client(published: Settings, serve: Callable[..., Any]) -> Iterator[httpx.Client]:
    """Give a client of the service that serves these maps."""
    with serve(published, run_jobs=False) as found:
        yield found


@pytest.fixture(scope="session")
def address(published: Settings, serve_apart: Callable[..., Any]) -> Iterator[str]:
    """Serve these maps from a process of its own: GDAL lets no other thread run while it waits."""
    with serve_apart(published) as found:
        yield found


@pytest.fixture(scope="session")
def documents(published: Settings) -> tuple[Document, list[Document]]:
    """Give a collection, and 24 months of three regions, two of which lie elsewhere."""
    catalog = LocalCatalog(published.catalog_folder)
    item_id = toy_series().item_id(MAY)
    collection = json.loads(catalog.read(collection_key(OFFICIAL)) or b"")
    pattern = json.loads(catalog.read(item_key(OFFICIAL, item_id)) or b"")
    regions = {"toy": (0.0, 0.0), "east": (10.0, 0.0), "south": (0.0, -60.0)}
    return collection, [
        _made(pattern, name, Month(2019, 1).shift(number), shift)
        for name, shift in regions.items()
        for number in range(24)
    ]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def index(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    documents: tuple[Document, list[Document]],
) -> Iterator[CatalogIndex]:
    """Give an index of these documents in a file, or in a real PostgreSQL."""
    if request.param == "sqlite":
        address: Any = tmp_path_factory.mktemp("index") / "jobs.sqlite"
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        address = server.url(server.new_database())
    opened = CatalogIndex.open(address)
    collection, items = documents
    opened.put_collection(collection)
    opened.put_items((item, "1") for item in items)
    yield opened
    opened.close()


def _made(pattern: Document, region: str, month: Month, shift: tuple[float, float]) -> Document:
    """Return an item of another region and month."""
    item = deepcopy(pattern)
    item["id"] = f"soil-moisture-{region}-{month}"
    east, north = shift
    item["geometry"]["coordinates"] = [
        [[x + east, y + north] for x, y in ring] for ring in item["geometry"]["coordinates"]
    ]
    item["bbox"] = [value + (east, north)[k % 2] for k, value in enumerate(item["bbox"])]
    item["properties"] |= {
        "title": f"{region} {month}",
        "datetime": f"{month}-15T12:00:00Z",
        "start_datetime": f"{month}-01T00:00:00Z",
        "end_datetime": f"{month}-28T23:59:59Z",
        "vadose:region": region,
        "cloudy": region == "east",
        "number": month.month,
    }
    if region == "south":
        item["properties"]["note"] = "50 % of_it"
    return item
