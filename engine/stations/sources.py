"""The files of a folder or of a zip archive, guarded against archives made to do harm."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from engine.errors import GranuleError, InputError
from engine.products.sources import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MIB = 2**20

_ARCHIVES = frozenset({".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".zst"})
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a source may be. The defaults hold the whole ISMN's archive with room to spare."""

    files: int = 200_000
    """Files and folders in a zip archive."""
    file_bytes: int = 256 * _MIB
    """Bytes of one file, expanded."""
    total_bytes: int = 32 * 1024 * _MIB
    """Bytes of all files of an archive, expanded."""
    ratio: float = 200.0
    """Expanded over compressed size of one file; station files reach 30."""
    depth: int = 12
    """Folders above a file in an archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file in a folder or in an archive."""

    path: Path
    """Its name, for messages."""
    read: Callable[[], bytes]
    """Gives its content."""


@contextmanager
def source_files(
    path: Path, suffix: str, limits: Limits | None = None
) -> Iterator[Sequence[SourceFile]]:
    """Give the files of a suffix below a folder or in a zip archive, sorted by name.

    Nothing is ever written: files in an archive are read into memory one by one.

    Raises
    ------
    GranuleError
        Where an archive is damaged, encrypted, too large, or holds names or files that an
        honest one does not.
    """
    limits = limits or Limits()
    if path.is_dir():
        yield _below(path, suffix, limits)
        return
    if path.suffix.lower() != ".zip":
        raise InputError("stations", f"{path.name} is no folder", "a folder or a zip archive")
    with reading(path, "a zip archive", *_ERRORS):
        archive = zipfile.ZipFile(path)
    with archive:
        yield _members(path, archive, suffix, limits)


def _below(folder: Path, suffix: str, limits: Limits) -> list[SourceFile]:
    found = sorted(
        Path(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(suffix) and not name.startswith(".")
    )
    return [SourceFile(path=path, read=partial(read_file, path, limits)) for path in found]


def read_file(path: Path, limits: Limits) -> bytes:
    """Read a file that is not larger than the limits allow."""
    with reading(path, "a file that can be read", OSError), path.open("rb") as file:
        data = file.read(limits.file_bytes + 1)
    _check_size(path, path.name, len(data), limits)
    return data


def _members(path: Path, archive: zipfile.ZipFile, suffix: str, limits: Limits) -> list[SourceFile]:
    infos = archive.infolist()
    if not infos:
        raise GranuleError(path, "it is empty", f"files {suffix}")
    if len(infos) > limits.files:
        raise GranuleError(path, f"it holds {len(infos)} files", f"at most {limits.files}")
    total = sum(info.file_size for info in infos)
    if total > limits.total_bytes:
        raise GranuleError(
            path, f"it expands to {total} bytes", f"at most {limits.total_bytes} bytes"
        )
    for info in infos:
        _check_name(path, info, limits)
        _check_member(path, info, limits)
    name, times = max(Counter(info.filename for info in infos).items(), key=itemgetter(1))
    if times > 1:
        raise GranuleError(path, f"it holds {name!r} {times} times", "each file once")
    wanted = sorted(
        (info for info in infos if info.filename.lower().endswith(suffix)),
        key=lambda info: info.filename,
    )
    return [
        SourceFile(
            path=Path(info.filename), read=partial(_read_member, path, archive, info, limits)
        )
        for info in wanted
    ]


def _check_name(path: Path, info: zipfile.ZipInfo, limits: Limits) -> None:
    """Refuse names that lead out of an archive, though nothing is ever unpacked."""
    name = PurePosixPath(info.filename)
    # orig_filename is the name before zipfile made backslashes and zero bytes harmless.
    odd = "\\" in info.orig_filename or not info.orig_filename.isprintable()
    if name.is_absolute() or ".." in name.parts or ":" in info.filename[:2] or odd:
        raise GranuleError(
            path, f"it holds the name {info.orig_filename!r}", "plain names below the archive"
        )
    if len(name.parts) > limits.depth:
        raise GranuleError(
            path, f"{name.name!r} lies {len(name.parts)} folders deep", f"at most {limits.depth}"
        )
    if name.suffix.lower() in _ARCHIVES:
        raise GranuleError(
            path, f"it holds the archive {name.name!r}", "no archives within an archive"
        )


def _check_member(path: Path, info: zipfile.ZipInfo, limits: Limits) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise GranuleError(path, f"{info.filename!r} is encrypted", "an archive without password")
    if info.compress_type not in _METHODS:
        raise GranuleError(
            path, f"{info.filename!r} is packed by method {info.compress_type}", "store or deflate"
        )
    _check_size(path, info.filename, info.file_size, limits)
    if info.file_size > max(_MIB, limits.ratio * info.compress_size):
        raise GranuleError(
            path,
            f"{info.filename!r} expands {info.file_size / max(1, info.compress_size):.0f} times",
            f"at most {limits.ratio:g} times",
        )


def _check_size(path: Path, name: str, size: int, limits: Limits) -> None:
    if size > limits.file_bytes:
        raise GranuleError(
            path,
            f"{name!r} has more than {limits.file_bytes} bytes",
            f"at most {limits.file_bytes} bytes in a file",
        )


def _read_member(
    path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits
) -> bytes:
    """Read a member, never beyond the limit whatever its header says."""
    try:
        with archive.open(info) as file:
            data = file.read(limits.file_bytes + 1)
    except _ERRORS as error:
        raise GranuleError(
            path, f"{info.filename!r} is damaged", "an archive that expands without errors"
        ) from error
    _check_size(path, info.filename, len(data), limits)
    return data
