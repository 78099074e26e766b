"""The STAC API over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from stac_pydantic.api import Collections, ItemCollection, LandingPage

from engine.months import Month
from processes.search.fields import Fields
from stac.testing import MAY, toy_series

if TYPE_CHECKING:
    import httpx

COLLECTION = "soil-moisture-1km-monthly"
ITEM = toy_series().item_id(MAY)


def ids(answer: httpx.Response) -> list[str]:
    """Return the ids of an answer's items."""
    assert answer.status_code == 200, answer.text
    return [str(item["id"]) for item in answer.json()["features"]]


def links(document: dict[str, Any], rel: str) -> list[str]:
    """Return where a document's links of a relation lead."""
    return [entry["href"] for entry in document["links"] if entry["rel"] == rel]


def test_the_root_says_what_there_is(client: httpx.Client) -> None:
    """It is a catalogue of STAC 1.1 that links search, collections and itself; all are there."""
    root = client.get("/stac", follow_redirects=True).json()
    LandingPage.model_validate(root)
    assert root["stac_version"] == "1.1.0"
    assert all(entry["title"] for entry in root["links"])
    assert links(root, "self") == links(root, "root") == [f"{client.base_url}/stac/"]
    for rel in ("data", "conformance", "service-desc", "service-doc", "child", "canonical"):
        for href in links(root, rel):
            assert client.get(href).status_code == 200, href
    assert len(links(root, "search")) == 2
    assert client.get("/stac/conformance").json()["conformsTo"] == root["conformsTo"]


def test_documents_lead_to_files_and_back(client: httpx.Client) -> None:
    """Every relative address of the files has become absolute, and answers."""
    listed = client.get("/stac/collections").json()
    Collections.model_validate(listed)
    item = client.get(f"/stac/collections/{COLLECTION}/items/{ITEM}").json()
    for document in (*listed["collections"], item):
        for entry in (*document["links"], *document["assets"].values()):
            assert ":" in entry["href"], entry
        for rel in ("self", "parent", "root", "canonical"):
            (href,) = links(document, rel)
            assert client.get(href).status_code == 200
    asset = item["assets"]["soil_moisture"]
    assert client.head(asset["href"]).headers["Content-Length"] == str(asset["file:size"])


def test_a_search_by_address_and_by_document_are_the_same(client: httpx.Client) -> None:
    """Box, time, collection, ids and order; both are item collections by the standard's model."""
    by_address = client.get(
        "/stac/search",
        params={
            "bbox": "113,34,113.1,34.1",
            "datetime": "2020-06-01T00:00:00Z/..",
            "collections": COLLECTION,
            "sortby": "+datetime",
        },
    )
    by_document = client.post(
        "/stac/search",
        json={
            "bbox": [113, 34, 113.1, 34.1],
            "datetime": "2020-06-01T00:00:00Z/..",
            "collections": [COLLECTION],
            "sortby": [{"field": "datetime", "direction": "asc"}],
        },
    )
    wanted = [toy_series().item_id(MAY.shift(k)) for k in (1, 2)]
    assert ids(by_address) == ids(by_document) == wanted
    assert by_address.headers["Content-Type"] == "application/geo+json"
    assert by_address.json()["numberMatched"] == 2
    ItemCollection.model_validate(by_address.json())
    assert ids(client.post("/stac/search", json={"ids": [ITEM]})) == [ITEM]


def test_geometry_and_filters_narrow_a_search(client: httpx.Client) -> None:
    """In both forms, and in both languages of CQL2."""
    here = {"type": "Point", "coordinates": [113.1, 34.1]}
    there = {"type": "Point", "coordinates": [10.0, 50.0]}
    assert len(ids(client.post("/stac/search", json={"intersects": here}))) == 3
    assert ids(client.post("/stac/search", json={"intersects": there})) == []
    text = f"id = '{ITEM}' AND \"vadose:analysis\" = 'shrunken'"
    assert ids(client.get("/stac/search", params={"filter": text})) == [ITEM]
    tree = {"op": "=", "args": [{"property": "id"}, ITEM]}
    assert ids(client.post("/stac/search", json={"filter": tree})) == [ITEM]
    synthetic = {"filter": '"vadose:synthetic" = false'}
    assert ids(client.get("/stac/search", params=synthetic)) == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_next_link_leads_on(client: httpx.Client, method: str) -> None:
    """Page after page, as the link says, with everything else that was asked for."""
    asked: dict[str, Any] = {"limit": 1, "collections": COLLECTION}
    if method == "POST":
        asked["collections"] = [COLLECTION]
        page = client.post("/stac/search", json=asked).json()
    else:
        page = client.get("/stac/search", params=asked).json()
    seen = []
    while True:
        seen += [item["id"] for item in page["features"]]
        onward = [entry for entry in page["links"] if entry["rel"] == "next"]
        if not onward:
            break
        (entry,) = onward
        assert entry["method"] == method
        body = entry.get("body")
        page = client.request(method, entry["href"], json=body).json()
    assert seen == [toy_series().item_id(Month(2020, k)) for k in (7, 6, 5)]


