"""What a region's maps need of each product, and what of it an archive lacks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.feature_sources import SourceFinder
from engine.features import FEATURES, PRESETS, SIF_PREDICTORS
from engine.inventory.notes import versions_by_month
from engine.inventory.tiles import shares_of, tiles_of
from engine.months import Month, Period, eight_day_periods
from engine.products.names import identity
from engine.products.spec import spec_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from odc.geo.geobox import GeoBox

    from engine.archive import Archive
    from engine.features import Feature
    from engine.granules import Granule
    from engine.products.spec import ProductSpec
    from engine.region import Region
    from processes.fetch.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The place of one file, or of a day's files, in an archive."""

    start: date | None
    """First day that it stands for; None for what has no time."""
    tile: str | None
    """Its tile, where there are tiles."""

    def __str__(self) -> str:
        parts = (self.start.isoformat() if self.start else None, self.tile)
        return " ".join(part for part in parts if part) or "the whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted of one product."""

    source: Source
    """Where it is to be had."""
    spec: ProductSpec
    """The product."""
    area: GeoBox
    """Fine grid of the region."""
    span: Period
    """Days that matter."""
    lacking: Mapping[Place, int]
    """Files that the archive lacks, by place, in order of time."""
    there: frozenset[tuple[object, ...]]
    """Identities of what it has."""
    versions: Mapping[Month, frozenset[str]]
    """Versions of what it has, by month, where each month has many files."""

    @property
    def places(self) -> int:
        """How many files are lacking."""
        return sum(self.lacking.values())

    @property
    def tiles(self) -> tuple[str, ...]:
        """Tiles that anything is lacking of."""
        return tuple(sorted({place.tile for place in self.lacking if place.tile}))

    @property
    def dates(self) -> Period | None:
        """The days from the first to the last that anything is lacking of."""
        starts = [place.start for place in self.lacking if place.start]
        return Period(min(starts), max(starts) + timedelta(days=1)) if starts else None

    def takes(self, granule: Granule) -> bool:
        """Tell whether an archive lacks a granule, and it is of use."""
        return self.place(granule) in self.lacking and self.key(granule) not in self.there

    def place(self, granule: Granule) -> Place:
        """Return where a granule belongs."""
        start = granule.period.start if granule.period else None
        return Place(start=start, tile=granule.tile if self.source.tiling else None)

    def key(self, granule: Granule) -> tuple[object, ...]:
        """Return what the versions of one observation share."""
        return identity(granule, self.spec)


def needed_products(
    region: Region, sources: Mapping[str, Source], archive: Archive | None = None
) -> tuple[str, ...]:
    """Return the sources of what a region's maps are made of by default, as far as any are known.

    A product that stands in for another is not among them, unless the archive is made of it.
    """
    own = {name for predictor in region.predictors for name in predictor.features}
    named = PRESETS["standard"] if region.features is None else region.features
    features = [FEATURES[name] for name in named if name in FEATURES and name not in own]
    if region.sif:
        features += [FEATURES["sif"], *SIF_PREDICTORS.values()]
    else:
        features = [one for one in features if one.time != "reconstructed"]
    products: set[str | None] = {one.product for one in features}
    products |= {one.partner.product for one in features if one.partner}
    if archive is not None:
        finder = SourceFinder(archive)
        products = {name for one in features for name in _first_of(one, finder)}
    if isinstance(region.soil_moisture, str):
        products.add(region.soil_moisture)
    return tuple(name for name in sources if name in products)


def _first_of(feature: Feature, finder: SourceFinder) -> tuple[str | None, ...]:
    """Return the products that an archive is to have of a feature."""
    return (finder.either(feature)[0], finder.partner(feature))


