"""Where a catalogue lies: a few verbs, and a local folder that has them."""

from __future__ import annotations

import fcntl
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from engine.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

_STALE = 24 * 3600
"""Seconds after which a publisher that left its staging folder is taken for dead."""


class CatalogStore(Protocol):
    """Files of a catalogue by key; every one appears whole or not at all."""

    @property
    def url(self) -> str | None:
        """Absolute address under which the root folder is served, without a last slash."""

    def read(self, key: str) -> bytes | None:
        """Return a file's bytes, or None where there is no such file."""

    def write(self, key: str, content: bytes) -> None:
        """Put a small document; readers see the old one or the new one."""

    def place(self, staged: Path, key: str) -> None:
        """Put a staged file, which is gone afterwards."""

    def href(self, key: str) -> str:
        """Return the absolute path or address of a file for programs on this machine."""

    def staging(self) -> AbstractContextManager[Path]:
        """Give a private folder for files to be placed; it is removed afterwards."""

    def lock(self) -> AbstractContextManager[None]:
        """Keep every other publisher out, in this process and in others."""


class LocalCatalog:
    """A catalogue in a folder.

    Parameters
    ----------
    root
        The folder that holds ``catalog.json``; made on first use.
    url
        Absolute address under which it is served, if it is.

    Notes
    -----
    Names that begin with a dot are not part of the catalogue and are not to be served: the
    lock, staging folders, and files that are being written.
    """

    def __init__(self, root: Path, url: str | None = None) -> None:
        self.root = root
        self._url = None if url is None else url.rstrip("/")

    @property
    def url(self) -> str | None:
        """Absolute address under which the root folder is served."""
        return self._url

    def read(self, key: str) -> bytes | None:
        """Return a file's bytes, or None where there is no such file."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, key: str, content: bytes) -> None:
        """Write a document under a temporary name, then give it its own."""
        with atomic_path(self._path(key)) as temporary:
            temporary.write_bytes(content)

    def place(self, staged: Path, key: str) -> None:
        """Move a staged file to its name."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(target)

    def href(self, key: str) -> str:
        """Return the absolute path of a file."""
        return str(self._path(key).absolute())

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give a private folder on the catalogue's own disk."""
        parent = self.root / ".staging"
        _sweep(parent)
        folder = parent / uuid4().hex
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Wait for the catalogue's lock; the system frees it if the process dies."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _path(self, key: str) -> Path:
        return self.root.joinpath(*key.split("/"))


def _sweep(parent: Path) -> None:
    """Remove what killed publishers left behind."""
    for folder in parent.glob("*"):
        try:
            stale = time.time() - folder.stat().st_mtime > _STALE
        except FileNotFoundError:
            continue
        if stale:
            shutil.rmtree(folder, ignore_errors=True)
