"""What must be known of a product to read its counts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from engine.features import FEATURES, SIF_PREDICTORS
from engine.months import Month

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from engine.archive import Archive
    from engine.features import Feature, Partner
    from engine.granules import Granule
    from engine.months import Period
    from engine.products.spec import ProductSpec


def notes_on(
    spec: ProductSpec, archive: Archive, periods: Sequence[Period | None]
) -> tuple[str, ...]:
    """Say what a product stands in for, and in which months its files are not alike.

    Parameters
    ----------
    spec
        The product.
    archive
        What is there of it, and of others.
    periods
        The periods asked for.
    """
    granules = archive.granules(spec.id)
    return (
        *_substitutes(spec, granules, periods),
        *_alternatives(spec, archive),
        *_mixtures(spec, granules, periods),
    )


def exchangeable() -> frozenset[str]:
    """Return the products of which an archive has the one or the other."""
    pairs = ((one.product, one.instead) for one in _sources() if one.instead)
    return frozenset(name for pair in pairs for name in pair if name)


def versions_by_month(granules: Iterable[Granule]) -> Mapping[Month, frozenset[str]]:
    """Return the versions of some granules, by month."""
    found: dict[Month, set[str]] = defaultdict(set)
    for granule in granules:
        if granule.period is not None and granule.version is not None:
            found[Month.of(granule.period.start)].add(granule.version)
    return {month: frozenset(versions) for month, versions in found.items()}


def _sources() -> Iterator[Feature | Partner]:
    """Yield what features come from, first and second products alike."""
    for feature in (*FEATURES.values(), *SIF_PREDICTORS.values()):
        yield feature
        if feature.partner is not None:
            yield feature.partner


def _substitutes(
    spec: ProductSpec, granules: Iterable[Granule], periods: Iterable[Period | None]
) -> list[str]:
    """Say what a product stands in for, and which year stands in for another."""
    replaced = sorted({one.product for one in FEATURES.values() if one.otherwise == spec.id})
    notes = [f"stands in for {name}" for name in replaced]
    if spec.period == "year":
        there = {granule.period.start.year for granule in granules if granule.period}
        for year in sorted({one.start.year for one in periods if one} - there):
            earlier = max((one for one in there if one < year), default=None)
            notes += [f"{earlier} stands in for {year}"] if earlier else []
    return notes


def _alternatives(spec: ProductSpec, archive: Archive) -> list[str]:
    """Say of what an archive may be made instead of another whether it is."""
    first = sorted({one.product for one in _sources() if one.instead == spec.id})
    if not archive.has(spec.id):
        return []
    return [
        f"not used, since {name} is there, and the two are not mixed"
        if archive.has(name)
        else f"taken instead of {name}"
        for name in first
    ]


def _mixtures(
    spec: ProductSpec, granules: Iterable[Granule], periods: Iterable[Period | None]
) -> list[str]:
    """Say which months mix science versions, of a product of which a month has many files."""
    if spec.files_per_day == 1:
        return []
    months = {Month.of(period.start) for period in periods if period}
    return [
        f"{month} mixes the science versions {', '.join(sorted(versions))}"
        for month, versions in sorted(versions_by_month(granules).items())
        if month in months and len(versions) > 1
    ]
