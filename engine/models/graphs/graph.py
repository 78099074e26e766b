"""A part of an ONNX graph, and the file around it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.models.graphs.wire import field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.models.table import Variable

INPUT, OUTPUT = "features", "prediction"
ROWS_PER_CALL = "rows_per_call"
"""Key of the file's metadata that says how many rows at once the model is fastest with."""

_OPSETS = (("", 21), ("ai.onnx.ml", 5))
_IR_VERSION = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """An operator that reads the features alone, in the bytes of the file."""

    output: str
    """Name of what it gives."""
    content: bytes
    """The operator's message without its output."""

    def written(self) -> bytes:
        """Return it as a piece of a graph's message."""
        output = field(onnx.NodeProto.OUTPUT_FIELD_NUMBER, self.output.encode())
        return field(onnx.GraphProto.NODE_FIELD_NUMBER, self.content + output)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Operators from the features ``(n, f)`` to one value a row ``(n, 1)``, both float32."""

    nodes: tuple[onnx.NodeProto, ...] = ()
    constants: tuple[onnx.TensorProto, ...] = ()
    forests: tuple[Forest, ...] = ()
    """Further operators, which stand before the others."""
    output: str = OUTPUT
    """Name of the value that the last operator gives."""
    rows_per_call: int = 8192
    """Rows at once that the operators are fastest with."""


class Drawing:
    """Operators and constants as they are put down one after the other.

    Parameters
    ----------
    prefix
        Begins every name, so that several drawings fit into one graph.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._forests: list[Forest] = []

    def constant(
        self, name: str, values: NDArray[np.floating], dtype: type[np.floating] = np.float32
    ) -> str:
        """Put down a constant and return its name."""
        name = self.prefix + name
        array = np.ascontiguousarray(values, dtype=dtype)
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def axis(self, number: int) -> str:
        """Put down the number of an axis and return its name."""
        name = f"{self.prefix}axis{number}"
        self._constants.append(numpy_helper.from_array(np.array([number]), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: int) -> str:
        """Put down an operator and return the name of its one output."""
        output = self.prefix + output
        node = helper.make_node(operator, list(inputs), [output], name=output)
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in sorted(attributes.items())
        )
        self._nodes.append(node)
        return output

    def append(self, graph: Graph) -> str:
        """Put down a whole graph and return the name of its output."""
        self._nodes.extend(graph.nodes)
        self._constants.extend(graph.constants)
        self._forests.extend(graph.forests)
        return graph.output

    def graph(self, output: str, rows_per_call: int = 8192) -> Graph:
        """Return what has been put down."""
        return Graph(
            nodes=tuple(self._nodes),
            constants=tuple(self._constants),
            forests=tuple(self._forests),
            output=output,
            rows_per_call=rows_per_call,
        )


def onnx_file(
    graph: Graph,
    features: Sequence[Variable],
    target: Variable,
    notes: Mapping[str, str] | None = None,
) -> bytes:
    """Write a graph as an ONNX model.

    Parameters
    ----------
    graph
        Operators that read `INPUT`.
    features
        Names and units of the columns, in order.
    target
        Name and unit of what is predicted.
    notes
        Further texts for the file's metadata.

    Returns
    -------
    bytes
        A model from ``features`` ``(n, f)`` float32 to ``prediction`` ``(n, 1)`` float32.
    """
    graph = _ending_in_output(graph)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "vadose",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(features)])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, 1])],
            initializer=graph.constants,
        ),
        producer_name="vadose",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in _OPSETS],
    )
    about = {
        "features": json.dumps([feature.name for feature in features]),
        "feature_units": json.dumps([feature.units for feature in features]),
        "target": target.name,
        "target_units": target.units,
        ROWS_PER_CALL: str(graph.rows_per_call),
    }
    helper.set_model_props(model, about | dict(notes or {}))
    # Messages one behind the other are one message: the forests' graph and the rest of the model.
    forests = b"".join(forest.written() for forest in graph.forests)
    graphs = field(onnx.ModelProto.GRAPH_FIELD_NUMBER, forests)
    content: bytes = graphs + model.SerializeToString(deterministic=True)
    onnx.checker.check_model(content)
    return content


def _ending_in_output(graph: Graph) -> Graph:
    """Return a graph whose last operator gives the model's output."""
    if not graph.nodes:
        (forest,) = graph.forests
        return replace(graph, forests=(replace(forest, output=OUTPUT),))
    *others, last = graph.nodes
    if list(last.output) != [graph.output]:
        raise ValueError(f"the last operator gives {list(last.output)}, not {graph.output}")
    named = onnx.NodeProto()
    named.CopyFrom(last)
    named.output[0] = OUTPUT
    return replace(graph, nodes=(*others, named))
