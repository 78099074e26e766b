"""Which maps an archive lets be made, month by month, and what stands in the way of the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING

from engine.archive import MIN_SHARE
from engine.errors import MissingDataError
from engine.feature_sources import SourceFinder
from engine.features import FEATURES, PRESETS, SIF_PREDICTORS
from engine.inventory.holdings import SOIL_MOISTURE, check_archive, holdings, is_there, months_seen
from engine.months import eight_day_periods

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engine.feature_store import FeatureStore
    from engine.features import Feature
    from engine.inventory.holdings import Count, Holding
    from engine.months import Month, Period

SIF = "sif"
"""Name of the feature that a model reconstructs."""

SIF_DAYS = 0.5
"""Least share of a month's days that SIF is made of, as in ``engine.sif``, which loads slowly."""


class Verdict(StrEnum):
    """What soil moisture can be made of in a month, with the features that are the default."""

    WITH_SIF = "with SIF"
    WITHOUT_SIF = "without SIF"
    NONE = "not"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Too little of a product."""

    products: tuple[str, ...]
    """Its name, and those of products that would do as well."""
    count: Count
    """What is there of the first."""
    rule: str
    """How much is needed, where one file is not enough."""
    features: tuple[str, ...]
    """What cannot be made of it."""

    def __str__(self) -> str:
        rule = f" ({self.rule})" if self.rule else ""
        return f"{' or '.join(self.products)} {self.count}{rule}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyMaps:
    """The maps of one month."""

    month: Month
    """The month."""
    verdict: Verdict
    """What soil moisture can be made of."""
    soil_moisture: tuple[Lack, ...]
    """What stands in the way of soil moisture."""
    sif: tuple[Lack, ...] | None
    """What stands in the way of SIF; None where the region has none."""
    patchy: tuple[str, ...]
    """Products that are enough, but not complete."""

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """What stands in the way of the best map, each product once."""
        if self.soil_moisture or self.sif is None:
            return self.soil_moisture
        return self.sif


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """An archive, as seen from a region."""

    region: str
    """Name of the region."""
    title: str
    """Its title."""
    months: tuple[Month, ...]
    """The months looked at, without gaps."""
    synthetic: bool
    """Whether the archive is made up."""
    holdings: tuple[Holding, ...]
    """What is there of each product."""
    maps: tuple[MonthlyMaps, ...]
    """What can be made in each month."""
    left_out: Mapping[str, str]
    """Features that maps have by default but not here, and why."""
    notes: tuple[str, ...]
    """What else stands in the way."""

    def holding(self, product: str) -> Holding:
        """Return what is there of a product."""
        return next(one for one in self.holdings if one.product == product)


def take_inventory(store: FeatureStore, months: Sequence[Month] | None = None) -> Inventory:
    """Compare an archive with what a region's maps need.

    Parameters
    ----------
    store
        Knows archive and region. Nothing is read but names, and made nothing.
    months
        Months in order, without gaps; all that the archive has anything for unless given.

    Raises
    ------
    InputError
        Where the folder cannot be read or holds no known file, or nothing in it has a date.
    """
    archive, region = store.archive, store.region
    check_archive(archive, region)
    months = tuple(months or months_seen(archive, region))
    found = holdings(store, months)
    judge = _Judge(store, found)
    return Inventory(
        region=region.name,
        title=region.title,
        months=months,
        synthetic=archive.synthetic,
        holdings=found,
        maps=tuple(judge.month(month) for month in months),
        left_out=store.lacking,
        notes=_notes(store),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Neighbouring months of which the same can be said."""

    months: tuple[Month, ...]
    """The months, in order."""
    text: str
    """What can be made, and why not more."""


def soil_moisture_runs(inventory: Inventory) -> list[Run]:
    """Say which soil moisture can be made when.

    Returns
    -------
    list of Run
        In order of time; a text is such as ``not, because SPL4SMGP 117 of 248 files (90 % are
        needed)``.
    """
    groups = groupby(inventory.maps, lambda maps: (maps.verdict, _names(maps.lacks)))
    runs = []
    for (verdict, _), group in groups:
        maps = tuple(group)
        spared = _spared(maps[0])
        hint = f"; possible if a request leaves out {', '.join(spared)}" if spared else ""
        runs.append(_run(inventory, maps, verdict, maps[0].lacks, hint))
    return runs


def sif_runs(inventory: Inventory) -> list[Run]:
    """Say when SIF can be made; nothing where the region has none."""
    known = [(maps, maps.sif) for maps in inventory.maps if maps.sif is not None]
    groups = groupby(known, lambda pair: _names(pair[1]))
    runs = []
    for names, group in groups:
        pairs = tuple(group)
        maps = tuple(one for one, _ in pairs)
        runs.append(_run(inventory, maps, "not" if names else "yes", pairs[0][1], ""))
    return runs


def _run(
    inventory: Inventory, maps: Sequence[MonthlyMaps], what: str, lacks: Iterable[Lack], hint: str
) -> Run:
    """Describe months that are alike, with counts over all of them."""
    months = tuple(one.month for one in maps)
    counted = [
        replace(lack, count=inventory.holding(lack.products[0]).count(months)) for lack in lacks
    ]
    because = f", because {'; '.join(map(str, counted))}" if counted else ""
    return Run(months=months, text=f"{what}{because}{hint}")


def _names(lacks: Iterable[Lack]) -> tuple[tuple[str, ...], ...]:
    return tuple(lack.products for lack in lacks)


