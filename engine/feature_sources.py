"""Which granules a feature is made of, for a month or another span of days."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from engine.composites import Cadence
from engine.errors import MissingDataError
from engine.features import FEATURES, SIF_PREDICTORS
from engine.gaps import LONGEST_GAP
from engine.months import Period, eight_day_periods
from engine.products import load_specs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.archive import Archive
    from engine.features import Feature
    from engine.granules import Granule
    from engine.months import Month

_REACH = timedelta(days=8 * LONGEST_GAP)
"""How far into the neighbouring periods a gap can be bridged."""

_SHORT = 8
"""Days of a span that a thinned daily product may miss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The granules of some features of one product."""

    product: str
    """The product that they are of."""
    granules: tuple[Granule, ...]
    """Those that share days with the span."""
    around: tuple[Granule, ...] = ()
    """Those of the neighbouring 8-day periods, by which gaps are bridged."""
    partners: tuple[Granule, ...] = ()
    """Those of the second product, for all of these."""
    partner: str | None = None
    """The second product, where there is one."""

    @property
    def products(self) -> tuple[str, ...]:
        """The products that they are of."""
        return (self.product,) if self.partner is None else (self.product, self.partner)

    @property
    def everything(self) -> tuple[Granule, ...]:
        """Every granule that the values may depend on."""
        return (*self.granules, *self.around, *self.partners)


def sif_product(archive: Archive) -> str:
    """Return the product that SIF is taken from: one for all months, since their signals differ."""
    return SourceFinder(archive).products(FEATURES["sif"])[0]


def sif_products(archive: Archive) -> tuple[str, ...]:
    """Return every product that SIF is reconstructed from: its own first."""
    finder = SourceFinder(archive)
    features = (FEATURES["sif"], *SIF_PREDICTORS.values())
    return tuple(dict.fromkeys(finder.products(feature)[0] for feature in features))


class SourceFinder:
    """Finds the granules of features in an archive.

    Parameters
    ----------
    archive
        Where granules lie.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self._cadences: dict[str, Cadence] = {}

    def has(self, feature: Feature) -> bool:
        """Tell whether the archive has all that a feature needs, in any month."""
        partner = self.partner(feature)
        first = any(self._holds(name) for name in self.either(feature))
        return first and (partner is None or self._holds(partner))

    def products(self, feature: Feature) -> tuple[str, ...]:
        """Return the products that a feature needs; of two that would do, one that is there."""
        either, partner = self.either(feature), self.partner(feature)
        first = next((name for name in either if self._holds(name)), either[0])
        return (first,) if partner is None else (first, partner)

    def either(self, feature: Feature) -> tuple[str, ...]:
        """Return the products that a month of a feature may come from, the preferred one first.

        There need not be any files of it yet.
        """
        first = self._chosen(feature.product, feature.instead)
        return tuple(name for name in (first, feature.otherwise) if name)

    def would_do(self, feature: Feature) -> tuple[str, ...]:
        """Return the products any of which could be added where a feature lacks its first."""
        either = self.either(feature)
        free = feature.instead is not None and not self._holds(either[0])
        return (*either, feature.instead) if free and feature.instead else either

    def candidates(self, feature: Feature) -> tuple[str, ...]:
        """Return every product that a feature may come from in this archive."""
        partner = self.partner(feature)
        return (*self.either(feature), *((partner,) if partner else ()))

    def partner(self, feature: Feature) -> str | None:
        """Return the second product of a feature, if it has one."""
        if feature.partner is None:
            return None
        return self._chosen(feature.partner.product, feature.partner.instead)

    def months(self, feature: Feature) -> tuple[Month, ...] | None:
        """Return the months that the archive has anything for, or None where any will do."""
        if feature.time in ("static", "yearly"):
            return None
        months = {month for name in self.either(feature) for month in self._months(name)}
        partner = self.partner(feature)
        if partner is not None:
            months &= set(self._months(partner))
        if feature.memory is not None:
            lags = [lag for lag, weight in enumerate(feature.memory.weights) if weight]
            months = {m for m in months if all(m.shift(-lag) in months for lag in lags)}
        return tuple(sorted(months))

    def find(self, feature: Feature, span: Period, where: str, *, bridging: bool) -> Sources:
        """Return what a feature is made of, for a span of days.

        Parameters
        ----------
        feature
            The feature; those that agree in product, partner and time have the same sources.
        span
            The days.
        where
            The month or period, for messages.
        bridging
            Whether neighbours in time may fill gaps.

        Raises
        ------
        MissingDataError
            Where there is none, or a day is missing that must not.
        """
        product, granules = self._first(feature, span, where)
        if feature.time == "every-day":
            _check_every_day(product, granules, span, where)
        around: tuple[Granule, ...] = ()
        if bridging and feature.time == "mean":
            wide = self.archive.granules(product, _widened(span))
            around = tuple(granule for granule in wide if granule not in granules)
        partners = self._partners(feature, (*granules, *around), where)
        return Sources(
            product=product,
            granules=granules,
            around=around,
            partners=partners,
            partner=self.partner(feature),
        )

    def other_years(
        self, feature: Feature, month: Month, *, bridging: bool
    ) -> dict[Month, Sources]:
        """Return the same calendar month of the archive's other years, and what it is made of.

        None for features that are not means over time: they have no gaps to be filled.
        """
        found: dict[Month, Sources] = {}
        if feature.time != "mean":
            return found
        for other in self.months(feature) or ():
            if other.month == month.month and other != month:
                with suppress(MissingDataError):
                    found[other] = self.find(feature, other.period, str(other), bridging=bridging)
        return found

    def of_month(
        self, feature: Feature, month: Month, *, bridging: bool, climatology: bool
    ) -> tuple[Granule, ...]:
        """Return every granule that a month of a feature may depend on; what lacks is not in it.

        Those of other years come first.
        """
        if feature.memory is not None:
            lags = [lag for lag, weight in enumerate(feature.memory.weights) if weight]
            remembered = FEATURES[feature.memory.feature]
            return tuple(
                granule
                for lag in lags
                for granule in self.of_month(
                    remembered, month.shift(-lag), bridging=bridging, climatology=climatology
                )
            )
        try:
            own = self.find(feature, month.period, str(month), bridging=bridging).everything
        except MissingDataError:
            names = [name for name in self.candidates(feature) if name in load_specs()]
            return tuple(g for name in names for g in self.archive.granules(name, month.period))
        others = self.other_years(feature, month, bridging=bridging) if climatology else {}
        return (*(one for found in others.values() for one in found.everything), *own)

    def cadence(self, product: str) -> Cadence:
        """Return how often the archive has a product."""
        if product not in self._cadences:
            periods = [granule.period for granule in self.archive.granules(product)]
            timed = [period for period in periods if period is not None]
            self._cadences[product] = Cadence.of(timed) if timed else Cadence(length=1, spacing=1)
        return self._cadences[product]

    def partners_of(self, granule: Granule, partners: Iterable[Granule]) -> tuple[Granule, ...]:
        """Return the granules of the second product that belong to one of the first."""
        same_tile = [one for one in partners if one.tile == granule.tile]
        if granule.period is None:
            return tuple(same_tile)
        inside = [one for one in same_tile if _shares(one, granule.period)]
        return tuple(inside or _nearest_of(same_tile, granule.period))

    def _first(self, feature: Feature, span: Period, where: str) -> tuple[str, tuple[Granule, ...]]:
        """Return the first product of a feature that has anything for a span."""
        either = self.either(feature)
        for product in either:
            found = self._granules(product, feature, span)
            if found:
                return product, found
        titles = " or ".join(load_specs()[name].title for name in either)
        what = "one granule of " if feature.time != "yearly" else "the same or an earlier year of "
        raise MissingDataError(either[0], where, f"{what}{titles}")

    def _granules(self, product: str, feature: Feature, span: Period) -> tuple[Granule, ...]:
        if feature.time == "static":
            return self.archive.granules(product)
        if feature.time == "yearly":
            return self.archive.latest(product, span)
        return self.archive.granules(product, span) or self._just_missed(product, span)

    def _just_missed(self, product: str, span: Period) -> tuple[Granule, ...]:
        """Return granules of a thinned daily product that only just miss a short span.

        A date of MCD43 stands for 16 days, of which its name says the ninth.
        """
        if span.days > _SHORT or not self.archive.has(product):
            return ()
        if self.cadence(product).length > 1:
            return ()
        slack = timedelta(days=int(self.cadence(product).spacing / 2))
        return self.archive.granules(product, Period(span.start - slack, span.end + slack))

    def _partners(
        self, feature: Feature, granules: Iterable[Granule], where: str
    ) -> tuple[Granule, ...]:
        product = self.partner(feature)
        if product is None:
            return ()
        periods = [granule.period for granule in granules if granule.period]
        slack = timedelta(days=_SHORT)
        wide = Period(
            min(period.start for period in periods) - slack,
            max(period.end for period in periods) + slack,
        )
        found = self.archive.granules(product, wide)
        if not found:
            title = load_specs()[product].title
            raise MissingDataError(product, where, f"one granule of {title}")
        return found

    def _chosen(self, product: str, instead: str | None) -> str:
        """Return a product, or the one to take where the archive has nothing of it."""
        replaced = instead is not None and not self._holds(product) and self._holds(instead)
        return instead if replaced and instead is not None else product

    def _months(self, product: str) -> tuple[Month, ...]:
        return self.archive.months(product) if product in load_specs() else ()

    def _holds(self, product: str) -> bool:
        return product in load_specs() and self.archive.has(product)


def _widened(span: Period) -> Period:
    periods = list(eight_day_periods(span))
    return Period(periods[0].start - _REACH, periods[-1].end + _REACH)


def _shares(granule: Granule, period: Period) -> bool:
    return granule.period is not None and granule.period.shared_days(period) > 0


def _nearest_of(granules: Iterable[Granule], period: Period) -> list[Granule]:
    """Return the granule nearest in time, if it misses a period by less than its length."""
    middle = (period.start.toordinal() + period.end.toordinal()) / 2
    timed = [(one, one.period) for one in granules if one.period]
    far = {one: abs(time.start.toordinal() + 0.5 - middle) for one, time in timed}
    near = [one for one, days in far.items() if days < period.days]
    return sorted(near, key=lambda one: far[one])[:1]


def _check_every_day(product: str, granules: Iterable[Granule], span: Period, where: str) -> None:
    found = len({granule.period for granule in granules})
    if found < span.days:
        raise MissingDataError(
            product, where, f"a file for each of the {span.days} days; found {found}"
        )
