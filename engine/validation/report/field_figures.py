"""Figures of how maps change with time, and of what they look like in space."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter

from engine.report.figures import ACCENT, INK, SOFT, drawn
from engine.validation.assessment import VARIOGRAM_LAGS
from engine.validation.fields import LABELS, MAP, SMAP, WORDS
from engine.validation.report.drawing import (
    COLOURS,
    UNIT,
    colour_bar_below,
    date_axis,
    days_of,
    draw_field,
    draw_map,
    map_size,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from engine.validation.assessment import Assessment, Picture
    from engine.validation.gridded import GriddedComparison

_NO_EDGES = (0.95, 1.05)
"""Ratios that tell of no edge."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def lags(assessment: Assessment) -> str | None:
    """Show how anomalies follow each other; None where nothing could be told."""
    found = assessment.changes.lagged
    if not found:
        return None
    rows = -(-len(found) // 3)
    return drawn(
        "lags",
        partial(_draw_lags, assessment),
        size=(7.2, 2.2 * rows + 0.3),
        description="Cross-correlation of monthly anomalies at lags from -3 to 3 months.",
    )


def variograms(assessment: Assessment) -> str:
    """Show how much cells differ by distance."""
    return drawn(
        "variograms",
        partial(_draw_variograms, assessment),
        size=(3.6, 3.0),
        description="Variograms of the mean maps by distance, by product.",
    )


def edges(assessment: Assessment) -> str:
    """Show the edge ratio at 9 km and the imprint at 5 km, month by month."""
    return drawn(
        "edges",
        partial(_draw_edges, assessment),
        size=(3.6, 3.0),
        description="Steps across the edges of SMAP's and of rain's cells, by month.",
    )


def pictures(assessment: Assessment) -> list[tuple[Picture, str]]:
    """Show some months, the map beside SMAP."""
    return [
        (
            picture,
            drawn(
                f"month-{number}",
                partial(_draw_picture, assessment, picture),
                size=map_size(assessment.grid),
                description=f"Soil moisture in {picture.month}, the map beside SMAP.",
            ),
        )
        for number, picture in enumerate(assessment.pictures)
    ]


def other_map(assessment: Assessment, other: GriddedComparison, number: int) -> str:
    """Show another map's mean, and where ours goes along with it in time."""
    return drawn(
        f"other-{number}",
        partial(_draw_other, assessment, other),
        size=map_size(assessment.grid),
        description=f"Mean of {other.spec.id}, and the correlation in time of our map with it.",
    )


def _draw_lags(assessment: Assessment, figure: Figure) -> None:
    found = assessment.changes.lagged
    columns = min(3, len(found))
    rows = -(-len(found) // columns)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, one in zip(grid, found, strict=False):
        r, low, high = (np.array(values) for values in (one.r, one.lower, one.upper))
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.vlines(one.lags, low, high, color=ACCENT, alpha=0.45, linewidth=4)
        axes.plot(one.lags, r, "o", color=ACCENT, markersize=5)
        axes.set_title(f"{WORDS[one.second]} after {WORDS[one.first]}", size=9)
        axes.set_xticks(one.lags)
    for axes in grid[len(found) :]:
        axes.set_axis_off()
    figure.supxlabel("Months later", size=9, color=SOFT)
    figure.supylabel("R of anomalies", size=9, color=SOFT)


def _draw_variograms(assessment: Assessment, figure: Figure) -> None:
    axes = figure.add_subplot()
    for name, values in assessment.variograms.items():
        known = np.isfinite(values) & (values > 0)
        axes.plot(
            VARIOGRAM_LAGS[known], values[known], "-", color=COLOURS[name], label=LABELS[name]
        )
    axes.set(xscale="log", yscale="log", xlabel="Distance, km", ylabel="Semivariance, m⁶ m⁻⁶")
    axes.axvline(9, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xticks([1, 2, 5, 9, 20, 40], ["1", "2", "5", "9", "20", "40"])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _power_of_ten(value)))
    axes.minorticks_off()
    axes.legend(fontsize=7.5)


def _power_of_ten(value: float) -> str:
    """Write the label of a logarithmic axis.

    >>> _power_of_ten(0.001)
    '10⁻³'
    """
    return "10" + f"{math.log10(value):.0f}".translate(_RAISED)


def _draw_edges(assessment: Assessment, figure: Figure) -> None:
    names = [name for name in assessment.found.textures if name != SMAP]
    top, bottom = figure.subplots(2, 1, sharex=True)
    times = days_of(assessment.months)
    for axes, metric, title in (
        (top, "edge_ratio", "Edges of SMAP's 9 km cells"),
        (bottom, "imprint", "Imprint of 0.05° rain cells"),
    ):
        axes.axhspan(*_NO_EDGES, color=ACCENT, alpha=0.1)
        axes.axhline(1, color=INK, linewidth=0.8)
        for name in names:
            values = [getattr(one, metric) for one in assessment.found.textures[name]]
            axes.plot(times, values, color=COLOURS[name], linewidth=1.2, label=LABELS[name])
        axes.set_title(title, size=9)
        date_axis(axes, assessment.months)
    handles, labels = top.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=7.5)


def _draw_picture(assessment: Assessment, picture: Picture, figure: Figure) -> None:
    all_axes = figure.subplots(1, len(picture.products), squeeze=False, sharey=True)[0]
    for axes, (name, values) in zip(all_axes, picture.products.items(), strict=True):
        image = draw_map(axes, np.asarray(values), assessment.grid)
        axes.set_title(LABELS[name])
    colour_bar_below(figure, image, all_axes, UNIT, "both")


def _draw_other(assessment: Assessment, other: GriddedComparison, figure: Figure) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    image = draw_map(left, other.mean, assessment.grid)
    left.set_title(f"Mean of {other.spec.id}", parse_math=False)
    figure.colorbar(image, ax=left, location="bottom", shrink=0.8, label=UNIT)
    ours = next((one for one in other.skills if one.product == MAP), None)
    if ours is None or not np.isfinite(ours.temporal_r).any():
        right.text(0.5, 0.5, "too few months", ha="center", transform=right.transAxes, color=SOFT)
        right.set_axis_off()
        return
    known = ours.temporal_r[np.isfinite(ours.temporal_r)]
    lowest = min(0.8, np.floor(10 * np.quantile(known, 0.02)) / 10)
    image = draw_field(right, ours.temporal_r, assessment.grid, cmap="cividis", limits=(lowest, 1))
    right.set_title("R in time of our map with it")
    figure.colorbar(image, ax=right, location="bottom", shrink=0.8, label="R")
