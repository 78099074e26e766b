"""Stores of jobs, in every kind of database."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from processes.jobs.store import SqlJobStore, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from processes.testing import PostgreSQL


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a database without tables, of each kind in turn."""
    if request.param == "sqlite":
        return str(tmp_path / "empty.sqlite")
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.url(server.new_database())


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a database without jobs, of each kind in turn."""
    if request.param == "sqlite":
        return str(tmp_path / "jobs.sqlite")
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.url(server.new_database(request.getfixturevalue("postgresql_template")))


@pytest.fixture
def jobs(database: str) -> Iterator[SqlJobStore]:
    """Give an empty store in a database of each kind in turn."""
    with closing(open_store(database)) as opened:
        yield opened
