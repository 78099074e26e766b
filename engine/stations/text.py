"""Text files as they come: any line end, with or without a byte order mark, or no text at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import GranuleError

if TYPE_CHECKING:
    from pathlib import Path

_BOM = b"\xef\xbb\xbf"

_NOT_TEXT = {
    b"PK\x03\x04": "is a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook",
    b"\x1f\x8b": "is compressed with gzip",
    b"\x89HDF": "is an HDF5 or NetCDF file",
    b"%PDF": "is a PDF",
    b"\xff\xfe": "is text in UTF-16",
    b"\xfe\xff": "is text in UTF-16",
}
"""First bytes of files that are often saved under a wrong name."""


def plain_lines(path: Path, data: bytes, kind: str) -> bytes:
    r"""Return a text's bytes in UTF-8, without byte order mark, every line end made ``\n``.

    ISMN files end their lines with ``\r``, ``\n\r`` and ``\r\n``, sometimes in one file; what is
    between two line ends is an empty line, which the readers pass over.

    Parameters
    ----------
    path
        The file, for messages.
    data
        Its content.
    kind
        What it should be, such as ``station CSV``.

    Raises
    ------
    GranuleError
        Where it is empty, a web page, binary, or in another encoding.
    """
    if not data.strip():
        raise GranuleError(path, "is empty", kind)
    for first, wrong in _NOT_TEXT.items():
        if data.startswith(first):
            raise GranuleError(path, wrong, f"{kind}, plain text in UTF-8")
    data = data.removeprefix(_BOM)
    if data[:256].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise GranuleError(path, "holds a web page, not data", kind)
    if b"\0" in data:
        raise GranuleError(path, "holds zero bytes", f"{kind}, plain text in UTF-8")
    _check_utf8(path, data, kind)
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _check_utf8(path: Path, data: bytes, kind: str) -> None:
    if data.isascii():
        return
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise GranuleError(
            path, f"line {line} is not in UTF-8", f"{kind} in UTF-8 (not GBK or Latin-1)"
        ) from error
