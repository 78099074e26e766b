"""Figures of what maps show inside SMAP's cells."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from engine.report.figures import drawn
from engine.validation.fields import LABELS
from engine.validation.report.drawing import UNIT, colour_bar_below, draw_field, map_size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from engine.validation.assessment import Assessment

_BRIGHTEST = 0.98
"""Share of the cells that the colours tell apart."""


def detail_maps(assessment: Assessment) -> str | None:
    """Show the standard deviation inside 9 km cells; None where no cell is full enough."""
    found = assessment.found.details
    if not any(np.isfinite(values).any() for values in found.values()):
        return None
    return drawn(
        "details",
        partial(_draw, assessment),
        size=map_size(assessment.grid),
        description="Maps of the standard deviation inside 9 km cells, the map beside bilinear "
        "SMAP.",
    )


def _draw(assessment: Assessment, figure: Figure) -> None:
    found = assessment.found.details
    known = np.concatenate([values[np.isfinite(values)] for values in found.values()])
    most = float(np.quantile(known, _BRIGHTEST)) or 1.0
    all_axes = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    for axes, (name, values) in zip(all_axes, found.items(), strict=True):
        image = draw_field(axes, values, assessment.grid, cmap="cividis", limits=(0.0, most))
        axes.set_title(LABELS[name])
    colour_bar_below(figure, image, all_axes, f"Standard deviation inside 9 km, {UNIT}", "max")
