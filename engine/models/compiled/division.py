"""An ONNX model taken apart: its forests, and the rest of it that reads what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from engine.errors import ModelError
from engine.models.compiled.ensemble import OPERATOR
from engine.models.graphs.graph import INPUT, OUTPUT

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The two parts of a model."""

    forests: Mapping[str, onnx.NodeProto]
    """Operators that read the features, by the names of what they give."""
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
    try:
        model = onnx.load_from_string(content)
    except Exception as error:  # protobuf's errors differ from build to build
        raise ModelError("the file cannot be read as an ONNX model") from error
    forests = {node.output[0]: node for node in model.graph.node if _is_forest(node)}
    if not forests:
        return None
    features = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    whole = list(forests) == [OUTPUT] and len(model.graph.node) == 1
    return Division(
        forests=forests, rest=None if whole else _rest(model, forests), features=features
    )


def _is_forest(node: onnx.NodeProto) -> bool:
    return bool(node.op_type == OPERATOR and list(node.input) == [INPUT])


def _rest(model: onnx.ModelProto, forests: Mapping[str, onnx.NodeProto]) -> bytes:
    others = [node for node in model.graph.node if node.output[0] not in forests]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in forests]
    rest = helper.make_model(
        helper.make_graph(
            others,
            model.graph.name,
            [*(model.graph.input if _reads_features(others) else ()), *given],
            list(model.graph.output),
            initializer=list(model.graph.initializer),
        ),
        ir_version=model.ir_version,
        opset_imports=list(model.opset_import),
    )
    rest.metadata_props.extend(model.metadata_props)
    content: bytes = rest.SerializeToString()
    return content


def _reads_features(nodes: list[onnx.NodeProto]) -> bool:
    return any(INPUT in node.input for node in nodes)
