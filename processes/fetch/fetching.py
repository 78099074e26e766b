"""A plan carried out: files come side by side, a few at a time from each host."""

from __future__ import annotations

import shutil
from collections import defaultdict
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from engine.errors import InputError
from engine.files import locked
from processes.fetch.errors import (
    FetchError,
    IncompleteError,
    ProviderError,
    RefusedLoginError,
    SpaceError,
    StorageError,
)
from processes.fetch.offers import shown
from processes.fetch.provenance import SUFFIX as NOTE
from processes.fetch.transfer import PART, Transfer, part_path
from processes.fetch.wording import amount

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from processes.fetch.client import Client
    from processes.fetch.offers import Offer
    from processes.fetch.plan import Plan
    from processes.fetch.sources import Source

LOCK = ".fetch.lock"
"""File at the root of an archive that one fetch at a time holds."""
_HOPELESS = 8
"""Files in a row that a host fails to give before it is given up."""
_RESERVE = 200_000_000
"""Bytes that are left free on the disk."""


class Watcher(Protocol):
    """Is told how the files come, from several threads."""

    def began(self, offer: Offer) -> None:
        """Take the start of a file."""

    def arrived(self, offer: Offer, there: int) -> None:
        """Take how many bytes of a file are there."""

    def ended(self, offer: Offer, failure: str | None) -> None:
        """Take the end of a file, and why it failed if it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came of a plan."""

    files: int
    """Files that came."""
    transferred: int
    """Bytes that came over the line for them."""


def check_space(plan: Plan, archive: Path) -> None:
    """Refuse a plan that the disk has no room for.

    Raises
    ------
    SpaceError
        Says how much is needed and how much there is.
    """
    folder = next(path for path in (archive, *archive.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    coming = sum(_part_size(archive, offer) for offer in plan.offers)
    if plan.size - coming + _RESERVE > free:
        raise SpaceError(archive.name, amount(plan.size - coming), amount(free))


def fetch(plan: Plan, archive: Path, client: Client, watcher: Watcher) -> Fetched:
    """Bring every file of a plan into an archive.

    Files that are there are left alone, and what had come of one is gone on from. A file that
    cannot be had does not keep the others back; a login that is refused ends all.

    Parameters
    ----------
    plan
        The files.
    archive
        Root of the archive; it is made.
    client
        Speaks with providers.
    watcher
        Is told how they come.

    Raises
    ------
    InputError
        Where another fetch is at work in this archive.
    IncompleteError
        Where some files could not be had.
    RefusedLoginError
        Where the credentials are not accepted.
    StorageError
        Where the disk does not take a file.
    """
    archive.mkdir(parents=True, exist_ok=True)
    with locked(archive / LOCK, waiting=_refuse):
        _sweep(plan, archive)
        transfer = Transfer(client=client, archive=archive, area=plan.region.area())
        return _Work(transfer, plan.sources(), watcher).do(plan.offers)


def _refuse() -> None:
    raise InputError("archive", "another fetch is at work in it", "one at a time")


def _sweep(plan: Plan, archive: Path) -> None:
    """Remove what had come of files that are no longer wanted, and notes that were not ended."""
    wanted = {part_path(archive / offer.place) for offer in plan.offers}
    for folder in {archive / share.product for share in plan.shares}:
        for part in folder.rglob(f".*{PART}*"):
            if part.with_name(part.name.partition(PART)[0] + PART) not in wanted:
                part.unlink(missing_ok=True)
        for note in folder.rglob(f".*{Path(NOTE).stem}-*"):
            note.unlink(missing_ok=True)


def _part_size(archive: Path, offer: Offer) -> int:
    part = part_path(archive / offer.place)
    return part.stat().st_size if part.exists() else 0


def _host(offer: Offer) -> str:
    return urlsplit(offer.url).netloc


def _give_up(host: str, futures: Mapping[Future[int], Offer]) -> None:
    """Ask a host for nothing more: what is wrong with so many files is wrong with all."""
    for future, offer in futures.items():
        if _host(offer) == host:
            future.cancel()


class _Work:
    """Files under way."""

    def __init__(self, transfer: Transfer, sources: Mapping[str, Source], watcher: Watcher) -> None:
        self._transfer, self._sources, self._watcher = transfer, sources, watcher
        self._stop = transfer.client.patience.stop

    def do(self, offers: tuple[Offer, ...]) -> Fetched:
        """Bring them, a few at a time from each host."""
        failures: dict[str, str] = {}
        in_a_row: dict[str, int] = defaultdict(int)
        transferred = 0
        with ExitStack() as stack:
            futures = self._submit(offers, stack)
            try:
                for future in as_completed(futures):
                    offer = futures[future]
                    try:
                        transferred += future.result()
                        in_a_row[_host(offer)] = 0
                    except (RefusedLoginError, StorageError):
                        raise
                    except CancelledError:
                        failures[offer.name] = f"{_host(offer)} was given up"
                    except FetchError as error:
                        failures[offer.name] = str(error)
                        in_a_row[_host(offer)] += 1
                        if in_a_row[_host(offer)] == _HOPELESS:
                            _give_up(_host(offer), futures)
            except BaseException:
                self._stop.set()
                for future in futures:
                    future.cancel()
                raise
        if failures:
            raise IncompleteError(failures, len(offers))
        return Fetched(files=len(offers), transferred=transferred)

    def _submit(self, offers: tuple[Offer, ...], stack: ExitStack) -> Mapping[Future[int], Offer]:
        by_host: dict[str, list[Offer]] = defaultdict(list)
        for offer in offers:
            by_host[_host(offer)].append(offer)
        futures: dict[Future[int], Offer] = {}
        for several in by_host.values():
            at_once = min(self._sources[offer.product].at_once for offer in several)
            pool = stack.enter_context(ThreadPoolExecutor(at_once))
            futures |= {pool.submit(self._bring, offer): offer for offer in several}
        return futures

    def _bring(self, offer: Offer) -> int:
        if self._stop.is_set():
            return 0
        self._watcher.began(offer)
        failure: str | None = "it was given up"
        try:
            came = self._transfer.bring(
                offer, self._sources[offer.product], lambda there: self._arrived(offer, there)
            )
            failure = None
        except FetchError as error:
            failure = str(error)
            raise
        finally:
            self._watcher.ended(offer, failure)
        return came

    def _arrived(self, offer: Offer, there: int) -> None:
        if self._stop.is_set():
            raise ProviderError(shown(offer.url), "it was given up")
        self._watcher.arrived(offer, there)
