"""Models under a linear one, in one graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.models.graphs.graph import Drawing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.models.graphs.graph import Graph


def stack_graph(parts: Sequence[Graph], shares: NDArray[np.float64], prefix: str = "") -> Graph:
    """Return the sum of ``shares × parts``; the parts' names must differ."""
    drawing = Drawing(prefix)
    outputs = [drawing.append(part) for part in parts]
    together = drawing.node("Concat", outputs, "parts", axis=1)
    factors = drawing.constant("shares", shares[:, np.newaxis])
    mixed = drawing.node("MatMul", [together, factors], "mixed")
    return drawing.graph(mixed, min(part.rows_per_call for part in parts))
