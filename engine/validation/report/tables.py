"""Numbers of the report as people read them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.fields import LABELS, MAP, SMAP, WORDS
from engine.validation.skill import COMPARED, verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from engine.validation.assessment import Assessment
    from engine.validation.behaviour import Correlations
    from engine.validation.findings import Group, StationFindings
    from engine.validation.skill import Estimates
    from engine.validation.summary import Paired
    from engine.validation.texture import Texture

NONE = "–"
"""Stands for no number."""
_CORRELATIONS = frozenset({"r", "anomaly_r", "spearman", "slope", "sd_ratio"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A number that is read first."""

    number: str
    name: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRow:
    """One station."""

    name: str
    place: str
    cover: str
    n: int
    numbers: Sequence[tuple[str, str]]
    """Values and their bounds; none where there are too few months."""
    verdict: str
    why: str
    """Why it is in no summary, or has no numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureRow:
    """One product in space."""

    label: str
    sd_within: str
    edge_ratio: str
    imprint: str
    rms: str
    largest: str


def number(value: float, metric: str) -> str:
    """Write a metric: correlations with two decimals, amounts with three.

    >>> number(-0.0464, "bias"), number(0.8641, "r"), number(float("nan"), "r")
    ('−0.046', '0.86', '–')
    """
    if not math.isfinite(value):
        return NONE
    return _written(f"{value:.{2 if metric in _CORRELATIONS else 3}f}")


def signed(value: float, digits: int = 3) -> str:
    """Write a difference with its sign.

    >>> signed(0.0042), signed(-0.1, 2)
    ('+0.004', '−0.10')
    """
    return _written(f"{value:+.{digits}f}") if math.isfinite(value) else NONE


def cards(assessment: Assessment) -> list[Card]:
    """Return what is read first; nothing where stations are too few for a summary."""
    found = assessment.stations
    if found is None or found.headline.sites < assessment.rules.sites:
        return []
    group = found.headline
    ours, smap = group.summaries[MAP], group.summaries.get(SMAP, {})
    note = f"of {len(found.pairs.sites)} on the maps"
    made = [Card(number=str(group.sites), name="stations", note=note)]
    for metric, name in (
        ("r", "R"),
        ("anomaly_r", "R of anomalies"),
        ("ubrmse", "ubRMSE, m³ m⁻³"),
        ("bias", "bias, m³ m⁻³"),
    ):
        one, other = ours.get(metric), smap.get(metric)
        if one is not None:
            beside = f"; SMAP {number(other.median, metric)}" if other is not None else ""
            bounds = f"[{number(one.lower, metric)}, {number(one.upper, metric)}]"
            made.append(
                Card(
                    number=number(one.median, metric),
                    name=name,
                    note=f"median {bounds}{beside}",
                )
            )
    return made


def station_rows(found: StationFindings) -> list[StationRow]:
    """Return the table of stations: those of the summary first, then by name."""
    order = sorted(
        range(len(found.pairs.sites)),
        key=lambda k: (bool(found.why_not[k]), found.pairs.sites[k].name),
    )
    judged = found.skill.differences.get(MAP, {}).get("ubrmse")
    all_verdicts = None if judged is None else verdicts("ubrmse", judged)
    return [
        _station_row(found, site, "" if all_verdicts is None else all_verdicts[site].value)
        for site in order
    ]


def correlation_rows(assessment: Assessment) -> list[tuple[str, int, str, str]]:
    """Return pairs of fields with their correlations, as they are and of anomalies."""
    found: dict[tuple[str, str], dict[bool, Correlations]] = {}
    for one in assessment.changes.correlations:
        found.setdefault((one.first, one.second), {})[one.anomalies] = one
    return [
        (
            f"{_title(WORDS[first])} and {WORDS[second]}",
            next(iter(both.values())).cells,
            _spread(both.get(False)),
            _spread(both.get(True)),
        )
        for (first, second), both in found.items()
    ]


def texture_rows(assessment: Assessment) -> list[TextureRow]:
    """Return how products look in space, over all months."""
    return [_texture_row(name, one) for name, one in assessment.found.textures.items()]


def gain_medians(found: StationFindings | None) -> Mapping[str, float] | None:
    """Return the medians of the gain over stations in the summary."""
    if found is None or found.gain is None or not found.headline.chosen.any():
        return None
    chosen = found.headline.chosen
    values = {name: getattr(found.gain, name)[chosen] for name in ("slope", "r", "bias", "total")}
    if not all(np.isfinite(one).any() for one in values.values()):
        return None
    return {name: float(np.nanmedian(one)) for name, one in values.items()}


def _station_row(found: StationFindings, site: int, verdict: str) -> StationRow:
    one = found.pairs.sites[site]
    ours = found.skill.products[MAP].metrics
    smap = found.skill.products[SMAP].metrics if SMAP in found.skill.products else {}
    wanted = (
        ("r", ours), ("r", smap), ("anomaly_r", ours), ("bias", ours),
        ("ubrmse", ours), ("ubrmse", smap),
    )  # fmt: skip
    has_numbers = math.isfinite(float(ours["ubrmse"].value[site]))
    return StationRow(
        name=one.name,
        place=f"{one.lat:.3f}, {one.lon:.3f}; {100 * one.depth[0]:g}–{100 * one.depth[1]:g} cm",
        cover=found.pairs.cover[site].replace("_", " and "),
        n=int(found.pairs.pairs[site]),
        numbers=[_bounded(metrics.get(name), name, site) for name, metrics in wanted]
        if has_numbers
        else [],
        verdict=verdict,
        why=found.why_not[site],
    )


def _bounded(estimates: Estimates | None, metric: str, site: int) -> tuple[str, str]:
    if estimates is None:
        return NONE, ""
    value, low, high = (
        float(array[site]) for array in (estimates.value, estimates.lower, estimates.upper)
    )
    known = math.isfinite(value) and math.isfinite(low)
    bounds = f"[{number(low, metric)}, {number(high, metric)}]" if known else ""
    return number(value, metric), bounds


def _spread(one: Correlations | None) -> str:
    if one is None:
        return NONE
    parts = (number(value, "r") for value in (one.median, one.quarter, one.three_quarters))
    return "{} [{}, {}]".format(*parts)


def _texture_row(name: str, found: Sequence[Texture]) -> TextureRow:
    def over(metric: str, reduce: Callable[[np.ndarray], float], digits: str) -> str:
        values = np.array([getattr(one, metric) for one in found])
        values = values[np.isfinite(values)]
        return format(float(reduce(values)), digits) if values.size else NONE

    edge = NONE if name == SMAP else over("edge_ratio", np.mean, ".2f")
    imprint = NONE if name == SMAP else over("imprint", np.mean, ".2f")
    return TextureRow(
        label=LABELS[name],
        sd_within=over("sd_within", np.mean, ".4f"),
        edge_ratio=edge,
        imprint=imprint,
        rms=_small(over("conservation_rms", np.mean, ".6f")),
        largest=_small(over("conservation_max", np.max, ".6f")),
    )


def paired_rows(group: Group) -> list[tuple[str, list[Paired | None]]]:
    """Return the comparisons with SMAP as a table: products down, metrics across."""
    found = {(one.product, one.metric): one for one in group.paired}
    products = dict.fromkeys(one.product for one in group.paired)
    return [(name, [found.get((name, metric)) for metric in COMPARED]) for name in products]


def _rule(text: str) -> str:
    """Put the label of a product in place of its name in a rule."""
    beginning, _, name = text.rpartition(" ")
    return f"{beginning} {LABELS[name]}" if name in LABELS else text


def _small(text: str) -> str:
    """Say that a number is next to nothing."""
    return "below 10⁻⁶" if text == "0.000000" else text


def _written(text: str) -> str:
    """Write a number with a true minus, and nothing as plain zero."""
    if not text.strip("+-0."):
        return text.lstrip("+-")
    return text.replace("-", "−")


def _median(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    return number(float(np.median(known)), "r") if known.size else NONE


def _title(text: str) -> str:
    """Begin a text with a capital letter and leave the rest alone."""
    return text[:1].upper() + text[1:]


FILTERS: Mapping[str, Callable[..., object]] = {
    "number": number,
    "signed": signed,
    "signed2": lambda value: signed(value, 2),
    "finite": lambda value: number(value, "r"),
    "median": _median,
    "title_of": _title,
    "rule_of": _rule,
    "paired_rows": paired_rows,
    "count": lambda value: f"{value:,}".replace(",", "\u2009"),
}
"""Filters of the page's template."""
