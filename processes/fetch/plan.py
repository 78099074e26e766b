"""What is to be fetched: which files, from where, how much, how long, and what nobody offers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from engine.errors import InputError
from engine.inventory.notes import versions_by_month
from engine.products.names import rank
from processes.fetch.cmr import CmrFinder
from processes.fetch.errors import ProviderError
from processes.fetch.listings import ListingFinder
from processes.fetch.rasters import RasterFinder
from processes.fetch.soundings import SoundingsFinder
from processes.fetch.tiles import TileFinder
from processes.fetch.wanted import Wanted, chosen_products, want

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engine.archive import Archive
    from engine.months import Month
    from engine.region import Region
    from processes.fetch.client import Client
    from processes.fetch.offers import Finder, Offer
    from processes.fetch.sources import Protocol, Source
    from processes.fetch.wanted import Place

_BYTES_PER_SECOND = 4_000_000
"""What a provider sends in a second, as a rule, over all requests."""
_SECONDS_PER_REQUEST = 1.0
"""What an answer takes before its first byte, as a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What is to be fetched of one product."""

    wanted: Wanted
    """What is needed, and what the archive lacks of it."""
    offers: tuple[Offer, ...]
    """What is lacking and can be had, in order of time."""
    missing: tuple[Place, ...]
    """Places that stay empty, since nobody offers all of their files."""
    note: str = ""
    """Why, where that is known."""
    failure: ProviderError | None = None
    """Why its provider could not be asked, where that failed."""

    @property
    def product(self) -> str:
        """Identifier of the product."""
        return self.wanted.source.product

    @property
    def size(self) -> int:
        """Bytes to come."""
        return sum(offer.size for offer in self.offers)

    @property
    def mixed(self) -> Mapping[Month, frozenset[str]]:
        """Months whose files will be of several science versions, where that matters."""
        if self.wanted.spec.files_per_day == 1:
            return {}
        coming = versions_by_month(offer.granule for offer in self.offers)
        there = self.wanted.versions
        both = {one: there.get(one, frozenset()) | coming[one] for one in sorted(coming)}
        return {month: versions for month, versions in both.items() if len(versions) > 1}

    @property
    def first(self) -> bool:
        """Whether the archive has nothing of it yet, and its terms are to be shown."""
        return bool(self.offers) and not self.wanted.there

    @property
    def seconds(self) -> float:
        """Time that it takes, as a rule."""
        waiting = _SECONDS_PER_REQUEST * len(self.offers) / self.wanted.source.at_once
        return max(waiting, self.size / _BYTES_PER_SECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is to be fetched."""

    region: Region
    """The region."""
    months: tuple[Month, ...]
    """The months."""
    shares: tuple[Share, ...]
    """By product."""

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Every file."""
        return tuple(offer for share in self.shares for offer in share.offers)

    @property
    def size(self) -> int:
        """Bytes to come."""
        return sum(share.size for share in self.shares)

    @property
    def seconds(self) -> float:
        """Time that it takes, as a rule: providers answer side by side, one line carries all."""
        if not self.shares:
            return 0.0
        longest = max(share.seconds for share in self.shares)
        return max(longest, self.size / _BYTES_PER_SECOND)

    @property
    def failure(self) -> ProviderError | None:
        """The first reason why a provider could not be asked; None where all answered."""
        return next((share.failure for share in self.shares if share.failure), None)

    def share(self, product: str) -> Share:
        """Return what is to be fetched of a product."""
        return next(share for share in self.shares if share.product == product)

    def sources(self) -> Mapping[str, Source]:
        """Return where each product comes from."""
        return {share.product: share.wanted.source for share in self.shares}


class Planner:
    """Makes plans.

    Parameters
    ----------
    client
        Asks providers what they offer; nothing of it needs a login.
    sources
        What is known of providers, by product.
    """

    def __init__(self, client: Client, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        listings = ListingFinder(client)
        self._finders: Mapping[Protocol, Finder] = {
            "cmr": CmrFinder(client),
            "listing": listings,
            "tiles": TileFinder(client),
            "raster": RasterFinder(),
            "soundings": SoundingsFinder(listings),
        }
        self._silent: dict[str, ProviderError] = {}

    def plan(
        self,
        archive: Archive | None,
        region: Region,
        months: Sequence[Month],
        products: Iterable[str] | None = None,
    ) -> Plan:
        """Compare what a region needs with what an archive has and providers offer.

        Parameters
        ----------
        archive
            The archive; None where there is none yet.
        region, months
            What for.
        products
            Which products; by default all that the region's maps need.

        Raises
        ------
        InputError
            Where a product is unknown, or begins after the months; nobody is asked then.
        ProviderError
            Where no provider answers. One that does not answer beside others that do is told in
            its share.
        """
        names = chosen_products(products, region, self._sources, archive)
        waiting = [want(self._sources[name], archive, region, months) for name in names]
        shares: list[Share] = []
        while waiting:
            wanted = waiting.pop(0)
            share = self._share(wanted)
            shares.append(share)
            other = self._sources.get(_stand_in(share) or "")
            named = {one.source.id for one in (*(one.wanted for one in shares), *waiting)}
            if other is not None and other.id not in named and _has_any(other, months):
                waiting.append(want(other, archive, region, months))
        plan = Plan(region=region, months=tuple(months), shares=tuple(_without_double(shares)))
        if plan.failure is not None and not plan.offers:
            raise plan.failure
        return plan

    def _share(self, wanted: Wanted) -> Share:
        source = wanted.source
        if not wanted.lacking:
            return Share(wanted=wanted, offers=(), missing=())
        if not source.url:
            note = f"no place of its files is known; name one in sources/{source.id}.toml"
            return Share(wanted=wanted, offers=(), missing=tuple(wanted.lacking), note=note)
        try:
            offers = _best(wanted, self._find(wanted))
        except ProviderError as error:
            note = f"{source.provider} could not be asked: {error.wrong}"
            lacking = tuple(wanted.lacking)
            return Share(wanted=wanted, offers=(), missing=lacking, note=note, failure=error)
        missing = _missing(wanted, offers)
        return Share(wanted=wanted, offers=offers, missing=missing, note=_why(source, missing))

    def _find(self, wanted: Wanted) -> Sequence[Offer]:
        """Ask a provider, unless its host has just stayed silent for another product."""
        source = wanted.source
        host = urlsplit(source.url).netloc
        if host in self._silent:
            raise self._silent[host]
        try:
            return self._finders[source.protocol].find(wanted)
        except ProviderError as error:
            if error.status is None:
                self._silent[host] = error
            raise


def _stand_in(share: Share) -> str | None:
    """Return the product to look for beside one of which something is missing, if any does.

    Nothing stands in for what merely could not be asked for.
    """
    source = share.wanted.source
    if share.failure or not share.missing:
        return None
    if share.offers or share.wanted.there:
        return source.otherwise
    return source.otherwise or source.instead


def _has_any(source: Source, months: Sequence[Month]) -> bool:
    return source.start is None or source.start < months[-1].period.end


def _best(wanted: Wanted, offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """Return the offers that are wanted, the best version of each, in order of time."""
    best: dict[tuple[object, ...], Offer] = {}
    for offer in offers:
        if not wanted.takes(offer.granule):
            continue
        key = wanted.key(offer.granule)
        other = best.get(key)
        if other is None or _rank(offer, wanted) > _rank(other, wanted):
            best[key] = offer
    return tuple(sorted(best.values(), key=_order))


def _rank(offer: Offer, wanted: Wanted) -> tuple[object, ...]:
    return rank(offer.granule, wanted.spec)


def _order(offer: Offer) -> tuple[str, str]:
    period = offer.granule.period
    return (period.start.isoformat() if period else "", offer.name)


def _missing(wanted: Wanted, offers: Iterable[Offer]) -> tuple[Place, ...]:
    left = dict(wanted.lacking)
    for offer in offers:
        left[wanted.place(offer.granule)] -= 1
    return tuple(place for place, count in left.items() if count > 0)


def _why(source: Source, missing: Sequence[Place]) -> str:
    starts = [place.start for place in missing if place.start]
    if not starts:
        return "not offered" if missing else ""
    if source.start is not None and max(starts) < source.start:
        return f"{source.product} begins on {source.start}"
    later = f"; files follow after some {source.latency_days} days" if source.latency_days else ""
    successor = (
        f"; its successor {source.successor} comes where it is named" if source.successor else ""
    )
    return f"not offered{later}{successor}"


def _without_double(shares: Sequence[Share]) -> Sequence[Share]:
    """Leave out of a stand-in what the product that it stands in for has or offers."""
    by_product = {share.product: share for share in shares}
    replaced = {
        name: share
        for share in shares
        for name in (share.wanted.source.otherwise, share.wanted.source.instead)
        if name
    }
    kept = []
    for share in shares:
        first = replaced.get(share.wanted.source.id)
        if first is not None and first.product in by_product:
            empty = set(first.missing)
            offers = tuple(one for one in share.offers if share.wanted.place(one.granule) in empty)
            missing = tuple(place for place in share.missing if place in empty)
            kept.append(replace(share, offers=offers, missing=missing))
        else:
            kept.append(share)
    return kept


def check_login(plan: Plan, given: Mapping[str, bool], remedies: Mapping[str, str]) -> None:
    """Refuse a plan whose files need a login that we have nothing for.

    Raises
    ------
    InputError
        Says how to get in.
    """
    for share in plan.shares:
        login = share.wanted.source.login
        if share.offers and login is not None and not given.get(login, False):
            wrong = f"{share.product} needs a login, and there is none"
            raise InputError("credentials", wrong, remedies[login])