def chosen_products(
    names: Iterable[str] | None,
    region: Region,
    sources: Mapping[str, Source],
    archive: Archive | None = None,
) -> tuple[str, ...]:
    """Return the products that were named, or those that the region needs.

    Raises
    ------
    InputError
        Where one is not known.
    """
    if names is None:
        return needed_products(region, sources, archive)
    by_fold = {name.casefold(): name for name in sources}
    chosen = []
    for name in names:
        if name.casefold() not in by_fold:
            raise InputError("products", f"there is no {name!r}", ", ".join(sources))
        chosen.append(by_fold[name.casefold()])
    _check_alternatives(chosen, sources)
    return tuple(dict.fromkeys(chosen))


def _check_alternatives(names: Iterable[str], sources: Mapping[str, Source]) -> None:
    """Refuse two sources of one product."""
    by_product: dict[str, str] = {}
    for name in names:
        other = by_product.setdefault(sources[name].product, name)
        if other != name:
            raise InputError(
                "products", f"{other} and {name} are two sources of one", "one of them"
            )


def want(
    source: Source, archive: Archive | None, region: Region, months: Sequence[Month]
) -> Wanted:
    """Compare what some months need of a product with what an archive has.

    Raises
    ------
    InputError
        Where the product begins after the months, or had ended before.
    """
    spec = spec_of(source.product)
    area = region.area()
    span = Period(months[0].first_day, months[-1].period.end)
    _check_times(source, spec, months)
    granules = archive.granules(source.product) if archive else ()
    there = frozenset(identity(granule, spec) for granule in granules)
    found: dict[Place, int] = {}
    for granule in granules:
        start = granule.period.start if granule.period else None
        place = Place(start=start, tile=granule.tile if source.tiling else None)
        found[place] = found.get(place, 0) + 1
    each = spec.files_per_day * _parts(spec)
    lacking = {
        place: each - found.get(place, 0)
        for place in _places(source, spec, area, span, {one.tile for one in granules if one.tile})
        if found.get(place, 0) < each
    }
    return Wanted(
        source=source,
        spec=spec,
        area=area,
        span=span,
        lacking=lacking,
        there=there,
        versions=versions_by_month(granules) if spec.files_per_day > 1 else {},
    )


def _check_times(source: Source, spec: ProductSpec, months: Sequence[Month]) -> None:
    first, last = months[0], months[-1]
    if spec.period == "static":
        return
    if source.start is not None and last.period.end <= source.start:
        begins = f"{source.product} begins on {source.start}, after {last}"
        raise InputError("period", begins, f"months from {Month.of(source.start)} on")
    if source.end is not None and first.first_day > source.end:
        ended = f"{source.product} ended on {source.end}, before {first}"
        raise InputError("period", ended, f"months to {Month.of(source.end)}")


def _parts(spec: ProductSpec) -> int:
    """Return of how many files an observation consists, each with another variable."""
    return len(spec.variables) if "variable" in spec.pattern.groupindex else 1


def _places(
    source: Source, spec: ProductSpec, area: GeoBox, span: Period, there: set[str]
) -> Iterator[Place]:
    tiles: Sequence[str | None] = _tiles(source, spec, area, there) or (None,)
    for start in _starts(source, spec, span):
        for tile in tiles:
            yield Place(start=start, tile=tile)


def _tiles(source: Source, spec: ProductSpec, area: GeoBox, there: set[str]) -> Sequence[str]:
    if source.tiling is None:
        return ()
    if source.tiling == "sinusoidal":
        return tiles_of(spec, area, there).needed
    return sorted(shares_of(source.tiling, area))


def _starts(source: Source, spec: ProductSpec, span: Period) -> Iterator[date | None]:
    """Yield the first day of every file that a complete archive has."""
    if spec.period == "static":
        yield None
    elif spec.period == "year":
        last = (span.end - timedelta(days=1)).year
        yield from (date(year, 1, 1) for year in range(span.start.year, last + 1))
    elif spec.period == "8-day" or source.every_days == 8:
        yield from (period.start for period in eight_day_periods(span))
    else:
        days = range(0, span.days, source.every_days)
        yield from (span.start + timedelta(days=number) for number in days)
