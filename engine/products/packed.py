"""Rasters as they are delivered: plain, gzipped, or in a zip.

A packed file is unpacked as a whole, once, so that its checksum vouches for all of it; how much
it may hold is limited beforehand.
"""

from __future__ import annotations

import gzip
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from engine.errors import GranuleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rasterio.io import DatasetReader

LIMIT = 1 << 28
"""Most bytes that a packed file may hold; a day of CHIRPS has 58 MB, a tile of CGIAR 72 MB."""

ERRORS = (EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError)
"""What the unpacking of a broken file raises."""

_RASTERS = (".tif", ".tiff", ".hgt")


@contextmanager
def opened_raster(path: Path) -> Iterator[DatasetReader]:
    """Open a raster, packed or not; one without a place is for the caller to refuse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with _opened(path) as file:
            yield file


@contextmanager
def _opened(path: Path) -> Iterator[DatasetReader]:
    if path.suffix in {".gz", ".zip"}:
        name, content = _ungzipped(path) if path.suffix == ".gz" else _unzipped(path)
        with MemoryFile(content, filename=name) as memory, memory.open() as file:
            yield file
    else:
        with rasterio.open(path) as file:
            yield file


def _ungzipped(path: Path) -> tuple[str, bytes]:
    with gzip.open(path) as stream:
        content = stream.read(LIMIT + 1)
    if not content:
        raise EOFError
    _check_size(path, len(content))
    return path.stem, content


def _unzipped(path: Path) -> tuple[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if info.filename.lower().endswith(_RASTERS)]
        if len(members) != 1:
            raise GranuleError(path, f"it holds {len(members)} rasters", "one .tif or .hgt")
        _check_size(path, members[0].file_size)
        with archive.open(members[0]) as stream:
            content = stream.read(LIMIT + 1)
    _check_size(path, len(content))
    return members[0].filename.rsplit("/", 1)[-1], content


def _check_size(path: Path, size: int) -> None:
    if size > LIMIT:
        raise GranuleError(path, "it unpacks to too much", f"at most {LIMIT >> 20} MiB")
