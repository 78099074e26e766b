"""What the providers of tests answer: entries of a catalogue, indexes of folders."""

from __future__ import annotations

import fnmatch
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processes.fetch.testing_shelves import Item

_APACHE = (
    '<tr><td valign="top">&nbsp;</td><td><a href="{name}">{name:.20}..&gt;</a></td>'
    '<td align="right">2025-01-01 00:00  </td><td align="right">{size}</td><td>&nbsp;</td></tr>'
)
_NGINX = '<a href="{name}">{name}</a>    01-Jan-2025 00:00    {size}'


def matches(item: Item, query: Mapping[str, list[str]]) -> bool:
    """Tell whether a granule is what a question to the catalogue is about."""
    patterns = query.get("readable_granule_name[]", [])
    if patterns and not any(fnmatch.fnmatchcase(item.name, pattern) for pattern in patterns):
        return False
    if "temporal[]" not in query or item.granule.period is None:
        return True
    start, end = (datetime.fromisoformat(text).date() for text in query["temporal[]"][0].split(","))
    return item.granule.period.start <= end and item.granule.period.end > start


def year_of(item: Item) -> str | None:
    """Return the year that a file is about, as folders are named."""
    period = item.granule.period
    return f"{period.start:%Y}" if period else None


def entry(item: Item, data: str, *, opendap: bool) -> Mapping[str, object]:
    """Describe a granule as UMM-G does."""
    file: dict[str, object] = {"Name": item.name, "SizeInBytes": item.size, "Format": "HDF"}
    if item.checksum is not None:
        file["Checksum"] = {"Value": item.checksum, "Algorithm": "SHA-256"}
    links = [
        {"URL": f"s3://protected/{item.name}", "Type": "GET DATA VIA DIRECT ACCESS"},
        {"URL": f"{data}/data/{item.name}", "Type": "GET DATA"},
        {
            "URL": f"{data}/opendap/collections/C1/granules/{item.name}",
            "Type": "USE SERVICE API",
            "Subtype": "OPENDAP DATA",
        },
    ]
    umm = {
        "GranuleUR": item.name.rsplit(".", 1)[0],
        "RelatedUrls": links if opendap else links[:2],
        "DataGranule": {"ArchiveAndDistributionInformation": [file], "DayNightFlag": "Unspecified"},
    }
    return {"meta": {"concept-id": "G1", "revision-id": 1}, "umm": umm}


def index(folder: str, items: list[Item], *, apache: bool) -> bytes:
    """Write a folder's index as Apache does, or as nginx."""
    lines = [
        _APACHE.format(name=one.name, size=_short(one.size))
        if apache
        else _NGINX.format(name=one.name, size=one.size)
        for one in items
    ]
    rows = "\n".join(lines)
    if apache:
        page = f'<table><tr><th><a href="?C=S;O=A">Size</a></th></tr>{rows}</table>'
    else:
        page = f'<h1>Index of {folder}</h1><hr><pre><a href="../">../</a>\n{rows}\n</pre>'
    return f"<html><body>{page}</body></html>".encode()


def _short(size: float) -> str:
    """Round a size as Apache does.

    >>> _short(900), _short(2_500_000), _short(45_000_000)
    ('900 ', '2.4M', '43M')
    """
    unit = 0
    while size >= 1024 and unit < 3:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f}{' KMG'[unit]}" if unit and size < 10 else f"{size:.0f}{' KMG'[unit]}"
