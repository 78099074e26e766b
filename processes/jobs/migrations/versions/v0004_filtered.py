"""What filters name most, as columns of the catalogue's index; and orders that need no document."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TEXTS = {
    "product": ("vadose:product",),
    "region": ("vadose:region",),
    "series": ("vadose:series",),
    "analysis": ("vadose:analysis",),
    "model": ("vadose:model", "id"),
    "architecture": ("mlm:architecture",),
}
_SYNTHETIC = ("vadose:synthetic",)
_LONGEST = 200
_SEARCHED = ("start_datetime", "end_datetime", "footprint", *_TEXTS, "synthetic")
_INDEXES = {
    "catalog_items_by_time": ("datetime", "collection", "id", *_SEARCHED),
    "catalog_items_by_collection": ("collection", "datetime", "id", *_SEARCHED),
}


def upgrade() -> None:
    """Add the columns with what the items say, and the indexes."""
    for name in _TEXTS:
        op.add_column("catalog_items", sa.Column(name, sa.Text))
    op.add_column("catalog_items", sa.Column("synthetic", sa.Boolean))
    values = _of_postgresql if op.get_bind().dialect.name == "postgresql" else _of_sqlite
    items = sa.table("catalog_items", *map(sa.column, ("properties", *_TEXTS, "synthetic")))
    op.execute(items.update().values(values(items.c.properties)))
    op.drop_index("catalog_items_by_time", "catalog_items")
    for name, columns in _INDEXES.items():
        op.create_index(name, "catalog_items", list(columns))


def _of_sqlite(properties: sa.ColumnElement[Any]) -> dict[str, sa.ColumnElement[Any]]:
    def kind_and_value(path: tuple[str, ...]) -> tuple[Any, Any]:
        where = "$" + "".join(f'."{name}"' for name in path)
        return sa.func.json_type(properties, where), sa.func.json_extract(properties, where)

    kind, value = kind_and_value(_SYNTHETIC)
    found = {name: _short(*kind_and_value(path), "text") for name, path in _TEXTS.items()}
    return found | {"synthetic": sa.case((kind.in_(("true", "false")), value), else_=None)}


def _of_postgresql(properties: sa.ColumnElement[Any]) -> dict[str, sa.ColumnElement[Any]]:
    def kind_and_value(path: tuple[str, ...]) -> tuple[Any, Any]:
        where = sa.func.string_to_array("\x1f".join(path), "\x1f")
        text = properties.op("#>>", return_type=sa.Text())(where)
        return sa.func.jsonb_typeof(properties.op("#>")(where)), text

    kind, value = kind_and_value(_SYNTHETIC)
    found = {name: _short(*kind_and_value(path), "string") for name, path in _TEXTS.items()}
    return found | {"synthetic": sa.case((kind == "boolean", value == "true"), else_=None)}


def _short(kind: Any, value: Any, wanted: str) -> sa.ColumnElement[Any]:
    fits = sa.and_(kind == wanted, sa.func.length(value) <= _LONGEST)
    return sa.case((fits, value), else_=None)
