"""Everything that a validation finds, in one value; see :func:`assess`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.progress import span
from engine.validation import behaviour
from engine.validation.fields import (
    COMPANIONS,
    LOWER,
    MAP,
    PRODUCTS,
    SMAP,
    UPPER,
    gather,
    products_of,
)
from engine.validation.gridded import MapComparison
from engine.validation.matching import Cover, matched, summary_reasons
from engine.validation.metrics import agreement
from engine.validation.reliability import gains, reliability, representative
from engine.validation.sites import site_months
from engine.validation.skill import site_skill
from engine.validation.strata import strata
from engine.validation.summary import cells_of, paired, summaries
from engine.validation.texture import variogram
from engine.validation.triples import triple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.comparison import ComparisonProduct
    from engine.months import Month
    from engine.progress import Progress
    from engine.regrid import WeightCache
    from engine.validation.behaviour import Correlations, Lagged, RainResponse
    from engine.validation.fields import FieldSource, Gathered
    from engine.validation.gridded import GriddedComparison
    from engine.validation.matching import Matched
    from engine.validation.metrics import Agreement
    from engine.validation.reliability import Gain, Reliability
    from engine.validation.rules import Rules
    from engine.validation.sites import SiteMonths
    from engine.validation.skill import Skill
    from engine.validation.stations import Calendar, SensorDays
    from engine.validation.strata import Stratum
    from engine.validation.summary import Paired, Summary
    from engine.validation.triples import Triple

    type Floats = NDArray[np.float64]
    type Flags = NDArray[np.bool_]

VARIOGRAM_LAGS = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 18, 24, 30, 40], dtype=np.int64)
"""Distances of the variograms, 1 km cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is validated, in words."""

    title: str
    """Name of the maps for people."""
    collection: str
    """Their collection."""
    region: str
    """Name of the region for people."""
    synthetic: bool
    """Whether maps and stations are made up."""
    details: Mapping[str, str]
    """What else the report shall say of the maps: model, settings, versions."""
    stations: tuple[str, ...]
    """Where stations come from, and what a reader should know of that."""
    coarse: str
    """Full name of the coarse soil moisture."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Sites that are summarised together."""

    name: str
    """Such as ``all``, ``representative``, ``0-10 cm``."""
    title: str
    chosen: Flags
    """``(sites,)``."""
    summaries: Mapping[str, Mapping[str, Summary | None]]
    """By product and metric; None where there are too few sites."""
    paired: tuple[Paired, ...]
    """Every product against SMAP."""

    @property
    def sites(self) -> int:
        """How many sites it has."""
        return int(self.chosen.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StationFindings:
    """What stations say."""

    pairs: Matched
    skill: Skill
    why_not: tuple[str, ...]
    """``(sites,)`` why a site enters no summary; empty where it does."""
    representative_r: Floats
    """``(sites,)`` correlation of its anomalies with those of all others."""
    representative: Flags
    groups: tuple[Group, ...]
    """The first one is the headline."""
    monthly: Mapping[str, Agreement]
    """``(months,)`` over the headline's sites, by product."""
    pooled: Mapping[str, Agreement]
    """``()`` over all their pairs, by product."""
    strata: tuple[Stratum, ...]
    reliability: Reliability | None
    gain: Gain | None
    triples: tuple[Triple, ...]

    @property
    def headline(self) -> Group:
        """The sites that the main numbers are of."""
        return self.groups[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changes:
    """How the maps change with time."""

    correlations: tuple[Correlations, ...]
    lagged: tuple[Lagged, ...]
    responses: tuple[RainResponse, ...]
    why_not: tuple[str, ...]
    """What could not be told, and why."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A month to be looked at."""

    month: Month
    why: str
    """Why this one."""
    products: Mapping[str, NDArray[np.floating]]
    """``(9 h, 9 w)`` the map, and SMAP as it is, m3 m-3."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assessment:
    """Everything."""

    subject: Subject
    rules: Rules
    grid: GeoBox
    months: tuple[Month, ...]
    found: Gathered
    stations: StationFindings | None
    """None where the request named no stations."""
    changes: Changes
    variograms: Mapping[str, Floats]
    """Of the mean maps at ``VARIOGRAM_LAGS``, by product."""
    gridded: tuple[GriddedComparison, ...]
    pictures: tuple[Picture, ...]


def assess(
    subject: Subject,
    source: FieldSource,
    calendar: Calendar,
    *,
    sensors: Iterable[SensorDays] | None,
    others: Sequence[ComparisonProduct],
    weights: WeightCache,
    rules: Rules,
    progress: Progress,
) -> Assessment:
    """Validate maps.

    Parameters
    ----------
    subject
        What they are, in words.
    source
        Gives their months.
    calendar
        Which months.
    sensors
        Daily means of stations; None leaves stations out.
    others
        Other maps to compare with.
    weights
        Between their grids and ours.
    rules
        Of matching.
    progress
        Told how far it is.

    Raises
    ------
    VadoseError
        Where a file is not what it should be.
    """
    months = calendar.months
    stations = None if sensors is None else site_months(sensors, source.grid, calendar, rules)
    cells = _cells(stations)
    comparisons = [MapComparison(one, source.grid, cells, len(months), weights) for one in others]
    found = gather(source, months, cells, comparisons, span(progress, 0.0, 0.8))
    results = (one.result(rules) for one in comparisons)
    gridded = tuple(one for one in results if one is not None)
    progress(0.8, "computing metrics and intervals")
    findings = None
    if stations is not None:
        cover = Cover.of(source.cover(), cells, rules)
        findings = station_findings(stations, found, cover, gridded, rules)
    progress(0.95, "looking at changes and texture")
    return Assessment(
        subject=subject,
        rules=rules,
        grid=source.grid,
        months=months,
        found=found,
        stations=findings,
        changes=changes_of(found, rules),
        variograms={
            name: variogram(np.asarray(found.means[name]), VARIOGRAM_LAGS)
            for name in PRODUCTS
            if name in found.means
        },
        gridded=gridded,
        pictures=tuple(_pictures(source, found)),
    )


def station_findings(
    stations: SiteMonths,
    found: Gathered,
    cover: Cover,
    gridded: Sequence[GriddedComparison],
    rules: Rules,
) -> StationFindings:
    """Compare all products with stations."""
    products = {name: found.at_sites[name] for name in PRODUCTS if name in found.at_sites}
    bounds = (found.at_sites.get(LOWER), found.at_sites.get(UPPER))
    pairs = matched(
        stations,
        found.months,
        products,
        cover,
        found.frozen,
        interval=None if bounds[0] is None or bounds[1] is None else (bounds[0], bounds[1]),
        rain=found.rain,
    )
    skill = site_skill(pairs, rules, SMAP if SMAP in products else None)
    why_not = summary_reasons(pairs, rules)
    r, stands = representative(pairs, rules)
    groups = _groups(pairs, skill, why_not, stands, rules)
    chosen = groups[0].chosen
    headline = pairs.at(chosen)
    cells = cells_of(pairs.sites)
    return StationFindings(
        pairs=pairs,
        skill=skill,
        why_not=why_not,
        representative_r=r,
        representative=stands,
        groups=groups,
        monthly={
            name: agreement(x.T, headline.reference.T, rules.pairs)
            for name, x in headline.products.items()
        },
        pooled={
            name: agreement(x.ravel(), headline.reference.ravel(), rules.pairs)
            for name, x in headline.products.items()
        },
        strata=strata(pairs, skill, chosen, cells, rules) if chosen.any() else (),
        reliability=reliability(headline, cells[chosen], rules) if chosen.any() else None,
        gain=gains(skill, MAP),
        triples=_triples(pairs, stations, gridded, chosen, rules),
    )


def changes_of(found: Gathered, rules: Rules) -> Changes:
    """Look at how maps change with time, as far as years and fields allow."""
    fields, calendar = behaviour.every_month(found.coarse, found.months)
    pairs = [(MAP, name) for name in (SMAP, *COMPANIONS)] + [(SMAP, "precipitation")]
    correlated = [
        behaviour.correlations(one, other, fields, calendar, rules, anomalies=anomalies)
        for one, other in pairs
        for anomalies in (False, True)
        if one in fields and other in fields
    ]
    lagged = [
        behaviour.lagged(one, other, fields, calendar, rules)
        for one, other in behaviour.PAIRS
        if one in fields and other in fields
    ]
    responses = [
        behaviour.rain_response(name, fields[name], fields["precipitation"], calendar, rules)
        for name in (MAP, SMAP)
        if name in fields and "precipitation" in fields
    ]
    return Changes(
        correlations=tuple(one for one in correlated if one is not None),
        lagged=tuple(one for one in lagged if one is not None),
        responses=tuple(one for one in responses if one is not None),
        why_not=tuple(_silent(fields, correlated, lagged, responses)),
    )


def _silent(
    fields: Mapping[str, Floats],
    correlated: Sequence[Correlations | None],
    lagged: Sequence[Lagged | None],
    responses: Sequence[RainResponse | None],
) -> list[str]:
    """Say what could not be told, and why."""
    names = {"precipitation": "rain", "ndvi": "NDVI", "sif": "fluorescence", SMAP: "SMAP"}
    reasons = [f"No {text} in the archive." for name, text in names.items() if name not in fields]
    if None in correlated or None in lagged:
        reasons.append("Anomalies need the same months of two years or more, and 10 of them.")
    if None in responses:
        reasons.append("Too few months were much wetter or drier than usual.")
    return reasons


def _pictures(source: FieldSource, found: Gathered) -> Iterator[Picture]:
    """Show the driest month, the wettest, and the one with the most rain."""
    wanted = {
        "the driest month": int(np.nanargmin(found.area_means)),
        "the wettest month": int(np.nanargmax(found.area_means)),
    }
    rain = found.coarse.get("precipitation")
    if rain is not None:
        falls = np.array([one[np.isfinite(one)].sum() for one in rain])
        if falls.any():
            wanted["the month with the most rain"] = int(np.argmax(falls))
    reasons: dict[int, list[str]] = {}
    for why, number in wanted.items():
        reasons.setdefault(number, []).append(why)
    for number, why_all in reasons.items():
        products = products_of(source.month(found.months[number]))
        yield Picture(
            month=found.months[number],
            why=" and ".join(why_all),
            products={name: products[name] for name in (MAP, SMAP) if name in products},
        )


def _cells(stations: SiteMonths | None) -> NDArray[np.int64]:
    sites = () if stations is None else stations.sites
    return np.array([(site.row, site.column) for site in sites], dtype=np.int64).reshape(-1, 2)


def _groups(
    pairs: Matched, skill: Skill, why_not: Sequence[str], stands: Flags, rules: Rules
) -> tuple[Group, ...]:
    enough = np.array([not why for why in why_not], np.bool_)
    primary = np.array([site.primary for site in pairs.sites], np.bool_)
    depths = [f"{100 * bottom:g}" for _, bottom in (rules.depth, rules.wider_depth)]
    wanted = (
        ("all", f"All stations, 0–{depths[0]} cm", enough & primary),
        ("representative", f"Representative stations, 0–{depths[0]} cm", enough & primary & stands),
        ("deeper", f"Stations with sensors to {depths[1]} cm", enough & ~primary),
    )
    cells = cells_of(pairs.sites)
    return tuple(
        Group(
            name=name,
            title=title,
            chosen=chosen,
            summaries=summaries(skill, chosen, cells, rules),
            paired=paired(skill, chosen, cells, rules),
        )
        for name, title, chosen in wanted
        if chosen.any() or name == "all"
    )


def _triples(
    pairs: Matched,
    stations: SiteMonths,
    gridded: Sequence[GriddedComparison],
    chosen: Flags,
    rules: Rules,
) -> tuple[Triple, ...]:
    """Try triple collocation at the station with the most months, once for each other map."""
    places = {site: k for k, site in enumerate(stations.sites)}
    best = max(np.flatnonzero(chosen), key=lambda k: int(pairs.pairs[k]), default=None)
    if best is None or MAP not in pairs.products:
        return ()
    site = pairs.sites[best]
    return tuple(
        triple(
            ("map", "station", other.spec.id),
            (pairs.products[MAP][best], pairs.reference[best], other.at_sites[places[site]]),
            rules,
        )
        for other in gridded
    )
