"""What stations say of maps: metrics, comparisons with SMAP, strata, reliability."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.fields import LOWER, MAP, PRODUCTS, SMAP, UPPER, WITHOUT_SIF
from engine.validation.matching import matched, summary_reasons
from engine.validation.pooling import month_by_month, pooled
from engine.validation.reliability import gains, reliability, representative
from engine.validation.scaled import scaled_summaries
from engine.validation.skill import site_skill
from engine.validation.strata import strata
from engine.validation.summary import cells_of, paired, summaries
from engine.validation.triples import triple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.validation.fields import Gathered
    from engine.validation.gridded import GriddedComparison
    from engine.validation.matching import Cover, Matched
    from engine.validation.pooling import Pooled
    from engine.validation.reliability import Gain, Reliability
    from engine.validation.rules import Rules
    from engine.validation.sites import SiteMonths
    from engine.validation.skill import Skill
    from engine.validation.strata import Stratum
    from engine.validation.summary import Paired, Summary
    from engine.validation.triples import Triple

    type Floats = NDArray[np.float64]
    type Flags = NDArray[np.bool_]


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
    sif: tuple[Paired, ...]
    """The map against the one made without fluorescence, at the headline's sites."""
    scaled: Mapping[str, Mapping[str, Summary | None]]
    """Errors of products that were given each station's mean and spread."""
    groups: tuple[Group, ...]
    """The first one is the headline."""
    monthly: Mapping[str, Pooled]
    """``(months,)`` over the headline's sites, by product."""
    pooled: Mapping[str, Pooled]
    """``()`` over all their pairs, by product."""
    strata: tuple[Stratum, ...]
    reliability: Reliability | None
    gain: Gain | None
    triples: tuple[Triple, ...]

    @property
    def headline(self) -> Group:
        """The sites that the main numbers are of."""
        return self.groups[0]

    @property
    def representativeness(self) -> tuple[str, ...]:
        """``(sites,)`` how well each stands for those around it, in words."""
        return tuple(
            "unknown" if math.isnan(r) else "representative" if stands else "on its own"
            for r, stands in zip(self.representative_r, self.representative, strict=True)
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
        sif=_worth_of_sif(pairs, chosen, cells, rules),
        scaled=scaled_summaries(headline, cells[chosen], rules),
        groups=groups,
        monthly={
            name: month_by_month(x, headline.reference, cells[chosen], rules)
            for name, x in headline.products.items()
        },
        pooled={
            name: pooled(x, headline.reference, cells[chosen], rules)
            for name, x in headline.products.items()
        },
        strata=strata(pairs, skill, chosen, cells, rules) if chosen.any() else (),
        reliability=reliability(headline, cells[chosen], rules) if chosen.any() else None,
        gain=gains(skill, MAP),
        triples=_triples(pairs, stations, gridded, chosen, rules),
    )


def _worth_of_sif(
    pairs: Matched, chosen: Flags, cells: NDArray[np.integer], rules: Rules
) -> tuple[Paired, ...]:
    """Compare the map with the one made without fluorescence, month by month at the same sites."""
    if WITHOUT_SIF not in pairs.products or not chosen.any():
        return ()
    both = {name: pairs.products[name] for name in (MAP, WITHOUT_SIF)}
    return paired(
        site_skill(replace(pairs, products=both), rules, WITHOUT_SIF), chosen, cells, rules
    )


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
