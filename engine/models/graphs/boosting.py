"""XGBoost's trees for ONNX.

XGBoost sends a row left where ``x < split``, both float32. That is ``x <= p`` with ``p`` the
float32 just below the split.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.models.graphs.trees import Tree, trees_graph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xgboost import Booster

    from engine.models.graphs.graph import Graph


def boosting_graph(booster: Booster, prefix: str = "") -> Graph:
    """Return a fitted booster of one target.

    Its base score, which every row starts from, is one more tree of a single leaf.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    trees = learner["gradient_booster"]["model"]["trees"]
    base = Tree.leaf(_base_score(learner["learner_model_param"]["base_score"]))
    return trees_graph([base, *(_tree(tree) for tree in trees)], prefix)


def _base_score(text: str) -> float:
    """Read a base score, which XGBoost 3 writes as a list of one for each target."""
    return float(text.strip("[]"))


def _tree(tree: Mapping[str, Any]) -> Tree:
    # A leaf's value stands where an interior node has its split.
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    return Tree(
        left=np.array(tree["left_children"], dtype=np.int64),
        right=np.array(tree["right_children"], dtype=np.int64),
        feature=np.array(tree["split_indices"], dtype=np.int64),
        split=np.nextafter(conditions, np.float32(-np.inf)),
        missing_left=np.array(tree["default_left"], dtype=bool),
        value=conditions,
    )
