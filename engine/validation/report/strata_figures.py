"""Figures of parts: land cover, seasons, years."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from engine.report.figures import drawn
from engine.validation.fields import LABELS, MAP, SMAP
from engine.validation.report.drawing import COLOURS, UNIT, draw_boxes, mark_yardsticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from engine.validation.findings import StationFindings
    from engine.validation.strata import Kind, Stratum

_METRICS = {"r": "R", "ubrmse": f"ubRMSE, {UNIT}", "bias": f"Bias, {UNIT}"}
_KINDS: dict[Kind, str] = {"land cover": "land cover", "season": "season", "year": "year"}
_HEIGHT = 2.0
"""Inches of a row of boxes."""


def strata_boxes(found: StationFindings) -> str | None:
    """Show the spread over stations part by part; None where no part has enough stations."""
    rows = {kind: [one for one in found.strata if one.kind == kind] for kind in _KINDS}
    shown = [parts for parts in rows.values() if any(not one.why_not for one in parts)]
    if not shown:
        return None
    return drawn(
        "strata",
        partial(_draw, shown),
        size=(7.2, _HEIGHT * len(shown) + 0.4),
        description="Boxplots of R, ubRMSE and bias over stations by land cover, season and year, "
        "map beside SMAP.",
    )


def _draw(rows: Sequence[Sequence[Stratum]], figure: Figure) -> None:
    grid = figure.subplots(len(rows), len(_METRICS), squeeze=False)
    for axes_row, parts in zip(grid, rows, strict=True):
        enough = [one for one in parts if not one.why_not]
        for axes, (metric, title) in zip(axes_row, _METRICS.items(), strict=True):
            _boxes(axes, enough, metric)
            axes.set_title(f"{title} by {parts[0].kind}", size=8.5)
            mark_yardsticks(axes, metric)
    handles = [grid[0, 0].plot([], [], "s", color=COLOURS[name], alpha=0.75)[0]
               for name in (MAP, SMAP)]  # fmt: skip
    labels = [LABELS[name] for name in (MAP, SMAP)]
    figure.legend(handles, labels, loc="outside lower center", ncols=2)


def _boxes(axes: Axes, parts: Sequence[Stratum], metric: str) -> None:
    """Draw the map's box and SMAP's beside each other for every part."""
    for shift, name in ((-0.2, MAP), (0.2, SMAP)):
        values = [_known(part, name, metric) for part in parts]
        places = [place + shift for place in range(len(parts))]
        draw_boxes(axes, values, [name] * len(parts), places, width=0.32)
    axes.set_xticks(range(len(parts)), [part.name.replace("_", "\n") for part in parts])
    axes.set_xlim(-0.6, len(parts) - 0.4)
    axes.tick_params(labelsize=8)


def _known(part: Stratum, product: str, metric: str) -> NDArray[np.float64]:
    values = part.values.get(product, {}).get(metric, np.empty(0))
    return values[np.isfinite(values)]
