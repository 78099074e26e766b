"""Regression trees as one ``TreeEnsemble`` operator of ``ai.onnx.ml`` 5.

The general converters write the older ``TreeEnsembleRegressor`` at four times the size and
drop the direction that rows with a missing value take. This writer keeps it.

A row goes left where its float32 value is not above the node's float32 split; whoever lays trees
out turns other rules into this one, so that all files decide alike.

References
----------
ONNX operator ``TreeEnsemble``, https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import AttributeProto, NodeProto, helper, numpy_helper

from engine.models.graphs.graph import INPUT, Forest, Graph
from engine.models.graphs.wire import field, varints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SUM, _NO_TRANSFORM, _BRANCH_LEQ = 1, 0, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One tree; node 0 is its root."""

    left: NDArray[np.int64]
    """``(n,)`` node that a row goes to where its value is not above the split; -1 for leaves."""
    right: NDArray[np.int64]
    """``(n,)`` the other node; -1 for leaves."""
    feature: NDArray[np.int64]
    """``(n,)`` column that is looked at."""
    split: NDArray[np.float32]
    """``(n,)`` greatest value that goes left."""
    missing_left: NDArray[np.bool_]
    """``(n,)`` whether a row without the value goes left."""
    value: NDArray[np.float32]
    """``(n,)`` what a leaf adds to the prediction."""

    @classmethod
    def leaf(cls, value: float) -> Tree:
        """Return a tree that adds the same to every row."""
        return cls(
            left=np.array([-1]),
            right=np.array([-1]),
            feature=np.array([0]),
            split=np.zeros(1, dtype=np.float32),
            missing_left=np.zeros(1, dtype=bool),
            value=np.array([value], dtype=np.float32),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    """A tree in the operator's layout: interior nodes and leaves are numbered apart."""

    feature: NDArray[np.int64]
    split: NDArray[np.float32]
    missing_true: NDArray[np.int64]
    true_id: NDArray[np.int64]
    true_leaf: NDArray[np.int64]
    false_id: NDArray[np.int64]
    false_leaf: NDArray[np.int64]
    weight: NDArray[np.float32]

    def after(self, nodes: int, leaves: int) -> _Nodes:
        """Renumber for a place behind so many nodes and leaves."""
        return _Nodes(
            feature=self.feature,
            split=self.split,
            missing_true=self.missing_true,
            true_id=self.true_id + np.where(self.true_leaf, leaves, nodes),
            true_leaf=self.true_leaf,
            false_id=self.false_id + np.where(self.false_leaf, leaves, nodes),
            false_leaf=self.false_leaf,
            weight=self.weight,
        )


def trees_graph(trees: Sequence[Tree], prefix: str = "") -> Graph:
    """Return trees whose leaves are added up as a graph of one operator."""
    laid = [_nodes(tree) for tree in trees]
    roots = np.cumsum([0, *(nodes.feature.size for nodes in laid)])
    leaves = np.cumsum([0, *(nodes.weight.size for nodes in laid)])
    placed = [
        nodes.after(int(root), int(leaf))
        for nodes, root, leaf in zip(laid, roots[:-1], leaves[:-1], strict=True)
    ]
    forest = Forest(output=f"{prefix}trees", content=_operator(placed, roots[:-1]))
    return Graph(forests=(forest,), output=forest.output)


def _nodes(tree: Tree) -> _Nodes:
    leaf = tree.left < 0
    if leaf.all():
        return _stump(tree.value[:1])
    inner = ~leaf
    number = np.where(leaf, np.cumsum(leaf), np.cumsum(inner)) - 1
    left, right = tree.left[inner], tree.right[inner]
    return _Nodes(
        feature=tree.feature[inner],
        split=tree.split[inner],
        missing_true=tree.missing_left[inner].astype(np.int64),
        true_id=number[left],
        true_leaf=leaf[left].astype(np.int64),
        false_id=number[right],
        false_leaf=leaf[right].astype(np.int64),
        weight=tree.value[leaf],
    )


def _stump(weight: NDArray[np.float32]) -> _Nodes:
    """Lay out a tree of one leaf: a node whose branches share it."""
    zero, one = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
    return _Nodes(
        feature=zero,
        split=np.zeros(1, dtype=np.float32),
        missing_true=zero,
        true_id=zero,
        true_leaf=one,
        false_id=zero,
        false_leaf=one,
        weight=weight,
    )


def _operator(trees: Sequence[_Nodes], roots: NDArray[np.int64]) -> bytes:
    """Return the operator's message, without its output."""

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    weights = joined("weight")
    modes = np.full(joined("feature").size, _BRANCH_LEQ, dtype=np.uint8)
    node = helper.make_node(
        "TreeEnsemble",
        [INPUT],
        [],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=_SUM,
        post_transform=_NO_TRANSFORM,
        nodes_splits=numpy_helper.from_array(joined("split"), "splits"),
        nodes_modes=numpy_helper.from_array(modes, "modes"),
        leaf_weights=numpy_helper.from_array(weights, "leaves"),
    )
    numbers = {
        "tree_roots": roots,
        "nodes_featureids": joined("feature"),
        "nodes_missing_value_tracks_true": joined("missing_true"),
        "nodes_truenodeids": joined("true_id"),
        "nodes_trueleafs": joined("true_leaf"),
        "nodes_falsenodeids": joined("false_id"),
        "nodes_falseleafs": joined("false_leaf"),
        "leaf_targetids": np.zeros(weights.size, dtype=np.int64),
    }
    content: bytes = node.SerializeToString(deterministic=True)
    return content + b"".join(_attribute(*pair) for pair in numbers.items())


def _attribute(name: str, values: NDArray[np.int64]) -> bytes:
    """Return an attribute of an operator, which is a list of numbers."""
    named = AttributeProto(name=name, type=AttributeProto.INTS).SerializeToString()
    listed = field(AttributeProto.INTS_FIELD_NUMBER, varints(values))
    return field(NodeProto.ATTRIBUTE_FIELD_NUMBER, named + listed)
