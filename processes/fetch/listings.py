"""Folders that list their files: web servers' indexes, and folders of this machine."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from engine.months import Month, month_range
from engine.products.names import recognise
from processes.fetch.errors import ProviderError
from processes.fetch.offers import Offer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from processes.fetch.client import Client
    from processes.fetch.offers import Way
    from processes.fetch.sources import Source
    from processes.fetch.wanted import Wanted

_SIZE = re.compile(r"(?<![\w:.-])(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?\s*$", re.IGNORECASE)
_LEAST = 1 << 17
"""Bytes that come, at least, of a file that is read by ranges."""
_FACTORS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class ListingFinder:
    """Finds files by their names in a folder, or in folders by year and month."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def find(self, wanted: Wanted) -> Sequence[Offer]:
        """Return every file of the product in the folders of the days that are lacking."""
        return [
            offer
            for folder in _folders(wanted)
            for name, (address, size) in self.listed(folder).items()
            if (offer := _offer(name, address, size, wanted)) is not None
        ]

    def listed(self, folder: str) -> Mapping[str, tuple[str, int | None]]:
        """Return address and size by name; nothing where there is no such folder."""
        if not folder.startswith(("http://", "https://")):
            return dict(_local(Path(folder.removeprefix("file://"))))
        try:
            response = self._client.get(folder)
        except ProviderError as error:
            if error.status == 404:
                return {}
            raise
        index = _Index(folder)
        index.feed(response.text)
        index.close()
        return index.files


class _Index(HTMLParser):
    """Reads the index of a folder as Apache, nginx and others write it."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.files: dict[str, tuple[str, int | None]] = {}
        self._folder, self._name, self._text = folder, "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a link to a file of this folder."""
        if tag != "a":
            return
        self._end()
        address = urljoin(self._folder, dict(attrs).get("href") or "")
        name = unquote(urlsplit(address).path.rpartition("/")[2])
        if name and address.startswith(self._folder):
            self.files[name] = (address, None)
            self._name = name

    def handle_endtag(self, tag: str) -> None:
        """Forget the name that a link shows, or end a row."""
        if tag == "a":
            self._text = ""
        elif tag in {"tr", "pre", "table"}:
            self._end()

    def handle_data(self, data: str) -> None:
        """Take what follows a link: date and size."""
        self._text += f" {data}" if self._name else ""

    def close(self) -> None:
        """End the last row."""
        super().close()
        self._end()

    def _end(self) -> None:
        lines = self._text.strip().splitlines() if self._name else []
        match = _SIZE.search(lines[0].replace("\xa0", " ").strip()) if lines else None
        if match is not None:
            size = round(float(match[1]) * _FACTORS[match[2].upper()])
            self.files[self._name] = (self.files[self._name][0], size)
        self._name, self._text = "", ""


def _local(folder: Path) -> Iterator[tuple[str, tuple[str, int | None]]]:
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path.name, (path.absolute().as_uri(), path.stat().st_size)


def _folders(wanted: Wanted) -> Sequence[str]:
    """Return the folders that may hold what is lacking."""
    url, dates = wanted.source.url, wanted.dates
    if dates is None:
        return [url]
    last = Month.of(max(place.start for place in wanted.lacking if place.start))
    months = month_range(Month.of(dates.start), last)
    filled = (url.format(year=one.year, month=f"{one.month:02d}") for one in months)
    return list(dict.fromkeys(filled))


def _offer(name: str, address: str, size: int | None, wanted: Wanted) -> Offer | None:
    granule = recognise(Path(name), {wanted.spec.id: wanted.spec})
    if granule is None:
        return None
    local = address.startswith("file:")
    way: Way = "copy" if local else "window" if wanted.source.windows else "file"
    size = wanted.source.file_bytes if size is None else size
    return Offer(
        product=wanted.spec.id,
        name=name,
        url=address,
        size=_read(size, wanted.source) if way == "window" else size,
        exact=local,
        granule=granule,
        way=way,
        login=wanted.source.login,
    )


def _read(size: int, source: Source) -> int:
    """Foretell how much of a COG is read: its beginning, at least, and a block with values."""
    return max(round(size * source.read_share), min(size, _LEAST))
