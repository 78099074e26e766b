"""A support vector machine with a radial kernel as two matrix products around one Exp.

ONNX has an operator for it, three to eleven times slower: it takes row by row. With
``|z - s|² = |z|² + |s|² - 2 z·s`` all exponents of many rows come from one product of
``[z, |z|²]`` and ``[2γ s, -γ]`` plus ``-γ |s|²``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from engine.models.graphs.graph import Drawing
from engine.models.graphs.preparation import draw_centred

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.models.candidates.preparation import Preparation
    from engine.models.graphs.graph import Graph

_ROWS_PER_CALL = 64
"""So that the kernel's values stay in the processor's cache."""


def kernel_graph(
    preparation: Preparation,
    *,
    vectors: NDArray[np.float64],
    weights: NDArray[np.float64],
    intercept: float,
    gamma: float,
    prefix: str = "",
) -> Graph:
    """Return ``intercept + sum of weights × exp(-γ |z - s|²)`` as a graph.

    Parameters
    ----------
    preparation
        From the features to ``z``.
    vectors
        ``(v, f)`` support vectors ``s``, standardised.
    weights
        ``(v,)`` their weights in the target's unit.
    intercept
        In the target's unit.
    gamma
        Inverse squared width of the kernel.
    """
    drawing = Drawing(prefix)
    scale = drawing.constant("scale", 1 / preparation.scale)
    z = drawing.node("Mul", [draw_centred(drawing, preparation), scale], "z")
    length = drawing.node("ReduceSumSquare", [z, drawing.axis(1)], "length", keepdims=1)
    extended = drawing.node("Concat", [z, length], "extended", axis=1)
    factors = np.vstack([2 * gamma * vectors.T, np.full(len(vectors), -gamma)])
    offsets = -gamma * (vectors**2).sum(axis=1)
    exponents = drawing.node(
        "Gemm",
        [extended, drawing.constant("factors", factors), drawing.constant("offsets", offsets)],
        "exponents",
    )
    kernel = drawing.node("Exp", [exponents], "kernel")
    return drawing.graph(_draw_sum(drawing, kernel, weights, intercept), _ROWS_PER_CALL)


def _draw_sum(drawing: Drawing, kernel: str, weights: NDArray[np.float64], intercept: float) -> str:
    """Put down the weighted sum, in float64: great weights of both signs nearly cancel out."""
    wide = drawing.node("Cast", [kernel], "wide", to=TensorProto.DOUBLE)
    factors = drawing.constant("weights", weights[:, np.newaxis], np.float64)
    start = drawing.constant("intercept", np.array([intercept]), np.float64)
    summed = drawing.node("Add", [drawing.node("MatMul", [wide, factors], "sum"), start], "total")
    return drawing.node("Cast", [summed], "narrow", to=TensorProto.FLOAT)
