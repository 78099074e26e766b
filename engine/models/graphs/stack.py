"""Models under a linear one, in one graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.models.graphs.graph import Drawing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.models.graphs.graph import Graph


def stack_graph(
    parts: Sequence[Graph], weights: NDArray[np.float64], intercept: float, prefix: str = ""
) -> Graph:
    """Return ``intercept + sum of weights × parts``; the parts' names must differ."""
    drawing = Drawing(prefix)
    outputs = [drawing.append(part) for part in parts]
    together = drawing.node("Concat", outputs, "parts", axis=1)
    constants = (
        drawing.constant("shares", weights[:, np.newaxis]),
        drawing.constant("start", np.array([intercept])),
    )
    mixed = drawing.node("Gemm", [together, *constants], "mixed")
    return drawing.graph(mixed, min(part.rows_per_call for part in parts))
