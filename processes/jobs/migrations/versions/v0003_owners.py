"""Whose a job is, how much it computes, and an order of attempts by their end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what is not known of the jobs that there are: they are nobody's."""
    op.add_column("jobs", sa.Column("owner", sa.Text))
    op.add_column("jobs", sa.Column("cells", sa.BigInteger().with_variant(sa.Integer, "sqlite")))
    op.add_column("jobs", sa.Column("months", sa.Integer))
    op.create_index("jobs_by_owner", "jobs", ["owner", "sequence"])
    op.create_index("attempts_by_end", "attempts", ["ended"])
