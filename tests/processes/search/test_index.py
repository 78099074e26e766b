"""What the index finds, in SQLite and in PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from processes.errors import InvalidRequestError
from processes.search.filters import read_filter
from processes.search.query import (
    Query,
    read_area,
    read_sort,
    read_time,
    read_token,
    split_sort,
    write_token,
)

if TYPE_CHECKING:
    from processes.search.index import CatalogIndex

HERE = [113.0, 34.0, 113.1, 34.1]


def ids(index: CatalogIndex, **query: Any) -> list[str]:
    """Return the ids that a query finds on one page."""
    return [str(item["id"]) for item in index.search(Query(limit=100, **query)).items]


def matching(index: CatalogIndex, text: str) -> int:
    """Return how many items a filter lets pass."""
    return index.search(Query(filter=read_filter(text, "cql2-text"))).matched


def test_the_latest_come_first(index: CatalogIndex) -> None:
    """Without any wish, items are in the order of time, the newest first."""
    page = index.search(Query(limit=3))
    assert page.matched == 72
    assert [item["properties"]["datetime"][:7] for item in page.items] == ["2020-12"] * 3


def test_all_who_publish_may_keep_a_collection_at_once(
    index: CatalogIndex, documents: tuple[dict[str, Any], list[dict[str, Any]]]
) -> None:
    """Months of one job, published side by side, bring their collection and themselves."""
    collection, items = documents[0] | {"id": "rivals"}, documents[1][:1]
    item = items[0] | {"id": "rival", "collection": "rivals"}

    def publish(_: int) -> None:
        for _ in range(10):
            index.put_collection(collection)
            index.put_items([(item, "1")])
            index.remove_collection("rivals")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, range(4)))
    index.remove_collection("rivals")
    assert index.item("rivals", "rival") is None


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        (HERE, 24),
        ([113.0, 34.0, 0, 113.1, 34.1, 9], 24),
        ([100, -80, 130, 80], 72),
        ([170, -80, -170, 80], 0),
        ([120, -80, 114, 80], 72),
        ([113.5, 34.0, 120.0, 34.1], 0),
    ],
)
def test_a_box_finds_what_touches_it(index: CatalogIndex, bbox: list[float], expected: int) -> None:
    """With heights or across the antimeridian, too."""
    assert index.search(Query(area=read_area(bbox, None))).matched == expected


def test_a_geometry_finds_what_touches_it(index: CatalogIndex) -> None:
    """A triangle whose box holds a map, but which does not touch it, does not find it."""
    triangle = {"type": "Polygon", "coordinates": [[[112, 33], [114, 35], [112, 35], [112, 33]]]}
    beside = {"type": "Polygon", "coordinates": [[[112, 34.6], [114, 35], [112, 35], [112, 34.6]]]}
    assert index.search(Query(area=read_area(None, triangle))).matched == 24
    assert index.search(Query(area=read_area(None, beside))).matched == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019-03-20T00:00:00Z", 3),
        ("2019-03-20T00:00:00Z/2019-04-01T00:00:00Z", 6),
        ("2020-11-30T00:00:00Z/..", 3),
        ("../2019-01-01T00:00:00Z", 3),
        ("2019-03-20T12:00:00+05:00/2019-03-21T00:00:00Z", 3),
        ("1999-01-01T00:00:00Z", 0),
    ],
)
def test_a_time_finds_the_months_that_it_touches(
    index: CatalogIndex, text: str, expected: int
) -> None:
    """Moments, spans, and spans with an open end."""
    assert index.search(Query(time=read_time(text))).matched == expected


def test_ids_and_collections_narrow_a_search(index: CatalogIndex) -> None:
    """Both are lists of which one has to fit."""
    wanted = ("soil-moisture-toy-2019-02", "soil-moisture-east-2019-02", "nothing")
    assert sorted(ids(index, ids=wanted)) == sorted(wanted[:2])
    assert ids(index, collections=("another",)) == []
    assert index.search(Query(collections=("soil-moisture-1km-monthly", "another"))).matched == 72


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\"vadose:region\" = 'east'", 24),
        ("\"properties.vadose:region\" = 'east'", 24),
        ("\"vadose:region\" <> 'east'", 48),
        ("'east' = \"vadose:region\"", 24),
        ("number >= 11", 12),
        ("11 <= number", 12),
        ("number = '11'", 0),
        ("cloudy = true", 24),
        ("cloudy = false", 48),
        ("cloudy = 1", 0),
        ("number BETWEEN 2 AND 3", 12),
        ("\"vadose:region\" IN ('east', 'south')", 48),
        ("\"vadose:region\" LIKE 's%'", 24),
        ("\"vadose:region\" LIKE 'S%'", 0),
        ("\"vadose:region\" LIKE '_oy'", 24),
        ("\"vadose:model.id\" = 'rf-0123456789ab'", 72),
        ("NOT \"vadose:region\" = 'east'", 48),
        ("nothing = 3 OR number = 3", 6),
        ("NOT nothing = 3", 0),
        ("nothing IS NULL", 72),
        ("note IS NULL", 48),
        ("note IS NOT NULL", 24),
        ("title IS NULL", 0),
        ("datetime >= TIMESTAMP('2020-12-01T00:00:00Z')", 3),
        ("datetime < DATE('2019-02-01')", 3),
        ("id = 'soil-moisture-toy-2019-02'", 1),
        ("collection = 'soil-moisture-1km-monthly' AND number = 1", 6),
        ("T_INTERSECTS(datetime, INTERVAL('2019-02-10T00:00:00Z', '2019-02-11T00:00:00Z'))", 3),
        ("T_AFTER(datetime, TIMESTAMP('2020-11-30T00:00:00Z'))", 3),
        ("T_BEFORE(datetime, TIMESTAMP('2019-02-01T00:00:00Z'))", 3),
        ("S_INTERSECTS(geometry, BBOX(113, 34, 113.1, 34.1))", 24),
        ("S_WITHIN(geometry, BBOX(110, 30, 115, 36))", 24),
        ("S_CONTAINS(geometry, POINT(113.1 34.1))", 24),
        ("S_DISJOINT(geometry, BBOX(113, 34, 113.1, 34.1))", 48),
        ("S_OVERLAPS(geometry, BBOX(113, 34, 115, 34.1))", 24),
        ("NOT S_INTERSECTS(geometry, BBOX(113, 34, 113.1, 34.1))", 48),
        ("true", 72),
        ("1 = 1", None),
    ],
)
def test_filters_mean_what_the_standard_says(
    index: CatalogIndex, text: str, expected: int | None
) -> None:
    """Each operator, each kind of value; a number is never like a text; the same in both."""
    if expected is None:
        with pytest.raises(InvalidRequestError):
            matching(index, text)
    else:
        assert matching(index, text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("number = = 3", "filter: "),
        ("number + 1 = 3", "compare a property with a value"),
        ("CASEI(title) = 'x'", "filter: "),
        ("A_CONTAINS(number, (1, 2))", "filter: "),
        ("geometry = 3", "spatial functions"),
        ("S_INTERSECTS(title, BBOX(1, 2, 3, 4))", "geometry"),
        ("S_INTERSECTS(geometry, BBOX(5, 4))", "filter: "),
        ("datetime > 'yesterday'", "allowed: 2020-05-01T00:00:00Z"),
        ("T_AFTER(created, TIMESTAMP('2020-11-30T00:00:00Z'))", "about datetime"),
        ("(" * 60 + "true" + ")" * 60 + " AND (" * 3, "filter: "),
        ("title LIKE 3", "filter: "),
    ],
)
def test_a_wrong_filter_is_refused(index: CatalogIndex, text: str, said: str) -> None:
    """The message says what is wrong, or what is offered."""
    with pytest.raises(InvalidRequestError, match=said):
        matching(index, text)


@pytest.mark.parametrize("order", [None, "title", "-title", "-id", "collection", "-updated"])
def test_pages_hold_every_item_once(index: CatalogIndex, order: str | None) -> None:
    """Whatever the order, paging by tokens shows all items, in the order of one large page."""
    sort = read_sort(None if order is None else [split_sort(order)])
    whole = [item["id"] for item in index.search(Query(limit=100, sort=sort)).items]
    seen: list[str] = []
    token = None
    while True:
        after = read_token(token, sort)
        page = index.search(Query(limit=7, sort=sort, after=after))
        seen += [str(item["id"]) for item in page.items]
        assert page.matched == 72
        if page.last is None:
            break
        token = write_token(sort, page.last)
    assert seen == whole
    assert len(set(seen)) == 72


def test_several_fields_sort_one_after_the_other(index: CatalogIndex) -> None:
    """The second field decides where the first is equal."""
    sort = read_sort([("properties.datetime", "asc"), ("id", "desc")])
    found = ids(index, sort=sort)[:3]
    assert found == [f"soil-moisture-{name}-2019-01" for name in ("toy", "south", "east")]


@given(st.text(max_size=40))
def test_a_foreign_token_is_refused(token: str) -> None:
    """No text makes anything but an error that says what a token is."""
    with pytest.raises(InvalidRequestError, match="token of a next link"):
        read_token(token, read_sort(None))


def test_a_token_is_for_its_own_order() -> None:
    """Going on in another order would leave items out."""
    token = write_token(read_sort(None), ["2020-01-01T00:00:00+00:00", "a", "b"])
    with pytest.raises(InvalidRequestError, match="sortby"):
        read_token(token, read_sort([("id", "asc")]))


@pytest.mark.parametrize("text", ["", "..", "../..", "a/b/c", "2020", "2020-13-01T00:00:00Z"])
def test_a_wrong_time_is_refused(text: str) -> None:
    """The message shows what a time looks like."""
    with pytest.raises(InvalidRequestError, match="2020-05-01T00:00:00Z"):
        read_time(text)


def test_an_item_that_is_put_again_is_there_once(
    index: CatalogIndex, documents: tuple[dict[str, Any], list[dict[str, Any]]]
) -> None:
    """Its new words are found, its old ones are not; removed, it is gone."""
    item = {**documents[1][0], "id": "again"}
    for title in ("first", "second"):
        said = {**item["properties"], "title": title}
        index.put_items([({**item, "properties": said}, title)])
    assert matching(index, "title = 'first'") == 0
    assert matching(index, "title = 'second'") == 1
    assert index.stamps(str(item["collection"]))["again"] == "second"
    index.remove_items(str(item["collection"]), ["again"])
    assert index.search(Query()).matched == 72


def test_an_outline_that_is_no_box_is_kept(
    index: CatalogIndex, documents: tuple[dict[str, Any], list[dict[str, Any]]]
) -> None:
    """A corner of its box that it does not touch does not find it."""
    triangle = shapely.Polygon([(0, 0), (1, 0), (0, 1)])
    item = {**documents[1][0], "id": "triangle", "geometry": shapely.geometry.mapping(triangle)}
    index.put_items([(item, "1")])
    try:
        corner, inside = ([x, x, x + 0.1, x + 0.1] for x in (0.85, 0.1))
        assert ids(index, area=read_area(corner, None)) == []
        assert ids(index, area=read_area(inside, None)) == ["triangle"]
    finally:
        index.remove_items(str(item["collection"]), ["triangle"])
