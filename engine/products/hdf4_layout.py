"""The skeleton of an HDF4 file: where its pieces lie.

The C library reads what it is asked for and never looks whether the rest is there, so a
download that broke off seems whole until its last pixels are wanted. The list of pieces tells.

References
----------
The HDF Group. HDF Specification and Developer's Guide, version 4.2, chapter 2.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from engine.errors import GranuleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAGIC = b"\x0e\x03\x13\x01"
_HEADER = struct.Struct(">Hi")
"""Of a block of descriptors: how many, and where the next block is (0 after the last)."""
_DESCRIPTOR = struct.Struct(">HHii")
"""Of a piece: tag, reference number, offset, length."""


def check_hdf4_complete(path: Path) -> None:
    """Refuse an HDF4 file of which a piece lies beyond its end.

    Raises
    ------
    GranuleError
        Where it does; a file of another format is left to the library that opens it.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            return
        try:
            end = max(_ends(file), default=0)
        except (struct.error, OverflowError) as error:
            raise GranuleError(path, "is truncated or damaged", "a whole HDF4 file") from error
    if end > size:
        raise GranuleError(path, f"is truncated at {size} bytes", f"at least {end} bytes")


def _ends(file: BinaryIO) -> Iterator[int]:
    """Yield where each piece ends."""
    position, seen = 4, set()
    while position and position not in seen:
        seen.add(position)
        file.seek(position)
        count, following = _HEADER.unpack(file.read(_HEADER.size))
        block = file.read(count * _DESCRIPTOR.size)
        if len(block) < count * _DESCRIPTOR.size or following < 0:
            raise struct.error("a block of descriptors is cut")
        for _, _, offset, length in _DESCRIPTOR.iter_unpack(block):
            if offset > 0 and length > 0:
                yield offset + length
        position = following
