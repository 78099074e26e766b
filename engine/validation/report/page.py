"""The page: figures, tables and sentences in one file."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from engine.validation.fields import LABELS, WORDS
from engine.validation.report import field_figures, station_figures
from engine.validation.report.detail_figures import detail_maps
from engine.validation.report.station_table import COLUMNS, station_table
from engine.validation.report.strata_figures import strata_boxes
from engine.validation.report.tables import (
    FILTERS,
    cards,
    correlation_rows,
    gain_medians,
    lack_rows,
    texture_rows,
)
from engine.validation.statements import NAMES, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from engine.validation.assessment import Assessment
    from engine.validation.findings import StationFindings

_MOST_ROWS = 200
"""Stations in the table; a page of thousands helps nobody."""
_FEW = 20


def report_page(assessment: Assessment) -> str:
    """Return the report as one HTML page that needs nothing beside it."""
    found = assessment.stations
    rows = [] if found is None else station_table(found)
    others = [
        (other, field_figures.other_map(assessment, other, number))
        for number, other in enumerate(assessment.gridded)
    ]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            subject=assessment.subject,
            first=assessment.months[0],
            last=assessment.months[-1],
            months=len(assessment.months),
            css=_text("page.css"),
            cards=cards(assessment),
            sections=_sections(assessment),
            statements=statements(assessment),
            limitations=[*_limitations(assessment)],
            stations=found,
            rules=assessment.rules,
            rule_sentences=[*assessment.rules.sentences()],
            labels=LABELS,
            metric_names=NAMES,
            words=WORDS,
            figures=_figures(assessment),
            gain=gain_medians(found),
            changes=assessment.changes,
            correlations=correlation_rows(assessment),
            texture=texture_rows(assessment),
            others=others,
            lacks=lack_rows(assessment.lacks),
            columns=COLUMNS,
            rows=rows[:_MOST_ROWS],
            rows_left_out=max(0, len(rows) - _MOST_ROWS),
        )
    )


def _figures(assessment: Assessment) -> Mapping[str, object]:
    """Draw everything; this SVG of our own making is all that the template does not escape."""
    found = assessment.stations
    drawn: dict[str, str | None] = {
        "monthly": None,
        "details": detail_maps(assessment),
        "lags": field_figures.lags(assessment),
        "variograms": field_figures.variograms(assessment),
        "edges": field_figures.edges(assessment),
    }
    lists: dict[str, object] = {"pictures": field_figures.pictures(assessment)}
    if found is not None:
        drawn["map"] = station_figures.station_map(assessment, found)
        # Without a station in the summary there is nothing to draw of it.
        summarised = bool(found.headline.chosen.any())
        drawn |= {name: draw(found) if summarised else None for name, draw in _OF_SUMMARIES.items()}
        if any(np.isfinite(one.agreement.r).any() for one in found.monthly.values()):
            drawn["monthly"] = station_figures.monthly(assessment, found)
        has_paired = bool(found.headline.paired)
        drawn["paired"] = station_figures.paired_differences(found) if has_paired else None
        lists["series"] = station_figures.series(assessment, found)
    return lists | drawn


_OF_SUMMARIES: Mapping[str, Callable[[StationFindings], str | None]] = {
    "boxes": station_figures.boxplots,
    "taylor": station_figures.taylor,
    "density": station_figures.density,
    "strata": strata_boxes,
}
"""Figures that need stations in the summary."""


def _sections(assessment: Assessment) -> Sequence[tuple[str, str]]:
    stations = (
        ("stations", "Stations"),
        ("smap", "Against SMAP"),
        ("series", "Months"),
        ("strata", "Land cover, season, year"),
        ("interval", "Interval"),
    )
    return (
        ("verdicts", "What may be said"),
        ("limits", "Limits"),
        *(stations if assessment.stations is not None else ()),
        ("changes", "Changes"),
        ("space", "In space"),
        *((("maps", "Other maps"),) if assessment.gridded else ()),
        *((("table", "Every station"),) if assessment.stations is not None else ()),
        *((("lacks", "Not there"),) if assessment.lacks else ()),
        ("rules", "Rules"),
    )


def _limitations(assessment: Assessment) -> Iterator[str]:
    texts = tomllib.loads(_text("limitations.toml"))
    found = assessment.stations
    if assessment.subject.synthetic:
        yield "Everything here is synthetic; it shows how the method works, not how it does."
    yield from texts["always"]
    if found is not None:
        sites = found.pairs.sites
        if any(not site.primary for site in sites):
            yield texts["deeper"]
        rough = sum(site.rough for site in sites)
        if rough:
            yield texts["rough"].format(count=rough)
        if assessment.rules.sites <= found.headline.sites < _FEW:
            yield texts["few"]
    if assessment.gridded:
        yield texts["others"]


def _text(name: str) -> str:
    return files("engine.validation.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("engine.validation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= FILTERS
    return environment
