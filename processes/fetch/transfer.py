"""One file's way into the archive: resumed where it broke off, and there whole or not at all."""

from __future__ import annotations

import logging
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from engine.files import atomic_path, synced
from processes.fetch.cmr import coarse_slices
from processes.fetch.content import check_content
from processes.fetch.errors import BrokenFileError, FetchError, ProviderError, StorageError
from processes.fetch.offers import shown
from processes.fetch.provenance import write_note
from processes.fetch.rasters import cut_cog, cut_raster
from processes.fetch.soundings import gather_soundings
from processes.fetch.subsets import cut_granule

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx
    from odc.geo.geobox import GeoBox

    from processes.fetch.client import Client
    from processes.fetch.offers import Offer
    from processes.fetch.sources import Source

_log = logging.getLogger(__name__)

PART = ".part"
"""What the name of a file that is still coming ends with; it begins with a dot."""
_TAG = ".etag"
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")

type Arrived = Callable[[int], None]
"""Told how many bytes of the file are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Brings files into an archive."""

    client: Client
    """Speaks with providers."""
    archive: Path
    """Root of the archive."""
    area: GeoBox
    """Fine grid of the region, for what is cut out here."""

    def bring(self, offer: Offer, source: Source, arrived: Arrived) -> int:
        """Bring one file, with its note; return the bytes that came over the line.

        Raises
        ------
        FetchError
            Where it cannot be had, or not be kept. What had come of it stays, to go on from.
        """
        target = self.archive / offer.place
        target.parent.mkdir(parents=True, exist_ok=True)
        part = part_path(target)
        try:
            came = self.client.patience.attempt(lambda: self._once(offer, source, part, arrived))
            write_note(target, part, offer, source)
            synced(part).replace(target)
            tag_path(part).unlink(missing_ok=True)
        except FetchError:
            raise
        except OSError as error:
            raise StorageError(offer.name, error.strerror or "it cannot be written") from error
        return came

    def _once(self, offer: Offer, source: Source, part: Path, arrived: Arrived) -> int:
        """Let a file come, and look at it; what is broken is thrown away and asked for again."""
        came = self._come(offer, source, part, arrived)
        try:
            check_content(part, offer)
        except BrokenFileError as error:
            part.unlink()
            tag_path(part).unlink(missing_ok=True)
            _log.warning("%s", error)
            raise ProviderError(shown(offer.url), str(error), again=True) from error
        return came

    def _come(self, offer: Offer, source: Source, part: Path, arrived: Arrived) -> int:
        if offer.way == "soundings":
            return gather_soundings(self.client, offer, self.area, part, arrived)
        if offer.way == "window" and source.windows:
            return cut_cog(self.client, offer, self.area, part, arrived)
        if offer.way == "window" and source.subset is not None:
            window = coarse_slices(self.area)
            return cut_granule(
                self.client, offer, source.subset, window, path=part, arrived=arrived
            )
        if offer.way == "raster":
            came = cut_raster(offer, self.area, part)
        elif offer.way == "copy":
            shutil.copyfile(unquote(urlsplit(offer.url).path), part)
            came = part.stat().st_size
        else:
            return _download(self.client, offer, part, arrived)
        arrived(came)
        return came


def part_path(target: Path) -> Path:
    """Return where a file is while it is coming; an archive does not see it."""
    return target.with_name(f".{target.name}{PART}")


def tag_path(part: Path) -> Path:
    """Return where is kept which version of a file its part is of."""
    return part.with_name(part.name + _TAG)


def _download(client: Client, offer: Offer, part: Path, arrived: Arrived) -> int:
    """Let a file come from where its part ends; return the bytes that came."""
    have = part.stat().st_size if part.exists() else 0
    if offer.exact and have == offer.size:
        arrived(have)
        return 0
    headers = _resuming(offer, part, have)
    with client.stream(offer.url, login=offer.login, headers=headers) as response:
        start = _start(response, offer, part, have)
        _refuse_pages(response, offer)
        _keep_tag(response, part)
        expected = _announced(response, start)
        there = start
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            for block in response.iter_raw():
                file.write(block)
                there += len(block)
                arrived(there)
    if expected is not None and there != expected:
        wrong = f"{there} of {expected} bytes came"
        raise ProviderError(shown(offer.url), wrong, again=True)
    return there - start


def _resuming(offer: Offer, part: Path, have: int) -> dict[str, str]:
    """Ask for the rest, if what is there is of the same version; a subset is made anew."""
    if not have or offer.way == "subset":
        return {}
    tag = _kept_tag(part)
    if tag is None and offer.checksum is None:
        return {}
    return {"Range": f"bytes={have}-", **({"If-Range": tag} if tag else {})}


def _start(response: httpx.Response, offer: Offer, part: Path, have: int) -> int:
    """Return the position of the first byte that comes."""
    if response.status_code == 206:
        told = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if told is not None and int(told[1]) == have:
            return have
    elif response.status_code != 416:
        return 0
    part.unlink(missing_ok=True)
    raise ProviderError(shown(offer.url), "it sent another range than asked for", again=True)


def _refuse_pages(response: httpx.Response, offer: Offer) -> None:
    """Refuse a web page before it is taken for data: it says that we are busy, barred or lost."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html":
        raise ProviderError(shown(offer.url), "it sent a web page instead of data", again=True)


def _announced(response: httpx.Response, start: int) -> int | None:
    """Return how large the file will be, where the answer says so."""
    length = response.headers.get("Content-Length")
    return start + int(length) if length and length.isdigit() else None


def _keep_tag(response: httpx.Response, part: Path) -> None:
    """Keep what tells versions apart; a weak tag does not vouch for bytes."""
    tag = response.headers.get("ETag", "W/")
    if tag.startswith("W/"):
        tag = response.headers.get("Last-Modified")
    if tag is None:
        tag_path(part).unlink(missing_ok=True)
    elif _kept_tag(part) != tag:
        with atomic_path(tag_path(part)) as path:
            path.write_text(tag, encoding="utf-8")


def _kept_tag(part: Path) -> str | None:
    path = tag_path(part)
    return path.read_text(encoding="utf-8") if path.is_file() else None
