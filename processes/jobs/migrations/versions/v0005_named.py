"""The last two properties that queryables name, as columns of the catalogue's index."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_LONGEST = 200
_SEARCHED = (
    "start_datetime",
    "end_datetime",
    "footprint",
    "product",
    "region",
    "series",
    "analysis",
    "model",
    "architecture",
    "synthetic",
    "version",
    "gsd",
)
_INDEXES = {
    "catalog_items_by_time": ("datetime", "collection", "id", *_SEARCHED),
    "catalog_items_by_collection": ("collection", "datetime", "id", *_SEARCHED),
}


def upgrade() -> None:
    """Add the columns with what the items say, and lay the indexes over them."""
    op.add_column("catalog_items", sa.Column("version", sa.Text))
    op.add_column("catalog_items", sa.Column("gsd", sa.Float))
    items = sa.table("catalog_items", *map(sa.column, ("properties", "version", "gsd")))
    kind_and_value = _in_postgresql if op.get_bind().dialect.name == "postgresql" else _in_sqlite
    kind, version = kind_and_value(items.c.properties, "version")
    short = sa.and_(kind.in_(("text", "string")), sa.func.length(version) <= _LONGEST)
    kind, gsd = kind_and_value(items.c.properties, "gsd")
    number = kind.in_(("integer", "real", "number"))
    values = {
        "version": sa.case((short, version), else_=None),
        "gsd": sa.case((number, sa.cast(gsd, sa.Float)), else_=None),
    }
    op.execute(items.update().values(values))
    for name, columns in _INDEXES.items():
        op.drop_index(name, "catalog_items")
        op.create_index(name, "catalog_items", list(columns))


def _in_sqlite(properties: sa.ColumnElement[Any], name: str) -> tuple[Any, Any]:
    path = f"$.{name}"
    return sa.func.json_type(properties, path), sa.func.json_extract(properties, path)


def _in_postgresql(properties: sa.ColumnElement[Any], name: str) -> tuple[Any, Any]:
    value = properties.op("->>", return_type=sa.Text())(name)
    return sa.func.jsonb_typeof(properties.op("->")(name)), value
