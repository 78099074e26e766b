"""What filters name most is a column, also for items that an earlier version has kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from processes.jobs.schema import CATALOG_ITEMS
from processes.jobs.store_database import Database
from processes.search.filtered import filtered_values
from processes.search.index import CatalogIndex

if TYPE_CHECKING:
    from pathlib import Path

    from processes.search.index import Document

_COLUMNS = ("product", "region", "series", "analysis", "model", "architecture", "synthetic")
_LATER = ("version", "gsd")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a file, or of a real PostgreSQL, without tables."""
    if request.param == "sqlite":
        return str(tmp_path / "jobs.sqlite")
    server = request.getfixturevalue("postgresql")
    return str(server.url(server.new_database()))


def test_items_of_before_get_the_columns(
    empty_database: str, documents: tuple[Document, list[Document]]
) -> None:
    """The migration reads what the program would write; what is of another kind is left out."""
    odd = {
        "vadose:region": 3,
        "vadose:series": "s" * 201,
        "vadose:synthetic": "yes",
        "version": 2,
        "gsd": "far",
    }
    first, second = documents[1][:2]
    items = [first, {**second, "properties": second["properties"] | odd}]
    index = CatalogIndex.open(empty_database)
    index.put_collection(documents[0])
    index.put_items((item, "1") for item in items)
    index.close()
    _go_back(empty_database)
    CatalogIndex.open(empty_database).close()
    assert _kept(empty_database) == {
        str(item["id"]): filtered_values(item["properties"]) for item in items
    }


def _go_back(address: str) -> None:
    """Undo the migrations, for which the program has no command."""
    database = Database.at(address)
    with database.writing() as connection:
        connection.execute(text("DROP INDEX catalog_items_by_time"))
        connection.execute(text("DROP INDEX catalog_items_by_collection"))
        for name in (*_COLUMNS, *_LATER):
            connection.execute(text(f"ALTER TABLE catalog_items DROP COLUMN {name}"))
        fields = "datetime, collection, id"
        connection.execute(text(f"CREATE INDEX catalog_items_by_time ON catalog_items ({fields})"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    database.close()


def _kept(address: str) -> dict[str, dict[str, Any]]:
    database = Database.at(address)
    names = (*_COLUMNS, *_LATER)
    wanted = select(CATALOG_ITEMS.c.id, *(CATALOG_ITEMS.c[name] for name in names))
    with database.reading() as connection:
        rows = connection.execute(wanted).mappings().all()
    database.close()
    return {row["id"]: {name: row[name] for name in names} for row in rows}
