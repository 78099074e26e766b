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


def test_what_a_dead_publisher_left_is_swept(tmp_path: Path) -> None:
    """A folder whose lock nobody holds goes; one that is locked, or brand-new, stays."""
    store = LocalCatalog(tmp_path)
    dead, young = tmp_path / ".staging" / "dead", tmp_path / ".staging" / "young"
    for folder in (dead, young):
        folder.mkdir(parents=True)
    past = time.time() - 3600
    with store.staging() as alive:
        for folder in (dead, alive):
            os.utime(folder, (past, past))
        with store.staging():
            assert not dead.exists()
            assert young.exists()
            assert alive.exists()


def test_a_document_that_cannot_be_written_leaves_nothing(store: LocalCatalog) -> None:
    """Where the target's folder cannot be made, no half of it stays anywhere."""
    store.write("a", b"a file, no folder")
    with pytest.raises(FileExistsError):
        store.write("a/b.json", b"{}")
    assert store.names("") == ("a",)
    assert list((store.root / ".staging").iterdir()) == []


def test_a_file_is_measured_listed_and_removed(store: CatalogStore) -> None:
    """What is not there has no size, a folder that is not there no names."""
    store.write("a/b.json", b"{}")
    assert (store.size("a/b.json"), store.size("a/c.json")) == (2, None)
    assert (store.names("a"), store.names("b")) == (("b.json",), ())
    store.remove("a/b.json")
    store.remove("a/b.json")
    assert store.names("a") == ()


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
