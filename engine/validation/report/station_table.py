"""The table of all stations: every product side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.validation.fields import BILINEAR, LABELS, MAP, RAW, SMAP, WITHOUT_SIF
from engine.validation.numbers import NONE, number
from engine.validation.skill import verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.validation.findings import StationFindings
    from engine.validation.skill import Estimates

COLUMNS = {
    "r": "R",
    "anomaly_r": "R of anomalies",
    "bias": "Bias",
    "rmse": "RMSE",
    "ubrmse": "ubRMSE",
    "mae": "MAE",
    "slope": "Slope",
}
"""Metrics of the table, and their headings."""
_SHOWN = (MAP, RAW, WITHOUT_SIF, SMAP, BILINEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow:
    """One product at one station."""

    label: str
    numbers: Sequence[tuple[str, str]]
    """Values and their bounds, in the order of ``COLUMNS``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRows:
    """One station."""

    name: str
    place: str
    """Coordinates, depth, land cover."""
    months: str
    """Common months, and how well it stands for others."""
    verdict: str
    """On the map's ubRMSE against SMAP's; empty without numbers."""
    why: str
    """Why it is in no summary, or has no numbers."""
    products: Sequence[ProductRow]
    """None where there are too few months."""


def station_table(found: StationFindings) -> list[StationRows]:
    """Return the stations: those of the summary first, then by name."""
    order = sorted(
        range(len(found.pairs.sites)),
        key=lambda k: (bool(found.why_not[k]), found.pairs.sites[k].name),
    )
    judged = found.skill.differences.get(MAP, {}).get("ubrmse")
    all_verdicts = None if judged is None else verdicts("ubrmse", judged)
    return [
        _station(found, site, "" if all_verdicts is None else all_verdicts[site].value)
        for site in order
    ]


def _station(found: StationFindings, site: int, verdict: str) -> StationRows:
    one = found.pairs.sites[site]
    cover = found.pairs.cover[site].replace("_", " and ")
    depth = f"{100 * one.depth[0]:g}–{100 * one.depth[1]:g} cm"
    has_numbers = math.isfinite(float(found.skill.products[MAP].metrics["ubrmse"].value[site]))
    months = f"{int(found.pairs.pairs[site])} months"
    r = float(found.representative_r[site])
    stands = f"{found.representativeness[site]} ({number(r, 'r')})" if math.isfinite(r) else ""
    return StationRows(
        name=one.name,
        place=", ".join(filter(None, (f"{one.lat:.3f}", f"{one.lon:.3f}", depth, cover))),
        months=", ".join(filter(None, (months, stands))),
        verdict=verdict if has_numbers else "",
        why=found.why_not[site],
        products=_products(found, site) if has_numbers else [],
    )


def _products(found: StationFindings, site: int) -> list[ProductRow]:
    skills = found.skill.products
    return [
        ProductRow(
            label=LABELS[name],
            numbers=[_bounded(skills[name].metrics[metric], metric, site) for metric in COLUMNS],
        )
        for name in _SHOWN
        if name in skills
    ]


def _bounded(estimates: Estimates, metric: str, site: int) -> tuple[str, str]:
    value, low, high = (
        float(array[site]) for array in (estimates.value, estimates.lower, estimates.upper)
    )
    if not math.isfinite(value):
        return NONE, ""
    known = math.isfinite(low)
    bounds = f"[{number(low, metric)}, {number(high, metric)}]" if known else ""
    return number(value, metric), bounds
