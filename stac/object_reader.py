"""A file of a bucket, read in parts: no more of it is fetched than is asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import obstore

if TYPE_CHECKING:
    from collections.abc import Buffer

    from obstore.store import ObjectStore

_BLOCK = 1 << 16
"""Bytes that are fetched at least: the head of a COG is a few thousand, read in small pieces."""


def open_object(store: ObjectStore, key: str) -> io.BufferedReader:
    """Open a file of a store.

    Raises
    ------
    FileNotFoundError
        Where there is none.
    """
    size = int(obstore.head(store, key)["size"])
    return io.BufferedReader(_ObjectReader(store, key, size), _BLOCK)


class _ObjectReader(io.RawIOBase):
    """Asks the store for a range at each reading.

    Parameters
    ----------
    store, key
        Which file.
    size
        Its bytes.
    """

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        super().__init__()
        self._store, self._key, self._size = store, key, size
        self._place = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that any place in it can be gone to."""
        return True

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place; one after the end is none of the file's."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: Buffer, /) -> int:
        """Fetch as much as there is room for."""
        room = memoryview(buffer).cast("B")
        length = min(len(room), self._size - self._place)
        if length <= 0:
            return 0
        got = obstore.get_range(self._store, self._key, start=self._place, length=length)
        room[:length] = memoryview(got)
        self._place += length
        return length
