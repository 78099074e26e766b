"""Neural networks as matrix products.

The division of the inputs by their scale lies in the first product, the target's scale and centre
in the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.models.graphs.graph import Drawing
from engine.models.graphs.preparation import draw_centred

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.models.candidates.preparation import Preparation
    from engine.models.graphs.graph import Graph

    type Layer = tuple[NDArray[np.floating], NDArray[np.floating]]
    """Weights ``(inputs, outputs)`` and offsets ``(outputs,)``."""


def network_graph(
    preparation: Preparation, networks: Sequence[Sequence[Layer]], prefix: str = ""
) -> Graph:
    """Return the mean of some networks with rectified hidden layers.

    Parameters
    ----------
    preparation
        From the features to what the networks have learnt from, and back from their target.
    networks
        Layers of each network, from standardised inputs to a standardised target.
    """
    drawing = Drawing(prefix)
    centred = draw_centred(drawing, preparation)
    folded = [_folded(layers, preparation, len(networks)) for layers in networks]
    outputs = [
        _draw_layers(drawing, centred, layers, f"net{number}_")
        for number, layers in enumerate(folded)
    ]
    result = outputs[0] if len(outputs) == 1 else drawing.node("Sum", outputs, "mean")
    return drawing.graph(result)


def _folded(layers: Sequence[Layer], preparation: Preparation, count: int) -> list[Layer]:
    """Return a network's layers with scales folded in, its output divided by the count."""
    spread, centre = preparation.target_scale, preparation.target_centre
    folded = list(layers)
    weights, offsets = folded[0]
    folded[0] = (weights / preparation.scale[:, np.newaxis], offsets)
    weights, offsets = folded[-1]
    folded[-1] = (weights * (spread / count), (offsets * spread + centre) / count)
    return folded


def _draw_layers(drawing: Drawing, source: str, layers: Sequence[Layer], name: str) -> str:
    for number, (weights, offsets) in enumerate(layers):
        constants = (
            drawing.constant(f"{name}weights{number}", weights),
            drawing.constant(f"{name}offsets{number}", offsets),
        )
        source = drawing.node("Gemm", [source, *constants], f"{name}sum{number}")
        if number < len(layers) - 1:
            source = drawing.node("Relu", [source], f"{name}layer{number}")
    return source
