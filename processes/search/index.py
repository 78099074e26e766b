"""The index: published collections and items in the database, put, removed and searched."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from pystac.utils import str_to_datetime
from sqlalchemy import and_, delete, false, func, insert, or_, select, tuple_

from processes.jobs.migrate import open_database
from processes.jobs.schema import CATALOG_COLLECTIONS as COLLECTIONS
from processes.jobs.schema import CATALOG_ITEMS as ITEMS
from processes.jobs.store_database import take_turns
from processes.search.filtered import filtered_values
from processes.search.filters import FilterSql
from processes.search.footprints import (
    count_footprints,
    keep_footprint,
    related_footprints,
)
from processes.search.query import TIMES, read_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import ColumnElement, Connection, Row

    from processes.jobs.store_database import Database
    from processes.search.query import Query, Sort

    type Document = Mapping[str, Any]
    type Conditions = list[ColumnElement[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of what a search found."""

    items: Sequence[Document]
    """As they are written in the catalogue."""
    matched: int
    """How many there are on all pages."""
    last: tuple[str, ...] | None
    """Values of the sorted fields of the last item, if a page follows."""


class CatalogIndex:
    """What is published, as searches look at it.

    Parameters
    ----------
    database
        The database of the jobs; :meth:`open` connects to one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, address: str | Path) -> Self:
        """Connect to a database by its file or URL, and renew its tables where it has to be."""
        return cls(open_database(address))

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def put_collection(self, document: Document) -> None:
        """Keep a collection, without the links to its items."""
        links = [entry for entry in document.get("links", []) if entry["rel"] != "item"]
        row = {"id": document["id"], "document": {**document, "links": links}}
        with self._changing() as connection:
            connection.execute(delete(COLLECTIONS).where(COLLECTIONS.c.id == document["id"]))
            connection.execute(insert(COLLECTIONS).values(row))

    def put_items(self, items: Iterable[tuple[Document, str]]) -> None:
        """Keep items, each with its stamp, instead of what was kept of them."""
        with self._changing() as connection:
            for item, stamp in items:
                _remove(connection, str(item["collection"]), [str(item["id"])])
                connection.execute(insert(ITEMS).values(_row(connection, item, stamp)))

    def remove_items(self, collection_id: str, ids: Sequence[str]) -> None:
        """Forget items."""
        with self._changing() as connection:
            _remove(connection, collection_id, ids)

    def remove_collection(self, collection_id: str) -> None:
        """Forget a collection with all of its items."""
        with self._changing() as connection:
            connection.execute(delete(ITEMS).where(ITEMS.c.collection == collection_id))
            connection.execute(delete(COLLECTIONS).where(COLLECTIONS.c.id == collection_id))

    def stamps(self, collection_id: str) -> dict[str, str]:
        """Return the stamps of a collection's items by id."""
        wanted = select(ITEMS.c.id, ITEMS.c.stamp).where(ITEMS.c.collection == collection_id)
        with self._database.reading() as connection:
            return {row.id: row.stamp for row in connection.execute(wanted)}

    def collections(self) -> list[Document]:
        """Return all collections by id."""
        wanted = select(COLLECTIONS.c.document).order_by(COLLECTIONS.c.id)
        with self._database.reading() as connection:
            return list(connection.execute(wanted).scalars())

    def collection(self, collection_id: str) -> Document | None:
        """Return a collection, or None."""
        wanted = select(COLLECTIONS.c.document).where(COLLECTIONS.c.id == collection_id)
        with self._database.reading() as connection:
            found: Document | None = connection.execute(wanted).scalar()
        return found

    def titles(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the titles of collections by id."""
        wanted = select(COLLECTIONS.c.id, COLLECTIONS.c.document["title"].as_string())
        with self._database.reading() as connection:
            found = connection.execute(wanted.where(COLLECTIONS.c.id.in_(set(ids))))
            return {name: title or "" for name, title in found}

    def item(self, collection_id: str, item_id: str) -> Document | None:
        """Return an item, or None."""
        wanted = select(ITEMS.c.document).where(_is_item(collection_id, item_id))
        with self._database.reading() as connection:
            found: Document | None = connection.execute(wanted).scalar()
        return found

    def search(self, query: Query) -> Page:
        """Return a page of the items that a query means."""
        with self._database.reading() as connection:
            conditions = _conditions(connection, query)
            count = select(func.count()).select_from(ITEMS).where(*conditions)
            matched = int(connection.execute(count).scalar_one())
            rows = connection.execute(_page(query, conditions)).all()
            shown = rows[: query.limit]
            items = _documents(connection, shown)
        last = _values(shown[-1], query.sort) if len(rows) > query.limit else None
        return Page(items=items, matched=matched, last=last)

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """Give a connection for one change; of several who publish, each waits for its turn."""
        with self._database.writing() as connection:
            take_turns(connection, "the catalogue's index")
            yield connection


def _remove(connection: Connection, collection_id: str, ids: Sequence[str]) -> None:
    for item_id in ids:
        connection.execute(delete(ITEMS).where(_is_item(collection_id, item_id)))


def _is_item(collection_id: str, item_id: str) -> ColumnElement[bool]:
    return and_(ITEMS.c.collection == collection_id, ITEMS.c.id == item_id)


def _row(connection: Connection, item: Document, stamp: str) -> dict[str, Any]:
    said = item["properties"]
    middle = said.get("datetime") or said["start_datetime"]
    times = {
        "datetime": middle,
        "start_datetime": said.get("start_datetime") or middle,
        "end_datetime": said.get("end_datetime") or middle,
        "created": said.get("created") or middle,
        "updated": said.get("updated") or said.get("created") or middle,
    }
    return {
        "collection": item["collection"],
        "id": item["id"],
        "footprint": keep_footprint(connection, item),
        **{name: str_to_datetime(text) for name, text in times.items()},
        "title": said.get("title") or item["id"],
        "properties": said,
        "document": item,
        "stamp": stamp,
        **filtered_values(said),
    }


def _conditions(connection: Connection, query: Query) -> Conditions:
    conditions: Conditions = []
    if query.collections:
        conditions.append(ITEMS.c.collection.in_(query.collections))
    if query.ids:
        conditions.append(ITEMS.c.id.in_(query.ids))
    if query.time is not None and query.time.end is not None:
        conditions.append(ITEMS.c.start_datetime <= query.time.end)
    if query.time is not None and query.time.start is not None:
        conditions.append(ITEMS.c.end_datetime >= query.time.start)
    if query.area is not None:
        related = related_footprints(connection, query.area)
        # Where all outlines touch the area, the order of time is the quicker way to a page.
        if not related or len(related) < count_footprints(connection):
            conditions.append(ITEMS.c.footprint.in_(related) if related else false())
    if query.filter is not None:
        conditions.append(FilterSql(connection).condition(query.filter))
    return conditions


def _page(query: Query, conditions: Conditions) -> Any:
    """Select what is sorted by, collection and id among it; no documents, which are long."""
    columns = [ITEMS.c[name] for name, _ in query.sort]
    wanted = select(*columns).where(*conditions)
    if query.after is not None:
        wanted = wanted.where(_after(query.sort, query.after))
    order = [
        ITEMS.c[name].desc() if way == "desc" else ITEMS.c[name].asc() for name, way in query.sort
    ]
    return wanted.order_by(*order).limit(query.limit + 1)


def _documents(connection: Connection, rows: Sequence[Row[Any]]) -> list[Document]:
    """Return the items of rows, in their order."""
    keys = [(row.collection, row.id) for row in rows]
    own = tuple_(ITEMS.c.collection, ITEMS.c.id)
    wanted = select(ITEMS.c.collection, ITEMS.c.id, ITEMS.c.document).where(own.in_(keys))
    found = {(row.collection, row.id): row.document for row in connection.execute(wanted)}
    # What was removed in between is left out.
    return [found[key] for key in keys if key in found]


def _after(sort: Sort, values: Sequence[str]) -> ColumnElement[bool]:
    """Return what items have that come after one: larger in a field, equal in those before it."""
    steps = []
    equal: Conditions = []
    for (name, way), text in zip(sort, values, strict=True):
        column = ITEMS.c[name]
        value = read_moment(text, "token") if name in TIMES else text
        beyond = column < value if way == "desc" else column > value
        steps.append(and_(*equal, beyond))
        equal.append(column == value)
    return or_(*steps)


def _values(row: Row[Any], sort: Sort) -> tuple[str, ...]:
    values = (getattr(row, name) for name, _ in sort)
    return tuple(one.isoformat() if isinstance(one, datetime) else str(one) for one in values)
