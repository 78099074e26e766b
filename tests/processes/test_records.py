"""Records over OGC API - Records: what is published is found, by the standard's ways."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from owslib.ogcapi.records import Records

from processes.settings import Settings
from stac.mirror import refresh_mirror
from stac.publish import publish_month
from stac.records.conformity import record_faults
from stac.store import LocalCatalog
from stac.testing import MAY, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOIL, SIF = "soil-moisture-1km-monthly", "sif-1km-monthly"
RECORDS = "/collections/records/items"

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:owslib")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give the settings of a service that has a month of either product."""
    settings = Settings.load(data=tmp_path_factory.mktemp("recorded"))
    catalog = LocalCatalog(settings.catalog_folder)
    for name, month in (("soil-moisture", MAY), ("sif", MAY.shift(2))):
        series = toy_series(product=name)
        publish_month(catalog, series, month, toy_dataset(name), toy_provenance())
        refresh_mirror(catalog, series.official_collection)
    return settings


@pytest.fixture(scope="module")
def client(published: Settings, serve_apart: Callable[..., Any]) -> Iterator[httpx.Client]:
    """Give a client of it; apart, for a process has one pygeoapi with one catalogue."""
    with (
        serve_apart(published) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=60) as found,
    ):
        yield found


def found(client: httpx.Client, **query: str) -> list[str]:
    reply = client.get(RECORDS, params=query)
    assert reply.status_code == 200, reply.text
    document = reply.json()
    assert document["numberReturned"] == len(document["features"])
    return [record["id"] for record in document["features"]]


def test_there_is_one_record_for_each_product(client: httpx.Client) -> None:
    """As GeoJSON that the OGC's schemas do not object to, alone and in the list."""
    listed = client.get(RECORDS)
    assert listed.headers["Content-Type"] == "application/geo+json"
    records = {record["id"]: record for record in listed.json()["features"]}
    assert set(records) == {SOIL, SIF}
    for name, record in records.items():
        reply = client.get(f"{RECORDS}/{name}")
        assert reply.headers["Content-Type"] == "application/geo+json"
        assert list(record_faults(reply.json())) == list(record_faults(record)) == []
        assert reply.json()["properties"] == record["properties"]


def test_a_record_is_the_catalogues_own(client: httpx.Client, published: Settings) -> None:
    """But for its links, which are absolute, and lead to files that are there."""
    own = json.loads((published.catalog_folder / SOIL / "record.json").read_text())
    served = client.get(f"{RECORDS}/{SOIL}").json()
    # In all of its JSON, pygeoapi writes &gt; for the > of a science keyword.
    own["properties"].pop("themes")
    assert served["properties"].items() >= own["properties"].items()
    base = f"{str(client.base_url).rstrip('/')}/catalog/"
    near = [link["href"] for link in served["links"] if link["href"].startswith(base)]
    assert len(near) >= 4
    assert [client.head(href).status_code for href in near] == [200] * len(near)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "moisture"}, {SOIL}),
        ({"q": "Solar-Induced  chlorophyll"}, {SIF}),
        ({"q": "chlorophyll solar-induced"}, set()),
        ({"q": "no such word,top 5 cm"}, {SOIL}),
        ({"ids": SIF}, {SIF}),
        ({"ids": f"{SOIL},{SIF}"}, {SOIL, SIF}),
        ({"type": "dataset"}, {SOIL, SIF}),
        ({"type": "service,dataset"}, {SOIL, SIF}),
        ({"type": "service"}, set()),
        ({"bbox": "113,34,113.1,34.1"}, {SOIL, SIF}),
        ({"bbox": "0,0,1,1"}, set()),
        ({"bbox": "170,-10,-170,80"}, set()),
        ({"bbox": "100,-10,-170,80"}, {SOIL, SIF}),
        ({"datetime": "2020-05-07"}, {SOIL}),
        ({"datetime": "2020-06-01/.."}, {SIF}),
        ({"datetime": "../2020-05-01T00:00:00Z"}, {SOIL}),
        ({"datetime": "2020-05-31/2020-07-01"}, {SOIL, SIF}),
    ],
)
def test_records_are_searched_as_the_standard_says(
    client: httpx.Client, query: dict[str, str], names: set[str]
) -> None:
    """Words, ids, types, box and time."""
    assert set(found(client, **query)) == names


def test_an_identifier_of_elsewhere_finds_its_record(client: httpx.Client) -> None:
    """By ``externalIds``."""
    record = client.get(f"{RECORDS}/{SIF}").json()
    known = record["properties"]["externalIds"][0]["value"]
    assert found(client, externalIds=f"nobody's,{known}") == [SIF]


def test_pages_and_order(client: httpx.Client) -> None:
    """One by one, by the link to the next; by title, either way."""
    assert found(client, sortby="title") == [SIF, SOIL]
    assert found(client, sortby="-title") == [SOIL, SIF]
    page = client.get(RECORDS, params={"limit": 1, "sortby": "title"}).json()
    assert page["numberMatched"] == 2
    (following,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
    assert [record["id"] for record in client.get(following).json()["features"]] == [SOIL]
    assert found(client, resulttype="hits") == []


def test_what_is_no_search_is_refused(client: httpx.Client) -> None:
    """With the reason, as a problem."""
    wrong = client.get(RECORDS, params={"bbox": "1,2,3"})
    assert wrong.status_code == 400
    filtered = client.get(RECORDS, params={"filter": "title='x'"})
    assert (filtered.status_code, filtered.json()["detail"]) == (
        400,
        "records are not filtered by CQL; use q",
    )
    missing = client.get(f"{RECORDS}/none")
    assert (missing.status_code, missing.json()["detail"]) == (404, "there is no record 'none'")


def test_owslib_reads_the_records(client: httpx.Client) -> None:
    """Another program lists them, searches them and reads one."""
    api = Records(str(client.base_url))
    assert "records" in api.records()
    answer = api.collection_items("records", q="fluorescence, nothing")
    assert SIF in [record["id"] for record in answer["features"]]
    assert api.collection_item("records", SOIL)["properties"]["type"] == "dataset"


def test_only_what_is_true_is_claimed(client: httpx.Client) -> None:
    """The classes that the tests here are about, and the collection says that it has records."""
    base = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/"
    claimed = {
        uri.removeprefix(base)
        for uri in client.get("/conformance").json()["conformsTo"]
        if uri.startswith(base)
    }
    assert claimed == {"record-core", "record-core-query-parameters", "json"}
    (collection,) = client.get("/collections").json()["collections"]
    assert (collection["id"], collection["itemType"]) == ("records", "record")
