"""Everything that a validation finds, in one value; see :func:`assess`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.progress import span
from engine.validation import behaviour
from engine.validation.fields import (
    COMPANIONS,
    MAP,
    PRODUCTS,
    SMAP,
    gather,
    products_of,
)
from engine.validation.findings import station_findings
from engine.validation.gridded import MapComparison
from engine.validation.matching import Cover
from engine.validation.sites import site_months
from engine.validation.texture import variogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.comparison import ComparisonProduct
    from engine.months import Month
    from engine.progress import Progress
    from engine.regrid import WeightCache
    from engine.validation.behaviour import Correlations, Lagged, RainResponse
    from engine.validation.fields import FieldSource, Gathered, Lack
    from engine.validation.findings import StationFindings
    from engine.validation.gridded import GriddedComparison
    from engine.validation.rules import Rules
    from engine.validation.sites import SiteMonths
    from engine.validation.stations import Calendar, SensorDays

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
    lacks: tuple[Lack, ...]
    """What was not there, of all that was asked for."""


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
    results = [one.result(rules) for one in comparisons]
    gridded = tuple(one for one in results if one is not None)
    empty = [one.lack() for one, result in zip(comparisons, results, strict=True) if not result]
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
        lacks=(*source.lacks, *empty),
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
