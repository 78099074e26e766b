"""Filling, limiting and centring of the features, as operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.models.graphs.graph import INPUT

if TYPE_CHECKING:
    from engine.models.candidates.preparation import Preparation
    from engine.models.graphs.graph import Drawing


def draw_centred(drawing: Drawing, preparation: Preparation) -> str:
    """Put down what leads to filled and centred features, and return their name.

    The division by the scale is left to the matrix product that follows. The centre is not: in
    float32 the products of 300 K and its like would lose the digits that tell rows apart.
    """
    centred = drawing.node("Sub", [INPUT, drawing.constant("centre", preparation.centre)], "raw")
    missing = drawing.node("IsNaN", [INPUT], "missing")
    fill = drawing.constant("fill", preparation.fill)
    filled = drawing.node("Where", [missing, fill, centred], "filled")
    raised = drawing.node("Max", [filled, drawing.constant("low", preparation.low)], "raised")
    return drawing.node("Min", [raised, drawing.constant("high", preparation.high)], "centred")
