"""What an archive holds of what a region's maps need: product by product, month by month."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from engine.archive import soil_moisture_months
from engine.errors import InputError, MissingDataError
from engine.feature_sources import SourceFinder
from engine.features import FEATURES, PRESETS, SIF_PREDICTORS
from engine.inventory.notes import exchangeable, notes_on
from engine.inventory.periods import expected_periods
from engine.inventory.tiles import tiles_of
from engine.months import Month, Period, month_range
from engine.own_features import own_exists
from engine.predictors import predictor_path
from engine.products import load_specs

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from engine.archive import Archive
    from engine.feature_store import FeatureStore
    from engine.granules import Granule
    from engine.predictors import UserPredictor
    from engine.products.spec import ProductSpec, Span
    from engine.region import CoarseField, Region

type Cycle = Span | Literal["month"]
"""How often there is something new of a product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Files that are there, of those that should be."""

    found: int
    """Files that are there."""
    expected: int
    """Files of a complete archive."""

    @property
    def share(self) -> float:
        """Share that is there, 0 to 1."""
        return self.found / self.expected if self.expected else 0.0

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.found >= self.expected

    def __str__(self) -> str:
        return f"{self.found} of {self.expected} {'file' if self.expected == 1 else 'files'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The place of one file, or of a day's files, in a complete archive."""

    period: Period | None
    """Days that it stands for; None for static products."""
    tile: str | None
    """Its tile, where the product has tiles."""
    count: Count
    """What is there of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What an archive holds of one product."""

    product: str
    """Identifier of the product spec, or name of a region's own file."""
    title: str
    """Full name."""
    cycle: Cycle
    """How often there is something new."""
    slots: tuple[Slot, ...]
    """Places of the files that share a day with the months asked for, in order of time."""
    tiles: tuple[str, ...] = ()
    """Tiles that the area needs; empty where there are none."""
    features: tuple[str, ...] = ()
    """What it is for, among the features that maps have by default."""
    needed: bool = False
    """Whether no map is made by default where it is missing."""
    indivisible: bool = False
    """Whether a part of its files is of no use, since each holds another variable."""
    notes: tuple[str, ...] = ()
    """What must be known to read the counts."""

    def count(self, months: Iterable[Month] | None = None) -> Count:
        """Return what is there for some months, or for all, each file counted once."""
        chosen = self._of(months)
        return Count(
            found=sum(slot.count.found for slot in chosen),
            expected=sum(slot.count.expected for slot in chosen),
        )

    def missing(self, months: Iterable[Month] | None = None) -> tuple[Slot, ...]:
        """Return the places that are not full."""
        return tuple(slot for slot in self._of(months) if not slot.count.complete)

    def wants(self, granule: Granule) -> bool:
        """Tell whether a granule lies on one of the tiles that the area needs."""
        return not self.tiles or granule.tile is None or granule.tile in self.tiles

    def _of(self, months: Iterable[Month] | None) -> Sequence[Slot]:
        if months is None:
            return self.slots
        periods = [month.period for month in months]
        return [
            slot
            for slot in self.slots
            if slot.period is None or any(slot.period.shared_days(one) for one in periods)
        ]


def months_seen(archive: Archive, region: Region) -> tuple[Month, ...]:
    """Return every month from the first to the last that an archive has anything for.

    A composite that straddles two months is evidence of neither, and a yearly map of none, unless
    there is nothing else.

    Raises
    ------
    InputError
        Where nothing in the archive has a date.
    """
    timed = [
        granule.period
        for product in load_specs()
        for granule in archive.granules(product)
        if granule.period is not None
    ]
    ends = [(Month.of(one.start), Month.of(one.end - timedelta(days=1))) for one in timed]
    months = {first for first, last in ends if first == last}
    if not isinstance(region.soil_moisture, str):
        months |= set(soil_moisture_months(archive, region.soil_moisture))
    months = months or {month for both in ends for month in both}
    if not months:
        wrong = "nothing in the archive has a date, so its months are unknown"
        raise InputError("datetime", wrong, "an interval of months, YYYY-MM/YYYY-MM")
    return month_range(min(months), max(months))


