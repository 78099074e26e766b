"""Where a catalogue lies: a few verbs, and a local folder that has them.

``s3_store.py`` has them for a bucket, and opens either by its address.
"""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from obstore.store import LocalStore

from engine.files import is_locked, locked, synced

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from io import BufferedReader
    from pathlib import Path

    from obstore.store import ObjectStore

_LOCK = "lock"
"""File in a staging folder that its publisher holds the lock of."""
_YOUNG = 60
"""Seconds in which a publisher has certainly taken the lock of the staging folder it made."""


@dataclass(frozen=True, slots=True)
class Found:
    """What lay at a key when it was looked at."""

    content: bytes | None
    """Its bytes, or None where there was nothing."""
    tag: str | None = None
    """What tells it from any later content, where the storage has such a thing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as a list shows it."""

    key: str
    """Its place below the root."""
    size: int
    """Bytes."""
    stamp: str
    """Changes when the file does."""


class CatalogStore(Protocol):
    """Files of a catalogue by key; every one appears whole or not at all."""

    @property
    def url(self) -> str | None:
        """Absolute address under which the root folder is served, without a last slash."""

    def read(self, key: str) -> bytes | None:
        """Return a file's bytes, or None where there is no such file."""

    def look(self, key: str) -> Found:
        """Return what lies at a key, to be replaced if it is still that."""

    def size(self, key: str) -> int | None:
        """Return a file's size in bytes, or None where there is no such file."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """Give every file below a folder, at any depth, that belongs to the catalogue."""

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files of a folder; none where there is no such folder."""

    def left_over(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files of a folder that no publisher can be placing now."""

    def write(self, key: str, content: bytes) -> None:
        """Put a small document; readers see the old one or the new one."""

    def replace(self, key: str, content: bytes, found: Found) -> None:
        """Put a document where there is still what was found; else SupersededError."""

    def place(self, staged: Path, key: str) -> bool:
        """Put a staged file; False where a file of other bytes has the name and must keep it."""

    def copy(self, source: str, key: str) -> None:
        """Put a file that is there under a second name, without reading it."""

    def remove(self, key: str) -> None:
        """Remove a file that nothing links."""

    def remove_folder(self, folder: str) -> None:
        """Remove all files below a folder that nothing links."""

    def href(self, key: str) -> str:
        """Return the absolute path or address of a file for programs on this machine."""

    def objects(self, folder: str) -> ObjectStore:
        """Return the files below a folder, for libraries that read them by themselves."""

    def local(self, key: str) -> AbstractContextManager[Path]:
        """Give a path on this machine to read a file from, for as long as it is needed."""

    def reader(self, key: str) -> BufferedReader:
        """Open a file to read parts of it; raises FileNotFoundError where there is none."""

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

    def look(self, key: str) -> Found:
        """Return what lies at a key; the lock is enough to tell that it is still that."""
        return Found(self.read(key))

    def size(self, key: str) -> int | None:
        """Return a file's size in bytes, or None where there is no such file."""
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            return None

    def entries(self, folder: str) -> Iterator[Entry]:
        """Give every file below a folder that belongs to the catalogue."""
        for parent, folders, names in self._path(folder).walk():
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(name for name in names if not name.startswith(".")):
                path = parent / name
                status = path.stat()
                stamp = f"{status.st_size}-{status.st_mtime_ns}"
                key = path.relative_to(self.root).as_posix()
                yield Entry(key, status.st_size, stamp)

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files of a folder; none where there is no such folder."""
        return tuple(sorted(path.name for path in self._path(folder).glob("*") if path.is_file()))

    def left_over(self, folder: str) -> tuple[str, ...]:
        """Return all names: who holds the lock is alone."""
        return self.names(folder)

    def write(self, key: str, content: bytes) -> None:
        """Write a document in a staging folder, then give it its place."""
        with self.staging() as folder:
            staged = folder / "document"
            staged.write_bytes(content)
            self._move(staged, key)

    def replace(self, key: str, content: bytes, found: Found) -> None:
        """Write a document; who holds the lock is alone."""
        del found
        self.write(key, content)

    def place(self, staged: Path, key: str) -> bool:
        """Move a staged file to its name; what lay there was left by a publisher that died."""
        self._move(staged, key)
        return True

    def copy(self, source: str, key: str) -> None:
        """Give a file a second name; where the disk knows no such thing, copy it."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(self._path(source))
        except FileExistsError:
            return
        except OSError:
            with self.staging() as folder:
                self._move(shutil.copyfile(self._path(source), folder / "copy"), key)

    def remove(self, key: str) -> None:
        """Remove a file, if it is there."""
        self._path(key).unlink(missing_ok=True)

    def remove_folder(self, folder: str) -> None:
        """Remove a folder, if it is there."""
        shutil.rmtree(self._path(folder), ignore_errors=True)

    def href(self, key: str) -> str:
        """Return the absolute path of a file."""
        return str(self._path(key).absolute())

    def objects(self, folder: str) -> ObjectStore:
        """Return the files below a folder, for libraries that read them by themselves."""
        return LocalStore(self._path(folder).absolute())

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """Give the file itself."""
        yield self._path(key)

    def reader(self, key: str) -> BufferedReader:
        """Open a file to read parts of it."""
        return self._path(key).open("rb")

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give a private folder on the catalogue's own disk; remove those of dead publishers."""
        parent = self.root / ".staging"
        _sweep(parent)
        folder = parent / uuid4().hex
        with locked(folder / _LOCK):
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Wait for the catalogue's lock; the system frees it if the process dies."""
        with locked(self.root / ".lock"):
            yield

    def _move(self, staged: Path, key: str) -> None:
        """Give a file its name when its content is on the disk."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        synced(staged).replace(target)

    def _path(self, key: str) -> Path:
        return self.root.joinpath(*key.split("/"))


def _sweep(parent: Path) -> None:
    """Remove what killed publishers left behind: nobody holds the lock of their folders."""
    for folder in parent.glob("*"):
        try:
            young = time.time() - folder.stat().st_mtime < _YOUNG
        except FileNotFoundError:
            continue
        if not young and not is_locked(folder / _LOCK):
            shutil.rmtree(folder, ignore_errors=True)