def test_the_items_of_a_collection_are_paged(client: httpx.Client) -> None:
    """They are features by OGC API, with the same parameters."""
    path = f"/stac/collections/{COLLECTION}/items"
    first = client.get(path, params={"limit": 2}).json()
    assert [first["numberMatched"], first["numberReturned"]] == [3, 2]
    (onward,) = links(first, "next")
    assert ids(client.get(onward)) == [ITEM]
    assert ids(client.get(path, params={"datetime": "2020-05-03T00:00:00Z"})) == [ITEM]
    assert ids(client.get(path, params={"bbox": "1,1,2,2"})) == []


def test_only_wanted_fields_are_answered(client: httpx.Client) -> None:
    """Included ones alone, or all but the excluded ones."""
    asked = {"ids": ITEM, "fields": "id,properties.gsd,-links"}
    (item,) = client.get("/stac/search", params=asked).json()["features"]
    least = {"type": "Feature", "stac_version": "1.1.0", "id": ITEM, "collection": COLLECTION}
    assert item == {**least, "properties": {"gsd": 1000.895}}
    body = {"ids": [ITEM], "fields": {"exclude": ["assets", "properties.renders"]}}
    (item,) = client.post("/stac/search", json=body).json()["features"]
    assert "assets" not in item
    assert "renders" not in item["properties"]
    assert item["geometry"]["type"] == "Polygon"


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        (None, ["properties"], {"id", "collection", "links", "extra"}),
        ([], ["links", "properties"], {"id", "collection"}),
        (["links"], ["links"], {"id", "collection", "links"}),
        (["properties.w"], ["properties"], {"id", "collection", "properties"}),
    ],
)
def test_of_what_is_said_twice_the_closer_word_holds(
    include: list[str] | None, exclude: list[str], left: set[str]
) -> None:
    """As the extension has it; an empty list includes what is usual."""
    item = {"id": "a", "collection": "c", "properties": {"w": 3}, "links": [1], "extra": 1}
    assert set(Fields.of(include, exclude).of_item(item)) == left


def test_fields_leave_the_item_alone() -> None:
    """What is cut out of an answer stays in the index."""
    item = {"id": "a", "collection": "c", "properties": {"x": {"y": 1, "z": 2}, "w": 3}}
    cut = Fields.read(["properties.x.y"]).of_item(item)
    assert cut == {"id": "a", "collection": "c", "properties": {"x": {"y": 1}}}
    assert Fields.of(None, ("properties.x.y",)).of_item(item)["properties"]["x"] == {"z": 2}
    mixed = Fields.of(("properties",), ("properties.x.z", "properties.w")).of_item(item)
    assert mixed["properties"] == {"x": {"y": 1}}
    assert item["properties"] == {"x": {"y": 1, "z": 2}, "w": 3}


def test_the_schema_of_filters_is_answered(client: httpx.Client) -> None:
    """The landing page links it; what it names can be filtered by."""
    schema = client.get("/stac/queryables")
    assert schema.headers["Content-Type"] == "application/schema+json"
    named = schema.json()["properties"]
    assert {"id", "geometry", "datetime", "vadose:region", "vadose:model.id"} <= set(named)
    for name in set(named) - {"geometry"}:
        text = f'"{name}" IS NOT NULL'
        assert client.get("/stac/search", params={"filter": text}).status_code == 200


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("bbox=1,2,3", "bbox"),
        ("bbox=a,b,c,d", "bbox"),
        ("bbox=10,20,30,10", "south not above north"),
        ("bbox=200,20,210,30", "west,south,east,north"),
        ("bbox=1,1,2,2&intersects={}", "exclude each other"),
        ("intersects={}", "GeoJSON geometry"),
        ("intersects=nonsense", "GeoJSON geometry"),
        ("datetime=yesterday", "datetime"),
        ("datetime=2020-06-01T00:00:00Z/2020-05-01T00:00:00Z", "datetime"),
        ("token=abc", "token of a next link"),
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("sortby=-cloudy", "allowed: datetime, id, collection"),
        ("filter=a%20%3D%20%3D%203", "filter"),
        ("filter=a%3D3&filter-lang=cql3", "filter-lang"),
    ],
)
def test_what_is_not_understood_is_refused(client: httpx.Client, query: str, said: str) -> None:
    """A problem of status 400 tells what was wrong."""
    answer = client.get(f"/stac/search?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert said.lower() in answer.json()["detail"].lower()


def test_a_body_that_is_not_understood_is_refused(client: httpx.Client) -> None:
    """No JSON, a wrong type, or a wrong filter."""
    for body in ("nonsense", '{"limit": "many"}', '{"filter": {"op": "no"}}', '{"bbox": [1]}'):
        headers = {"Content-Type": "application/json"}
        answer = client.post("/stac/search", content=body, headers=headers)
        assert answer.status_code == 400, body
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/stac/collections/no", f"/stac/collections/{COLLECTION}/items/no", "/stac/nothing"]
)
def test_what_is_not_there_is_not_found(client: httpx.Client, path: str) -> None:
    """Also below the API, as a problem."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
