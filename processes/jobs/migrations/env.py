"""Run by Alembic around the migrations, on the connection that ``migrate.py`` hands over."""

from __future__ import annotations

from alembic import context

from processes.jobs.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # Both databases undo a change of their tables with the rest of a transaction.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
