"""A model's report as one page that needs nothing beside it."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from engine.report.drawings import (
    draw_ablation,
    draw_calibration,
    draw_cells,
    draw_density,
    draw_error_range,
    draw_impurity,
    draw_maps,
    draw_periods,
    draw_permutation,
    draw_scores,
)
from engine.report.figures import drawn
from engine.report.wording import in_words, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from engine.report.content import ModelReport
    from engine.report.evidence import Evidence, Maps

_CONTENTS = {
    "model": "The model",
    "scores": "Scores",
    "maps": "Maps",
    "analysis": "From model to map",
    "periods": "Each 8 days",
    "importance": "Importance",
    "sif": "SIF",
    "space": "Errors in space",
    "paper": "The paper",
}
_WIDE = 8.4
"""Width in inches of figures that take the whole page."""
_PRODUCTS = {"soil-moisture": "soil_moisture", "sif": "sif"}
"""Palette of each kind."""

type _Figures = Iterator[tuple[str, str]]


def report_page(report: ModelReport, maps: Maps | None = None) -> str:
    """Write a report as HTML, with its figures and its style.

    Parameters
    ----------
    report
        What it says.
    maps
        Of the report's months.
    """
    figures = dict(_figures(report, maps))
    text = (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            figures=figures,
            style=_environment().get_template("report.css").render(),
            contents=_contents(report, figures),
            densities=[name for name in _pair(report) if f"density-{name}" in figures],
            period_splits=[name for name in _pair(report) if name in report.periods],
            headline=next((row for row in report.scores if row.headline and row.chosen), None),
            several=len({row.algorithm for row in report.scores}) > 1,
            titles={name: split.title for name, split in words().splits.items()},
            algorithms=words().algorithms,
            reasons=words().reasons,
            unit=in_words(report.units),
            blocks=_blocks(report),
        )
    )
    return f"{text.strip()}\n"


def _figures(report: ModelReport, maps: Maps | None) -> _Figures:
    """Draw all figures that there is something for, by name."""
    if report.scores:
        yield _figure(
            "scores",
            partial(draw_scores, report=report),
            size=(_WIDE, 1.3 + 0.42 * len(report.splits)),
            description="R² and RMSE by split; the numbers are in the table below.",
        )
    yield from _importance_figures(report)
    if report.evidence is not None:
        yield from _evidence_figures(report, report.evidence, maps)
    if any(report.periods.values()):
        splits = [name for name in _pair(report) if name in report.periods]
        yield _figure(
            "periods",
            partial(draw_periods, periods=report.periods, splits=splits),
            size=(_WIDE, 3.8),
            description="R² and RMSE of each 8 days; the numbers are in the table below.",
        )


def _importance_figures(report: ModelReport) -> _Figures:
    if report.importance is not None:
        shares = report.importance.shares
        losses = ", ".join(f"{one.group} {one.loss.value:.3f}" for one in shares)
        yield _figure(
            "permutation",
            partial(draw_permutation, importance=report.importance),
            size=(4.3, 0.9 + 0.24 * len(shares)),
            description=f"R² lost on unseen blocks, the most important group first: {losses}",
        )
    gains = {one.name: one.importance for one in report.features if one.importance is not None}
    if gains:
        yield _figure(
            "impurity",
            partial(draw_impurity, shares=gains),
            size=(4.3, 0.9 + 0.19 * len(gains)),
            description="Share of each predictor in the gain of splits.",
        )
    if report.ablation is not None:
        yield _figure(
            "ablation",
            partial(draw_ablation, ablation=report.ablation),
            size=(5.6, 2.4),
            description="R² of each arm less that without SIF; numbers in the table below.",
        )


def _evidence_figures(report: ModelReport, evidence: Evidence, maps: Maps | None) -> _Figures:
    for name in _pair(report):
        if name in evidence.densities:
            yield _figure(
                f"density-{name}",
                partial(draw_density, density=evidence.densities[name], units=report.units),
                size=(4.3, 3.6),
                description=f"Density of held-out predictions against their target, {name}.",
            )
    if evidence.cells is not None:
        yield _figure(
            "cells",
            partial(draw_cells, cells=evidence.cells, units=report.units),
            size=(_WIDE, _height(evidence.cells.fold, 2.5)),
            description="Maps of the folds of blocks and of the mean held-out error.",
        )
    if evidence.error_range is not None:
        yield _figure(
            "error-range",
            partial(draw_error_range, found=evidence.error_range),
            size=(5.2, 3.0),
            description="Semivariance of errors by distance.",
        )
    if evidence.calibration is not None:
        yield _figure(
            "calibration",
            partial(draw_calibration, calibration=evidence.calibration),
            size=(6.4, 3.0),
            description="Shares of differences held by intervals, and their size as expected.",
        )
    if maps is not None:
        months = evidence.months
        titles = [f"{one.month}, {words().reasons[one.reasons[-1]]}" for one in months]
        yield _figure(
            "maps",
            partial(draw_maps, maps=maps, titles=titles, product=_PRODUCTS[report.kind]),
            size=(_WIDE, 0.5 + _height(maps.values[0], len(months))),
            description=f"Maps of {', '.join(one.month for one in months)}.",
        )


def _figure(
    name: str, draw: Callable[[Figure], None], *, size: tuple[float, float], description: str
) -> tuple[str, str]:
    """Draw a figure, and return it with its name: see :func:`engine.report.figures.drawn`."""
    return name, drawn(name, draw, size=size, description=description)


def _height(rows: Sequence[Sequence[object]] | NDArray[np.generic], beside: float) -> float:
    """Return how high a figure of some maps beside each other is."""
    return 0.6 + min((_WIDE - 0.5) / beside * len(rows) / len(rows[0]), _WIDE / 2)


def _pair(report: ModelReport) -> list[str]:
    """Return the split that decides, and the paper's."""
    deciding = "spatial-block" if report.kind == "sif" else report.headline
    there = [split.name for split in report.splits]
    return [name for name in dict.fromkeys([deciding, "random"]) if name in there]


def _blocks(report: ModelReport) -> str:
    """Tell how far errors are alike, and what that means for the blocks."""
    found = report.evidence.error_range if report.evidence is not None else None
    if found is None:
        return ""
    reach = (
        f"Errors are alike up to about {found.range / 1000:.0f} km"
        if found.range > 0
        else "Errors of neighbours are not alike"
    )
    side = f"blocks are at least {report.block_side / 1000:.0f} km wide where the area allows"
    return f"{reach}; {side}."


def _contents(report: ModelReport, figures: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the sections that there is something for."""
    there = {
        "maps": "maps" in figures,
        "analysis": report.analysis or report.analysis_lacking or report.applicability,
        "periods": report.periods,
        "importance": {"permutation", "impurity"} & figures.keys(),
        "sif": report.ablation,
        "space": {"cells", "error-range"} & figures.keys(),
        "paper": report.paper,
    }
    return [(key, name) for key, name in _CONTENTS.items() if there.get(key, True)]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("engine.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "digits": digits,
        "share": lambda value: "–" if value is None else f"{value:.1%}",
        "small": lambda value: "–" if value is None else f"{value:.1g}",
        "unit": in_words,
        "name": lambda text: text.replace("_", " "),
    }
    return environment


def digits(value: float | None, count: int) -> str:
    """Write a number.

    >>> digits(-0.12345, 3), digits(-0.0001, 3), digits(None, 3)
    ('−0.123', '0.000', '–')
    """
    return "–" if value is None else f"{value:z.{count}f}".replace("-", "−")
