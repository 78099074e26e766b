"""What the numbers say, in sentences that do not claim more than they may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.fields import BILINEAR, CONSERVING, MAP, SMAP, WITHOUT_SIF
from engine.validation.numbers import difference, median_r, number, signed
from engine.validation.reliability import TARGET
from engine.validation.skill import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from engine.validation.assessment import Assessment
    from engine.validation.findings import Group, StationFindings
    from engine.validation.summary import Paired, Summary

YARDSTICK = 0.04
"""ubRMSE that the SMAP mission aimed at, m3 m-3."""
_CLEAN_EDGES = 0.05
"""How far an edge ratio may lie from 1."""
NAMES = {
    "r": "R",
    "anomaly_r": "R of anomalies",
    "ubrmse": "ubRMSE",
    "rmse": "RMSE",
    "mae": "MAE",
    "abs_bias": "size of the bias",
}
"""Metrics in words."""
_BASELINES = {SMAP: "SMAP's 9 km cells", WITHOUT_SIF: "the map without fluorescence"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence or two."""

    topic: str
    """What it is about."""
    text: str
    verdict: Verdict | None = None
    """Where it compares two products."""


def statements(assessment: Assessment) -> tuple[Statement, ...]:
    """Say what was found, the most important first."""
    return tuple(_statements(assessment))


def _statements(assessment: Assessment) -> Iterator[Statement]:
    stations = assessment.stations
    if stations is None:
        yield Statement(
            topic="stations", text="No station was asked for: nothing here is about accuracy."
        )
    else:
        yield from _about_stations(assessment, stations)
    yield from _about_texture(assessment)
    yield from _about_maps(assessment)
    if assessment.subject.synthetic:
        yield Statement(
            topic="synthetic",
            text="Maps and stations are synthetic: they show that the method works as it should, "
            "not how it does in the field.",
        )


def _about_stations(assessment: Assessment, found: StationFindings) -> Iterator[Statement]:
    group, rules = found.headline, assessment.rules
    if group.sites < rules.sites:
        yield Statement(
            topic="stations",
            text=f"{group.sites} of {len(found.pairs.sites)} stations within the map have enough "
            f"common months for a summary, and it needs {rules.sites}: the table says why for "
            "each. Nothing can be said of the maps' accuracy as a whole.",
        )
        return
    yield _headline(found, group)
    for metric in ("r", "anomaly_r", "ubrmse", "rmse", "abs_bias"):
        for one in group.paired:
            if one.metric == metric and one.product == MAP:
                yield Statement(topic=metric, text=_compared(one), verdict=one.verdict)
    for one in found.sif:
        if one.metric in {"r", "ubrmse"}:
            yield Statement(topic=f"sif_{one.metric}", text=_compared(one), verdict=one.verdict)
    if found.reliability is not None:
        yield _interval(found)


def _headline(found: StationFindings, group: Group) -> Statement:
    metrics = group.summaries[MAP]
    months = found.pairs.pairs[group.chosen]
    parts = [
        f"median {name} {_number(one, metric)}"
        for metric, name in (("r", "R"), ("ubrmse", "ubRMSE"), ("bias", "bias"))
        if (one := metrics[metric]) is not None
    ]
    ubrmse = found.skill.products[MAP].metrics["ubrmse"].value[group.chosen]
    reached = int((ubrmse <= YARDSTICK).sum())
    return Statement(
        topic="stations",
        text=f"At {group.sites} stations with {_from_to(months)} common months: "
        f"{', '.join(parts)} m³ m⁻³. ubRMSE is within SMAP's yardstick of {YARDSTICK:g} at "
        f"{reached} of {group.sites}.",
    )


def _from_to(counts: NDArray[np.int64]) -> str:
    least, most = counts.min(), counts.max()
    return f"{most}" if least == most else f"{least} to {most}"


def _number(one: Summary, metric: str) -> str:
    value, low, high = (number(each, metric) for each in (one.median, one.lower, one.upper))
    return f"{value} [{low}, {high}]"


def _compared(one: Paired) -> str:
    value, low, high = (difference(each, one.metric) for each in (one.mean, one.lower, one.upper))
    judged = {
        Verdict.IMPROVED: "better than",
        Verdict.DEGRADED: "worse than",
        Verdict.NOT_SIGNIFICANT: "not significantly different from",
        Verdict.UNKNOWN: "not to be compared with",
    }[one.verdict]
    return (
        f"{NAMES[one.metric]}: {judged} {_BASELINES[one.baseline]} (mean difference {value} "
        f"[{low}, {high}] over {one.sites} stations; better at {one.improved}, worse at "
        f"{one.degraded}, not significant at {one.not_significant})."
    )


def _interval(found: StationFindings) -> Statement:
    held = found.reliability
    assert held is not None  # noqa: S101  (asked by the caller)
    wide = "wide enough" if held.upper >= TARGET else "too narrow for points in the ground"
    return Statement(
        topic="interval",
        text=f"The 90 % interval holds {100 * held.inside:.0f} % "
        f"[{100 * held.lower:.0f}, {100 * held.upper:.0f}] of {held.pairs} station months: {wide}. "
        "It is made for 1 km cells; a point differs from its cell by more.",
    )


def _about_texture(assessment: Assessment) -> Iterator[Statement]:
    textures = assessment.found.textures
    within = {
        name: float(np.nanmean([one.sd_within for one in found]))
        for name, found in textures.items()
        if np.isfinite([one.sd_within for one in found]).any()
    }
    edges = [one.edge_ratio for one in textures.get(MAP, ()) if np.isfinite(one.edge_ratio)]
    if MAP not in within or not edges:
        return
    beside = f", {within[BILINEAR]:.3f} in bilinear SMAP" if BILINEAR in within else ""
    clean = abs(float(np.mean(edges)) - 1) <= _CLEAN_EDGES
    yield Statement(
        topic="texture",
        text=f"Inside 9 km cells the map varies by {within[MAP]:.3f} m³ m⁻³ (standard deviation"
        f"{beside}); steps at their edges are {np.mean(edges):.2f} times those inside "
        f"({'clean' if clean else 'not clean'}: 1.00 ± {_CLEAN_EDGES:g}).",
    )
    errors = [
        one.conservation_max
        for one in textures.get(CONSERVING, ())
        if np.isfinite(one.conservation_max)
    ]
    if errors and SMAP in textures:
        yield Statement(
            topic="conservation",
            text="The conserving layer keeps SMAP's 9 km means to "
            f"{max(*errors, 1e-6):.6f} m³ m⁻³. That is so by construction and no sign of "
            "accuracy.",
        )


def _about_maps(assessment: Assessment) -> Iterator[Statement]:
    for other in assessment.gridded:
        ours = next((one for one in other.skills if one.product == MAP), None)
        if ours is None:
            continue
        yield Statement(
            topic=other.spec.id,
            text=f"Against {other.spec.id} in {len(other.months)} months: median R in time "
            f"{median_r(ours.temporal_r)}, median R in space {median_r(ours.months['r'])}, "
            f"inside 9 km cells {number(ours.within_r, 'r')}, bias {signed(ours.bias)}, ubRMSE "
            f"{number(ours.ubrmse, 'ubrmse')} m³ m⁻³. {other.spec.caution}",
        )
