"""What a provider offers: a file by name, where it lies, how large it is, what it hashes to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.granules import Granule
    from processes.fetch.wanted import Wanted

type Way = Literal["file", "subset", "window", "raster", "soundings", "copy"]
"""How it comes: whole; cut out by the provider; cut out by ranges, of one file or of a raster that
consists of many; gathered from several files by ranges; from a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What a file's content must hash to."""

    algorithm: str
    """As ``hashlib`` calls it."""
    value: str
    """Hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One file that can be had."""

    product: str
    """Identifier of its product spec."""
    name: str
    """Its name in the archive."""
    url: str
    """Where it lies."""
    size: int
    """Bytes, known or foretold."""
    exact: bool = False
    """Whether the size is known to the byte."""
    checksum: Checksum | None = None
    """What it must hash to, where the provider says."""
    granule: Granule
    """What its name announces."""
    way: Way = "file"
    """How it comes."""
    parts: tuple[str, ...] = ()
    """Where the files lie that it is gathered from."""
    login: str | None = None
    """Which login it needs."""

    @property
    def place(self) -> str:
        """Path below an archive: product, year, and month for what is cut out of larger files."""
        start = self.granule.period.start if self.granule.period else None
        folders = [self.product]
        if start is not None:
            folders.append(f"{start:%Y}")
            if self.way in ("subset", "window"):
                folders.append(f"{start:%m}")
        return str(PurePosixPath(*folders, self.name))


class Finder(Protocol):
    """Finds what a provider offers of what is wanted."""

    def find(self, wanted: Wanted) -> Sequence[Offer]:
        """Return offers; some may not be wanted, and some may be versions of one another."""
        ...


def shown(url: str) -> str:
    """Return an address for people and files: without query, which may be a key.

    >>> shown("https://user:word@host.org/a/b.h5?X-Amz-Signature=12#x")
    'https://host.org/a/b.h5'
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
