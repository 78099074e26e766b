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


KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the address of a database without tables, of each kind in turn."""
    if request.param == "sqlite":
        yield str(tmp_path / "empty.sqlite")
        return
    yield from _one_of(request.getfixturevalue("postgresql"), "template0")


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the address of a database without jobs, of each kind in turn."""
    if request.param == "sqlite":
        yield str(tmp_path / "jobs.sqlite")
        return
    template = request.getfixturevalue("postgresql_template")
    yield from _one_of(request.getfixturevalue("postgresql"), template)


def _one_of(server: PostgreSQL, like: str) -> Iterator[str]:
    name = server.new_database(like)
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def jobs(database: str) -> Iterator[SqlJobStore]:
    """Give an empty store in a database of each kind in turn."""
    with closing(open_store(database)) as opened:
        yield opened
