"""The same metrics for parts of the sites and of the year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from engine.validation.metrics import agreement
from engine.validation.rules import SEASONS
from engine.validation.summary import Summary, summarised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from engine.validation.matching import Matched
    from engine.validation.rules import Rules
    from engine.validation.skill import Skill

    type Floats = NDArray[np.float64]
    type Flags = NDArray[np.bool_]
    type Kind = Literal["land cover", "season", "year"]

METRICS = ("r", "bias", "rmse", "ubrmse")
"""What is told of a stratum."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stratum:
    """A part of the sites, or of the months."""

    kind: Kind
    name: str
    """Such as ``crop``, ``JJA`` or ``2020``."""
    sites: int
    """Sites with enough pairs in it."""
    pairs: int
    """Pairs of map and station in it."""
    why_not: str
    """Why there is no summary; empty where there is one."""
    values: Mapping[str, Mapping[str, Floats]]
    """Each site's metrics, by product and metric, for those that have them."""
    summaries: Mapping[str, Mapping[str, Summary | None]]
    """By product and metric."""


def strata(
    pairs: Matched, skill: Skill, chosen: Flags, cells: NDArray[np.integer], rules: Rules
) -> tuple[Stratum, ...]:
    """Summarise by land cover, season and year.

    Parameters
    ----------
    pairs
        Reference and products.
    skill
        Their metrics over all months, for land cover.
    chosen
        ``(sites,)`` those that enter summaries.
    cells
        ``(sites,)`` their 9 km cells.
    rules
        Pairs and sites that a number needs.
    """
    found = [*_covers(pairs, skill, chosen, cells, rules)]
    calendar = pairs.calendar
    years = np.array([month.year for month in pairs.months])
    parts: list[tuple[Kind, str, Flags]] = [
        ("season", name, np.isin(calendar, months)) for name, months in SEASONS.items()
    ]
    parts += [("year", str(year), years == year) for year in np.unique(years)]
    for kind, name, months in parts:
        part = pairs.at(chosen, months)
        values = {
            product: {
                metric: getattr(agreement(x, part.reference, rules.pairs), metric)
                for metric in METRICS
            }
            for product, x in part.products.items()
        }
        found.append(
            _stratum(kind, name, counts=part.pairs, values=values, cells=cells[chosen], rules=rules)
        )
    return tuple(found)


def _covers(
    pairs: Matched, skill: Skill, chosen: Flags, cells: NDArray[np.integer], rules: Rules
) -> Iterator[Stratum]:
    cover = np.array(pairs.cover)
    for name in sorted(set(pairs.cover) - {""}):
        mine = chosen & (cover == name)
        values = {
            product: {metric: found.metrics[metric].value[mine] for metric in METRICS}
            for product, found in skill.products.items()
        }
        yield _stratum(
            "land cover",
            name,
            counts=pairs.pairs[mine],
            values=values,
            cells=cells[mine],
            rules=rules,
        )


def _stratum(
    kind: Kind,
    name: str,
    *,
    counts: NDArray[np.int64],
    values: Mapping[str, Mapping[str, Floats]],
    cells: NDArray[np.integer],
    rules: Rules,
) -> Stratum:
    enough = int((counts >= rules.pairs).sum())
    why_not = ""
    if enough < rules.sites:
        why_not = (
            f"{enough} stations have {rules.pairs} months or more in it; a summary needs "
            f"{rules.sites}"
        )
    return Stratum(
        kind=kind,
        name=name,
        sites=enough,
        pairs=int(counts.sum()),
        why_not=why_not,
        values=values,
        summaries={
            product: {metric: summarised(one, cells, rules) for metric, one in metrics.items()}
            for product, metrics in values.items()
        },
    )
