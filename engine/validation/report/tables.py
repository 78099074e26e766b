"""Numbers of the report as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.fields import LABELS, MAP, SMAP, WORDS
from engine.validation.numbers import NONE, difference, median_r, number, signed
from engine.validation.skill import COMPARED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from engine.validation.assessment import Assessment
    from engine.validation.behaviour import Correlations
    from engine.validation.fields import Lack
    from engine.validation.findings import StationFindings
    from engine.validation.metrics import Agreement
    from engine.validation.summary import Paired
    from engine.validation.texture import Texture


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A number that is read first."""

    number: str
    name: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LackRow:
    """Something that was not there."""

    what: str
    months: str
    why: str
    """Of the first month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureRow:
    """One product in space."""

    label: str
    sd_within: str
    edge_ratio: str
    imprint: str
    rms: str
    largest: str


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


def lack_rows(lacks: Sequence[Lack]) -> list[LackRow]:
    """Return what was not there, month after month together."""
    found: dict[str, list[Lack]] = {}
    for one in lacks:
        found.setdefault(one.what, []).append(one)
    return [
        LackRow(
            what=_title(what),
            months=", ".join(str(one.month) for one in every if one.month) or "all",
            why=every[0].why,
        )
        for what, every in found.items()
    ]


def error_parts(found: Agreement) -> list[str]:
    """Return the shares of the squared error: of timing, of amplitude and of bias."""
    whole = float(found.rmse) ** 2
    parts = (found.mse_correlation, found.mse_variance, found.mse_bias)
    return [f"{100 * float(one) / whole:.0f} %" if whole > 0 else NONE for one in parts]


def gain_medians(found: StationFindings | None) -> Mapping[str, float] | None:
    """Return the medians of the gain over stations in the summary."""
    if found is None or found.gain is None or not found.headline.chosen.any():
        return None
    chosen = found.headline.chosen
    values = {name: getattr(found.gain, name)[chosen] for name in ("slope", "r", "bias", "total")}
    if not all(np.isfinite(one).any() for one in values.values()):
        return None
    return {name: float(np.nanmedian(one)) for name, one in values.items()}


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


def paired_rows(compared: Sequence[Paired]) -> list[tuple[str, list[Paired | None]]]:
    """Return comparisons as a table: products down, metrics across."""
    found = {(one.product, one.metric): one for one in compared}
    products = dict.fromkeys(one.product for one in compared)
    return [(name, [found.get((name, metric)) for metric in COMPARED]) for name in products]


def _rule(text: str) -> str:
    """Put the label of a product in place of its name in a rule."""
    beginning, _, name = text.rpartition(" ")
    return f"{beginning} {LABELS[name]}" if name in LABELS else text


def _small(text: str) -> str:
    """Say that a number is next to nothing."""
    return "below 10⁻⁶" if text == "0.000000" else text


def _title(text: str) -> str:
    """Begin a text with a capital letter and leave the rest alone."""
    return text[:1].upper() + text[1:]


FILTERS: Mapping[str, Callable[..., object]] = {
    "number": number,
    "signed": signed,
    "difference": difference,
    "signed2": lambda value: signed(value, 2),
    "finite": lambda value: number(value, "r"),
    "median": median_r,
    "title_of": _title,
    "rule_of": _rule,
    "paired_rows": paired_rows,
    "error_parts": error_parts,
    "count": lambda value: f"{value:,}".replace(",", "\u2009"),
}
"""Filters of the page's template."""
