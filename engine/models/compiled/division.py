"""An ONNX model taken apart: its forests, and the rest of it that reads what they say.

Forests are left in the bytes of the file, where `engine.models.compiled.ensemble` reads them; the
library for ONNX sees the rest alone, which is small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from engine.models.compiled.ensemble import OPERATOR
from engine.models.graphs.graph import INPUT, OUTPUT
from engine.models.graphs.wire import field, parted, read, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_GRAPH, _NODE = ModelProto.GRAPH_FIELD_NUMBER, GraphProto.NODE_FIELD_NUMBER


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The two parts of a model."""

    forests: Mapping[str, memoryview]
    """Messages of the operators that read the features, by the names of what they give."""
    rest: bytes | None
    """A model that reads the features and what the forests give, each ``(n, 1)``; None where
    the only forest gives the prediction."""
    features: int
    """Columns of the rows."""


def divided(content: bytes) -> Division | None:
    """Take a model apart; None where it has no forest that reads the features.

    Parameters
    ----------
    content
        The model file's content.

    Raises
    ------
    ModelError
        Where it is no ONNX model.
    """
    frame, graphs = parted(memoryview(content), _GRAPH)
    forests: dict[str, memoryview] = {}
    small = []
    for graph in graphs[_GRAPH]:
        kept, operators = parted(graph, _NODE)
        small.append(kept)
        for operator in operators[_NODE]:
            if (name := _forest_name(operator)) is None:
                small.append(field(_NODE, bytes(operator)))
            else:
                forests[name] = operator
    rest = read(ModelProto, frame + field(_GRAPH, b"".join(small)))
    features = _columns(rest)
    if not forests or features is None:
        return None
    whole = list(forests) == [OUTPUT] and not rest.graph.node
    return Division(
        forests=forests, rest=None if whole else _reading(rest, forests), features=features
    )


def _forest_name(operator: memoryview) -> str | None:
    """Return the name of what a forest gives; None for other operators."""
    head, _ = parted(operator, NodeProto.ATTRIBUTE_FIELD_NUMBER)
    node = read(NodeProto, head)
    if node.op_type != OPERATOR or list(node.input) != [INPUT] or len(node.output) != 1:
        return None
    return text(node.output[0])


def _columns(model: ModelProto) -> int | None:
    """Return how many columns the features have; None where that is not said."""
    for one in model.graph.input:
        axes = one.type.tensor_type.shape.dim
        if one.name == INPUT and len(axes) == 2:
            columns: int = axes[1].dim_value
            return columns
    return None


def _reading(rest: ModelProto, forests: Iterable[str]) -> bytes:
    """Return a model without its forests, which reads what they give."""
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in forests]
    if not any(INPUT in node.input for node in rest.graph.node):
        del rest.graph.input[:]
    rest.graph.input.extend(given)
    content: bytes = rest.SerializeToString()
    return content
