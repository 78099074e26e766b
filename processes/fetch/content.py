"""Whether a file is what its name says, without reading its data."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from typing import TYPE_CHECKING

import h5py

from processes.fetch.errors import BrokenFileError

if TYPE_CHECKING:
    from pathlib import Path

    from processes.fetch.offers import Offer

_BEGINNINGS: dict[str, tuple[str, tuple[bytes, ...]]] = {
    ".hdf": ("HDF4", (b"\x0e\x03\x13\x01",)),
    ".h5": ("HDF5", (b"\x89HDF\r\n\x1a\n",)),
    ".nc4": ("NetCDF-4", (b"\x89HDF\r\n\x1a\n",)),
    ".nc": ("NetCDF-4", (b"\x89HDF\r\n\x1a\n",)),
    ".tif": ("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ".tiff": ("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ".cog": ("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ".gz": ("gzip", (b"\x1f\x8b",)),
    ".zip": ("zip", (b"PK\x03\x04",)),
}
"""How files of each suffix begin."""
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")
_BLOCK = 1 << 20


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hash of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def check_content(path: Path, offer: Offer) -> None:
    """Refuse a file that is not what was offered.

    Parameters
    ----------
    path
        The file, under any name.
    offer
        Says its name, and size and hash where they are known.

    Raises
    ------
    BrokenFileError
        Says what was wrong with it.
    """
    size = path.stat().st_size
    _check_beginning(path, offer.name)
    if offer.exact and size != offer.size:
        raise BrokenFileError(offer.name, f"{size} bytes came", f"{offer.size}")
    if offer.checksum is not None:
        got = digest(path, offer.checksum.algorithm)
        if got != offer.checksum.value:
            told = f"{offer.checksum.algorithm} {offer.checksum.value}"
            raise BrokenFileError(offer.name, f"its content hashes to {got}", told)
    _check_whole(path, offer.name)


def _is_page(beginning: bytes) -> bool:
    """Tell whether something begins as a web page does."""
    return beginning.lstrip().lower().startswith(_PAGES)


def _check_beginning(path: Path, name: str) -> None:
    with path.open("rb") as file:
        beginning = file.read(256)
    kind, magics = _BEGINNINGS.get(_suffix(name), ("data", (b"",)))
    if _is_page(beginning):
        raise BrokenFileError(name, "a web page came instead of data", kind)
    if not beginning.startswith(magics):
        wrong = "something else came" if beginning else "nothing came"
        raise BrokenFileError(name, wrong, kind)


def _check_whole(path: Path, name: str) -> None:
    """Look for what a file that was cut off lacks, as far as its format tells."""
    suffix = _suffix(name)
    try:
        if suffix in {".h5", ".nc4", ".nc"}:
            with h5py.File(path, "r"):
                pass
        elif suffix == ".gz":
            with gzip.open(path) as packed:
                while packed.read(_BLOCK):
                    pass
        elif suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
            if damaged is not None:
                raise BrokenFileError(name, f"{damaged} in it is damaged", "a whole zip archive")
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
        raise BrokenFileError(name, "it is cut off or damaged", "a whole file") from None


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2].lower()}"
