"""How quickly a large catalogue is searched, and how long one more item and a rebuild take.

::

    python tests/benchmarks/catalog.py --items 10000

The items are copies of one toy map, whose files they share by hard links: a hundred months of each
region. Each search is done by the index alone and by a request to the STAC API. Seconds are those
of CPU. More than a figure may take is a failure.

A filter by a property that no queryable names reads the JSON of every item: it has a limit of its
own.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from starlette.testclient import TestClient

from engine.months import Month
from processes.search.api import create_search
from processes.search.filters import read_filter
from processes.search.index import CatalogIndex
from processes.search.query import Query, read_area, read_sort, read_time, split_sort
from processes.search.sync import index_item, sync_index
from processes.settings import Settings
from stac.documents import as_document, encode, item_key
from stac.mirror import refresh_mirror
from stac.publish import publish_month
from stac.rebuild import rebuild_catalog
from stac.store import LocalCatalog
from stac.testing import MAY, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MONTHS = 100
"""Of each region."""
PAGE, UNNAMED, PUBLISH, REBUILD, TABLE = 0.05, 0.1, 1.0, 120.0, 60.0
"""Most seconds of a first page, of one that filters by what no queryable names, of one more item,
of a rebuild, and of the table of all items at the end of a job."""
_COLLECTION = toy_series().official_collection
_REPEATS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured, beside what it may be."""

    name: str
    seconds: float
    most: float

    def __str__(self) -> str:
        mark = "" if self.seconds <= self.most else "  TOO MUCH"
        return f"{self.name:28}{1000 * self.seconds:10.1f} ms of {1000 * self.most:.0f}{mark}"


def measured(count: int, folder: Path) -> list[Figure]:
    """Fill a catalogue with items, and say what it takes to rebuild it, search it and add to it."""
    catalog = LocalCatalog(folder / "catalog")
    _fill(catalog, count)
    figures = [
        Figure(name="rebuild", seconds=_took(partial(rebuild_catalog, catalog)), most=REBUILD)
    ]
    index = CatalogIndex.open(folder / "jobs.sqlite")
    sync_index(catalog, index)
    with TestClient(create_search(Settings.load(data=folder), index)) as client:
        for name, asked in QUERIES.items():
            ways: dict[str, Callable[[], object]] = {
                "": partial(index.search, _query(**asked)),
                "HTTP, ": partial(_get, client, asked),
            }
            for way, search in ways.items():
                search()
                best = min(_took(search) for _ in range(_REPEATS))
                most = UNNAMED if name == "unnamed" else PAGE
                figures.append(Figure(name=f"{way}first page, {name}", seconds=best, most=most))
    figures.append(Figure(name="one more item", seconds=_publish(catalog, index), most=PUBLISH))
    index.close()
    table = partial(refresh_mirror, catalog, _COLLECTION)
    again = ("table", "table again")
    return [*figures, *(Figure(name=name, seconds=_took(table), most=TABLE) for name in again)]


def _fill(catalog: LocalCatalog, count: int) -> None:
    """Publish one map, and copy it until there are so many items."""
    publish_month(catalog, toy_series(), MAY, toy_dataset(), toy_provenance())
    own = toy_series().item_id(MAY)
    folder = catalog.root / _COLLECTION
    written = (folder / own / f"{own}.json").read_text(encoding="utf-8")
    files = [path for path in (folder / own).iterdir() if path.name != f"{own}.json"]
    for number in range(count - 1):
        region, month = f"region-{number // MONTHS:03d}", Month(1950, 1).shift(number % MONTHS)
        name = f"soil-moisture-{region}-{month}"
        (folder / name).mkdir()
        for path in files:
            (folder / name / path.name.replace(own, name)).hardlink_to(path)
        item = _moved(json.loads(written.replace(own, name)), region, month, number // MONTHS)
        catalog.write(item_key(_COLLECTION, name), encode(item))


def _moved(item: dict[str, Any], region: str, month: Month, number: int) -> dict[str, Any]:
    """Return an item of another region and month."""
    east, north = number % 30, number // 30
    [ring] = item["geometry"]["coordinates"]
    item["geometry"]["coordinates"] = [[[x + east, y + north] for x, y in ring]]
    item["bbox"] = [value + (east, north)[k % 2] for k, value in enumerate(item["bbox"])]
    item["properties"] |= {
        "vadose:region": region,
        "datetime": f"{month}-15T12:00:00Z",
        "start_datetime": f"{month}-01T00:00:00Z",
        "end_datetime": f"{month}-28T23:59:59Z",
    }
    return item


QUERIES: Mapping[str, Mapping[str, str]] = {
    "all": {},
    "box": {"bbox": "113.0,34.0,113.1,34.1"},
    "collection": {"collections": _COLLECTION},
    "time": {"datetime": "1950-03-01T00:00:00Z/1950-04-30T00:00:00Z"},
    "sorted": {"sortby": "-updated"},
    "region": {"filter": "\"vadose:region\" = 'region-000'"},
    "model": {"filter": f"\"vadose:model.id\" = '{toy_series().model_id}'"},
    "synthetic": {"filter": '"vadose:synthetic" = true'},
    "version": {"filter": "version = '1'"},
    "unnamed": {"filter": "license = 'CC-BY-4.0'"},
}
"""What is searched; the region is found late in the order of time."""


def _query(**asked: str) -> Query:
    """Return what the parameters of a request mean."""
    bbox = asked.get("bbox")
    return Query(
        area=read_area(None if bbox is None else [float(one) for one in bbox.split(",")], None),
        time=read_time(asked.get("datetime")),
        collections=(asked["collections"],) if "collections" in asked else (),
        filter=read_filter(asked.get("filter"), None),
        sort=read_sort([split_sort(asked["sortby"])] if "sortby" in asked else None),
    )


def _get(client: TestClient, asked: Mapping[str, str]) -> None:
    reply = client.get("/search", params=asked)
    assert reply.status_code == 200, reply.text


def _publish(catalog: LocalCatalog, index: CatalogIndex) -> float:
    dataset = toy_dataset(shift=0.01)

    def publish() -> None:
        item = publish_month(catalog, toy_series(), MAY.shift(1), dataset, toy_provenance())
        index_item(catalog, index, as_document(item))

    return _took(publish)


def _took(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=10_000)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        figures = measured(asked.items, Path(folder))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = [f"{asked.items} items; {memory:.0f} MB at most", *map(str, figures)]
    print("\n".join(lines))  # noqa: T201
    if any(figure.seconds > figure.most for figure in figures):
        sys.exit("too slow")


if __name__ == "__main__":
    main()
