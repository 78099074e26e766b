"""A random forest as one ``TreeEnsemble`` operator of ``ai.onnx.ml`` 5.

The general converters write the older ``TreeEnsembleRegressor`` at three times the size and
drop the direction that rows with a missing value take. This writer keeps it.

scikit-learn sends a row left where ``float64(x) <= threshold`` with ``x`` a float32 and the
threshold a float64. The largest float32 not above the threshold decides exactly alike, while the
nearest one would not.

References
----------
ONNX operator ``TreeEnsemble``, https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.tree._tree import Tree

    from engine.models.table import Variable

INPUT, OUTPUT = "features", "prediction"

_OPSETS = (("", 21), ("ai.onnx.ml", 5))
_IR_VERSION = 10
_SUM, _NO_TRANSFORM, _BRANCH_LEQ = 1, 0, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    """Trees in the operator's layout: interior nodes and leaves are numbered apart."""

    feature: NDArray[np.int64]
    split: NDArray[np.float32]
    missing_true: NDArray[np.int64]
    true_id: NDArray[np.int64]
    true_leaf: NDArray[np.int64]
    false_id: NDArray[np.int64]
    false_leaf: NDArray[np.int64]
    weight: NDArray[np.float64]

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


def forest_to_onnx(
    forest: RandomForestRegressor,
    features: Sequence[Variable],
    target: Variable,
    notes: Mapping[str, str] | None = None,
) -> bytes:
    """Write a fitted forest with one target as an ONNX model.

    Parameters
    ----------
    forest
        Fitted on float32 inputs, NaN where missing.
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
    trees = [_nodes(estimator.tree_) for estimator in forest.estimators_]
    roots = np.cumsum([0, *(tree.feature.size for tree in trees)])
    leaves = np.cumsum([0, *(tree.weight.size for tree in trees)])
    placed = [
        tree.after(int(node), int(leaf))
        for tree, node, leaf in zip(trees, roots[:-1], leaves[:-1], strict=True)
    ]
    graph = helper.make_graph(
        [_operator(placed, roots[:-1])],
        "random forest",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(features)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, 1])],
    )
    model = helper.make_model(
        graph,
        producer_name="vadose",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in _OPSETS],
    )
    helper.set_model_props(model, _metadata(features, target) | dict(notes or {}))
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def floor_to_float32(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 not above each threshold.

    >>> float(floor_to_float32(np.array([0.1]))[0]) <= 0.1 < float(np.float32(0.1))
    True
    """
    nearest = thresholds.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    floored: NDArray[np.float32] = np.where(nearest.astype(np.float64) > thresholds, below, nearest)
    return floored


def _nodes(tree: Tree) -> _Nodes:
    """Lay one tree out; its root is node 0."""
    leaf = tree.children_left < 0
    weight = np.asarray(tree.value[:, 0, 0])[leaf]
    if leaf.all():
        return _stump(weight)
    inner = ~leaf
    number = np.where(leaf, np.cumsum(leaf), np.cumsum(inner)) - 1
    left, right = tree.children_left[inner], tree.children_right[inner]
    return _Nodes(
        feature=np.asarray(tree.feature)[inner],
        split=floor_to_float32(np.asarray(tree.threshold)[inner]),
        missing_true=np.asarray(tree.missing_go_to_left)[inner].astype(np.int64),
        true_id=number[left],
        true_leaf=leaf[left].astype(np.int64),
        false_id=number[right],
        false_leaf=leaf[right].astype(np.int64),
        weight=weight,
    )


def _stump(weight: NDArray[np.float64]) -> _Nodes:
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


def _operator(trees: Sequence[_Nodes], roots: NDArray[np.int64]) -> onnx.NodeProto:
    def joined(name: str) -> NDArray[np.generic]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    weights = joined("weight").astype(np.float64) / len(trees)
    modes = np.full(joined("feature").size, _BRANCH_LEQ, dtype=np.uint8)
    return helper.make_node(
        "TreeEnsemble",
        [INPUT],
        [OUTPUT],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=_SUM,
        post_transform=_NO_TRANSFORM,
        tree_roots=roots.tolist(),
        nodes_featureids=joined("feature").tolist(),
        nodes_splits=numpy_helper.from_array(joined("split"), "splits"),
        nodes_modes=numpy_helper.from_array(modes, "modes"),
        nodes_missing_value_tracks_true=joined("missing_true").tolist(),
        nodes_truenodeids=joined("true_id").tolist(),
        nodes_trueleafs=joined("true_leaf").tolist(),
        nodes_falsenodeids=joined("false_id").tolist(),
        nodes_falseleafs=joined("false_leaf").tolist(),
        leaf_targetids=[0] * weights.size,
        leaf_weights=numpy_helper.from_array(weights.astype(np.float32), "leaves"),
    )


def _metadata(features: Sequence[Variable], target: Variable) -> dict[str, str]:
    return {
        "features": json.dumps([feature.name for feature in features]),
        "feature_units": json.dumps([feature.units for feature in features]),
        "target": target.name,
        "target_units": target.units,
    }