def _spared(maps: MonthlyMaps) -> tuple[str, ...]:
    """Return the features without which a map could be made that is worth its name."""
    features = tuple(dict.fromkeys(name for lack in maps.soil_moisture for name in lack.features))
    core = {*PRESETS["core"], SOIL_MOISTURE}
    return () if core & set(features) else features


def _notes(store: FeatureStore) -> tuple[str, ...]:
    archive, region = store.archive, store.region
    if archive.synthetic == region.synthetic:
        return ()
    kinds = ("real", "synthetic")
    said = f"the archive is {kinds[archive.synthetic]}, the region {region.name} is not"
    return (f"{said}: requests for it will be refused",)


class _Judge:
    """Asks for every month what the makers of maps would ask."""

    def __init__(self, store: FeatureStore, found: Sequence[Holding]) -> None:
        self.store = store
        self.finder = SourceFinder(store.archive)
        self.holdings = {holding.product: holding for holding in found}
        self.own = {name: one for one in store.region.predictors for name in one.features}
        self._known: dict[tuple[object, ...], tuple[str, ...]] = {}

    def month(self, month: Month) -> MonthlyMaps:
        """Return what can be made of a month."""
        soil_moisture = (*self._target_lacks(month), *self._feature_lacks(month))
        sif = self._sif_lacks(month) if self.store.region.sif else None
        with_sif = sif == () and SIF in self.store.standard
        best = Verdict.WITH_SIF if with_sif else Verdict.WITHOUT_SIF
        return MonthlyMaps(
            month=month,
            verdict=Verdict.NONE if soil_moisture else best,
            soil_moisture=soil_moisture,
            sif=sif,
            patchy=tuple(
                holding.product
                for holding in self.holdings.values()
                if holding.features and 0 < holding.count([month]).share < 1
            ),
        )

    def _target_lacks(self, month: Month) -> Sequence[Lack]:
        source = self.store.region.soil_moisture
        known = isinstance(source, str)
        product = source if isinstance(source, str) else source.product
        if self.holdings[product].count([month]).share >= (MIN_SHARE if known else 1):
            return ()
        rule = f"{100 * MIN_SHARE:g} % are needed" if known else ""
        return (self._lack((product,), month, rule, (SOIL_MOISTURE,)),)

    def _feature_lacks(self, month: Month) -> Sequence[Lack]:
        """Return what stands in the way of features; those of the same products are together."""
        lacking: dict[tuple[tuple[str, ...], str], list[str]] = {}
        for name in self.store.standard:
            feature = self.store.features[name]
            if feature.time != "reconstructed" and (blamed := self._blamed(feature, month)):
                lacking.setdefault((blamed, self._rule(feature)), []).append(name)
        return [
            self._lack(products, month, rule, names) for (products, rule), names in lacking.items()
        ]

    def _blamed(self, feature: Feature, month: Month) -> tuple[str, ...]:
        """Return the products for want of which a feature cannot be made; empty if it can."""
        predictor = self.own.get(feature.name)
        if predictor is not None:
            there = is_there(predictor, self.store.archive.root, month)
            return () if there else (predictor.name,)
        if feature.memory is None:
            return self._wanting(feature, month.period)
        remembered = FEATURES[feature.memory.feature]
        lags = [lag for lag, weight in enumerate(feature.memory.weights) if weight]
        spans = [month.shift(-lag).period for lag in lags]
        return next(filter(None, (self._wanting(remembered, span) for span in spans)), ())

    def _wanting(self, feature: Feature, span: Period) -> tuple[str, ...]:
        """Return the products that a feature lacks in a span; empty if it has what it needs."""
        key = (*feature.products, feature.time, span)
        if key not in self._known:
            self._known[key] = self._asked(feature, span)
        return self._known[key]

    def _asked(self, feature: Feature, span: Period) -> tuple[str, ...]:
        try:
            sources = self.finder.find(feature, span, str(span.start), bridging=False)
        except MissingDataError as error:
            would_do = self.finder.would_do(feature)
            return would_do if error.product in would_do else (error.product,)
        holding = self.holdings[sources.product]
        enough = holding.count().complete or not holding.indivisible
        there = enough and any(map(holding.wants, sources.granules))
        return () if there else (sources.product,)

    def _sif_lacks(self, month: Month) -> tuple[Lack, ...]:
        """Return what stands in the way of SIF: predictors, or the coarse SIF, of too few days."""
        sif = FEATURES[SIF].model_copy(update={"time": "mean"})
        days: Counter[tuple[str, ...]] = Counter()
        for period in eight_day_periods(month.period):
            shared = period.shared_days(month.period)
            wanting = {self._wanting(one, period) for one in (sif, *SIF_PREDICTORS.values())}
            for products in wanting - {()}:
                days[products] += shared
        return tuple(
            self._lack(products, month, "half of the days are needed", (SIF,))
            for products, lost in days.items()
            if month.days - lost < SIF_DAYS * month.days
        )

    def _lack(
        self, products: tuple[str, ...], month: Month, rule: str, features: Sequence[str]
    ) -> Lack:
        count = self.holdings[products[0]].count([month])
        return Lack(products=products, count=count, rule=rule, features=tuple(features))

    def _rule(self, feature: Feature) -> str:
        """Say how much of a product a feature needs, where one file is not enough."""
        holding = self.holdings.get(self.finder.either(feature)[0])
        if holding is not None and holding.indivisible:
            return "one for each variable is needed"
        if feature.memory is not None:
            return "every day of earlier months is needed, too"
        rules = {"every-day": "every day is needed", "yearly": "an earlier year would do"}
        return rules.get(feature.time, "")
