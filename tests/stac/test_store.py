"""A catalogue in a folder."""

from __future__ import annotations

import os
import time
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from stac.errors import DamagedCatalogError
from stac.read import read_catalog
from stac.store import CatalogStore, LocalCatalog

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> CatalogStore:
    return LocalCatalog(tmp_path / "catalog")


def test_what_is_written_is_read(store: CatalogStore) -> None:
    """A document is where its key says; what is not there is None."""
    store.write("a/b.json", b"{}")
    assert store.read("a/b.json") == b"{}"
    assert store.read("a/c.json") is None
    assert store.href("a/b.json").endswith("/catalog/a/b.json")


def test_staging_is_private_and_passes(tmp_path: Path) -> None:
    """Two publishers never share a folder, and none stays."""
    store = LocalCatalog(tmp_path)
    with store.staging() as one, store.staging() as two:
        assert one != two
        (one / "x.tif").write_bytes(b"x")
        store.place(one / "x.tif", "c/i/x.tif")
    assert store.read("c/i/x.tif") == b"x"
    assert list((tmp_path / ".staging").iterdir()) == []


def test_what_a_dead_publisher_left_is_swept_after_a_day(tmp_path: Path) -> None:
    """A folder of yesterday goes, one of today may belong to somebody."""
    store = LocalCatalog(tmp_path)
    old, new = tmp_path / ".staging" / "old", tmp_path / ".staging" / "new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    past = time.time() - 2 * 24 * 3600
    os.utime(old, (past, past))
    with store.staging():
        assert not old.exists()
        assert new.exists()


def test_the_lock_keeps_a_second_publisher_waiting(store: CatalogStore) -> None:
    """The second one enters when the first one has left, not before."""
    entered = Event()

    def second() -> None:
        with store.lock():
            entered.set()

    with store.lock():
        thread = Thread(target=second)
        thread.start()
        assert not entered.wait(0.2)
    assert entered.wait(5)
    thread.join()


def test_a_damaged_document_is_named(store: CatalogStore) -> None:
    """A root that is no JSON is an error with its name, not a crash."""
    for content in (b"{", b"[]"):
        store.write("catalog.json", content)
        with pytest.raises(DamagedCatalogError, match=r"catalog\.json: no JSON"):
            read_catalog(store)