def check_archive(archive: Archive, region: Region) -> None:
    """Refuse a folder that cannot be read, or that holds no file of any product.

    Raises
    ------
    InputError
        Which of the two it is.
    """
    root = archive.root
    if not root.is_dir():
        raise InputError("archive", f"there is no folder {root}", "a folder of granules")
    if not os.access(root, os.R_OK | os.X_OK):
        raise InputError("archive", f"{root} cannot be read", "a folder that may be read")
    if any(archive.has(product) for product in load_specs()) or _has_own(archive, region):
        return
    files = sum(len(names) for _, _, names in os.walk(root, followlinks=True))
    wrong = f"{root} holds no file"
    if files:
        wrong = f"no name of the {files} files in {root} is that of a known product"
    products = ", ".join(load_specs())
    raise InputError("archive", wrong, f"published files of {products}, or a region's own files")


def _has_own(archive: Archive, region: Region) -> bool:
    source = region.soil_moisture
    if not isinstance(source, str) and soil_moisture_months(archive, source):
        return True
    return any(own_exists(predictor, archive.root) for predictor in region.predictors)


def holdings(store: FeatureStore, months: Sequence[Month]) -> tuple[Holding, ...]:
    """Count what an archive holds for a region's area in some months.

    Parameters
    ----------
    store
        Knows archive, region and the features that maps have by default.
    months
        The months, in order, without gaps.

    Returns
    -------
    tuple of Holding
        The coarse soil moisture, then what no map can do without, then the others. A product
        that is neither there nor of use to the region is left out, unless the region's features
        are all that there are.
    """
    span = Period(months[0].first_day, months[-1].period.end)
    uses = _uses(store)
    known = [
        _of_product(store, spec, span, uses.get(spec.id, {}))
        for spec in load_specs().values()
        if store.archive.has(spec.id) or spec.id in uses or _is_listed(spec, store)
    ]
    own = _own_holdings(store, months)
    names = {holding.product for holding in own}
    found = [*own, *(holding for holding in known if holding.product not in names)]
    target = _target_name(store.region)
    return tuple(sorted(found, key=lambda one: _rank(one, target)))


def _is_listed(spec: ProductSpec, store: FeatureStore) -> bool:
    """Tell whether a product is listed that is neither there nor of use, so that one sees it."""
    return store.region.features is None and spec.id not in exchangeable()


def _rank(holding: Holding, target: str) -> tuple[bool, bool, bool]:
    return (holding.product != target, not holding.needed, not holding.features)


def _target_name(region: Region) -> str:
    source = region.soil_moisture
    return source if isinstance(source, str) else source.product


# What products are for

type Uses = Mapping[str, Mapping[str, bool]]
"""For each product the features that it serves, and whether they are made by default."""

SOIL_MOISTURE = "soil_moisture"
"""Stands for the target among the features that a product serves."""


def _uses(store: FeatureStore) -> Uses:
    own = {name for predictor in store.region.predictors for name in predictor.features}
    finder = SourceFinder(store.archive)
    uses: dict[str, dict[str, bool]] = {}
    if isinstance(store.region.soil_moisture, str):
        uses[store.region.soil_moisture] = {SOIL_MOISTURE: True}
    standard = set(store.standard)
    for name in (*store.standard, *store.lacking):
        feature = FEATURES.get(name)
        if feature is None or name in own:
            continue
        sif = feature.time == "reconstructed"
        if sif and not store.region.sif:
            continue
        sources = [feature, *SIF_PREDICTORS.values()] if sif else [feature]
        for product in (product for source in sources for product in finder.candidates(source)):
            uses.setdefault(product, {})[name] = name in standard
    return uses


def _is_needed(spec: ProductSpec, uses: Mapping[str, bool], store: FeatureStore) -> bool:
    """Tell whether a product's absence is an error, which is not so of one that has a stand-in."""
    needed = [name for name, made in uses.items() if made]
    if store.region.features is None:
        needed = [name for name in needed if name in PRESETS["core"] or name == SOIL_MOISTURE]
    stand_ins = {feature.otherwise for feature in FEATURES.values()}
    return bool(needed) and spec.id not in stand_ins


# Products that have a spec


