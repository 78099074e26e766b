"""The index of the catalogue, which searches look at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

_TIME = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def upgrade() -> None:
    """Make the tables; the service fills them from the catalogue when it starts."""
    op.create_table(
        "catalog_collections",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("document", sa.JSON, nullable=False),
    )
    op.create_table(
        "catalog_footprints",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("west", sa.Float, nullable=False),
        sa.Column("south", sa.Float, nullable=False),
        sa.Column("east", sa.Float, nullable=False),
        sa.Column("north", sa.Float, nullable=False),
        sa.Column("geometry", sa.JSON(none_as_null=True)),
    )
    _make_items()


def _make_items() -> None:
    op.create_table(
        "catalog_items",
        sa.Column("collection", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("footprint", sa.Integer, sa.ForeignKey("catalog_footprints.id"), nullable=False),
        sa.Column("datetime", _TIME, nullable=False),
        sa.Column("start_datetime", _TIME, nullable=False),
        sa.Column("end_datetime", _TIME, nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("updated", _TIME, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("properties", sa.JSON().with_variant(JSONB, "postgresql"), nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("stamp", sa.Text, nullable=False),
    )
    op.create_index("ix_catalog_items_footprint", "catalog_items", ["footprint"])
    op.create_index("catalog_items_by_time", "catalog_items", ["datetime", "collection", "id"])
    op.create_index("catalog_items_by_id", "catalog_items", ["id"])
