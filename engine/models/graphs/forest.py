"""A random forest's trees for ONNX.

scikit-learn sends a row left where ``float64(x) <= threshold`` with ``x`` a float32 and the
threshold a float64. The largest float32 not above the threshold decides exactly alike, while the
nearest one would not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.models.graphs.trees import Tree, trees_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.tree._tree import Tree as ScikitTree

    from engine.models.graphs.graph import Graph


def forest_graph(forest: RandomForestRegressor, prefix: str = "") -> Graph:
    """Return a fitted forest with one target, which is the mean of its trees."""
    count = len(forest.estimators_)
    return trees_graph([_tree(tree.tree_, count) for tree in forest.estimators_], prefix)


def floor_to_float32(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 not above each threshold.

    >>> float(floor_to_float32(np.array([0.1]))[0]) <= 0.1 < float(np.float32(0.1))
    True
    """
    nearest = thresholds.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    floored: NDArray[np.float32] = np.where(nearest.astype(np.float64) > thresholds, below, nearest)
    return floored


def _tree(tree: ScikitTree, count: int) -> Tree:
    return Tree(
        left=np.asarray(tree.children_left),
        right=np.asarray(tree.children_right),
        feature=np.asarray(tree.feature),
        split=floor_to_float32(np.asarray(tree.threshold)),
        missing_left=np.asarray(tree.missing_go_to_left).astype(bool),
        value=(np.asarray(tree.value)[:, 0, 0] / count).astype(np.float32),
    )