def _of_product(
    store: FeatureStore, spec: ProductSpec, span: Period, uses: Mapping[str, bool]
) -> Holding:
    granules = store.archive.granules(spec.id)
    tiles = tiles_of(spec, store.area, {one.tile for one in granules if one.tile})
    periods, notes = expected_periods(spec, granules, span)
    found = _found(spec, granules, tiled=bool(tiles.needed))
    slots = tuple(
        _slot(spec, period, tile, found) for period in periods for tile in (tiles.needed or (None,))
    )
    if tiles.slivers and granules:
        share = f"{100 * sum(tiles.slivers.values()):.1g} % of the area"
        notes.append(f"{', '.join(sorted(tiles.slivers))} not counted: {share}")
    return Holding(
        product=spec.id,
        title=spec.title,
        cycle=spec.period,
        slots=slots,
        tiles=tiles.needed,
        features=tuple(uses),
        needed=_is_needed(spec, uses, store),
        indivisible="variable" in spec.pattern.groupindex,
        notes=(*notes, *notes_on(spec, store.archive, periods)),
    )


type _Key = tuple[date | None, str | None]


def _found(spec: ProductSpec, granules: Iterable[Granule], *, tiled: bool) -> Mapping[_Key, int]:
    """Count distinct files by first day and tile; pieces of one variable count once."""
    keys = {
        (
            granule.period.start if granule.period else None,
            granule.tile if tiled else None,
            _part(spec, granule),
        )
        for granule in granules
    }
    return Counter((start, tile) for start, tile, _ in keys)


def _part(spec: ProductSpec, granule: Granule) -> str | None:
    """Return what tells apart the files of one day and tile."""
    groups = spec.pattern.groupindex
    if not {"time", "variable"} & set(groups):
        return None
    match = spec.match(granule.path)
    parts = match.groupdict() if match else {}
    return parts.get("time") or parts.get("variable")


def _slot(
    spec: ProductSpec, period: Period | None, tile: str | None, found: Mapping[_Key, int]
) -> Slot:
    variables = len(spec.variables) if "variable" in spec.pattern.groupindex else 1
    expected = spec.files_per_day * variables
    there = found.get((period.start if period else None, tile), 0)
    return Slot(
        period=period, tile=tile, count=Count(found=min(there, expected), expected=expected)
    )


# Files of a region's own


def _own_holdings(store: FeatureStore, months: Sequence[Month]) -> list[Holding]:
    region, archive = store.region, store.archive
    wanted = set(store.standard)
    predictors = [_of_predictor(one, archive.root, months, wanted) for one in region.predictors]
    if isinstance(region.soil_moisture, str):
        return predictors
    return [_of_coarse_field(archive, region.soil_moisture, months), *predictors]


def _of_coarse_field(archive: Archive, source: CoarseField, months: Sequence[Month]) -> Holding:
    there = set(soil_moisture_months(archive, source))
    return Holding(
        product=source.product,
        title=source.title,
        cycle="month",
        slots=tuple(_own_slot(month.period, there=month in there) for month in months),
        features=(SOIL_MOISTURE,),
        needed=True,
        notes=() if source.monthly else ("one file; its months are counted",),
    )


def _of_predictor(
    predictor: UserPredictor, root: Path, months: Sequence[Month], wanted: Container[str]
) -> Holding:
    times: Sequence[Month | None] = months if predictor.monthly else (None,)
    features = tuple(name for name in predictor.features if name in wanted)
    return Holding(
        product=predictor.name,
        title=predictor.long_name or predictor.name,
        cycle="month" if predictor.monthly else "static",
        slots=tuple(
            _own_slot(month.period if month else None, there=is_there(predictor, root, month))
            for month in times
        ),
        features=features,
        needed=bool(features),
    )


def _own_slot(period: Period | None, *, there: bool) -> Slot:
    return Slot(period=period, tile=None, count=Count(found=int(there), expected=1))


def is_there(predictor: UserPredictor, root: Path, month: Month | None) -> bool:
    """Tell whether an archive has a predictor's file, for a month if it is monthly."""
    try:
        predictor_path(predictor, root, month)
    except MissingDataError:
        return False
    return True
