"""What a ``TreeEnsemble`` operator of an ONNX file says, and a plain walk through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from onnx import numpy_helper

from engine.errors import UnknownForestError

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

OPERATOR: Final = "TreeEnsemble"

_SUM, _NO_TRANSFORM, _BRANCH_LEQ = 1, 0, 0
_BY_DEFAULT = {"n_targets": 1, "aggregate_function": _SUM, "post_transform": _NO_TRANSFORM}
"""What is understood of each setting; it is the operator's default or what our files say."""
_KNOWN = {
    *_BY_DEFAULT,
    "tree_roots",
    "nodes_featureids",
    "nodes_splits",
    "nodes_modes",
    "nodes_missing_value_tracks_true",
    "nodes_truenodeids",
    "nodes_trueleafs",
    "nodes_falsenodeids",
    "nodes_falseleafs",
    "leaf_targetids",
    "leaf_weights",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Trees whose leaves are added up; nodes and leaves of all trees are numbered through."""

    roots: NDArray[np.int64]
    """``(t,)`` node that each tree begins with."""
    feature: NDArray[np.int64]
    """``(n,)`` column that a node looks at."""
    split: NDArray[np.float32]
    """``(n,)`` greatest value that takes the true branch."""
    missing_true: NDArray[np.bool_]
    """``(n,)`` whether a row without the value takes the true branch."""
    true_id: NDArray[np.int64]
    """``(n,)`` node or leaf of the true branch."""
    true_leaf: NDArray[np.bool_]
    """``(n,)`` whether that is a leaf."""
    false_id: NDArray[np.int64]
    """``(n,)`` node or leaf of the false branch."""
    false_leaf: NDArray[np.bool_]
    """``(n,)`` whether that is a leaf."""
    weight: NDArray[np.float32]
    """``(l,)`` what each leaf adds."""

    def walk(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predict rows ``(n, f)``, NaN where missing, as the operator's description says it.

        All trees and rows take one step at a time, which is plain and slow.
        """
        node = np.broadcast_to(self.roots, (len(rows), self.roots.size)).copy()
        leaf = np.zeros(node.shape, dtype=bool)
        row = np.arange(len(rows))[:, np.newaxis]
        while not leaf.all():
            here = np.where(leaf, 0, node)
            value = rows[row, self.feature[here]]
            true = np.where(np.isnan(value), self.missing_true[here], value <= self.split[here])
            following = np.where(true, self.true_id[here], self.false_id[here])
            ends = np.where(true, self.true_leaf[here], self.false_leaf[here])
            node = np.where(leaf, node, following)
            leaf |= ends
        return self.weight[node].sum(axis=1, dtype=np.float64)


def read_ensemble(node: onnx.NodeProto) -> Ensemble:
    """Return what an operator says.

    Raises
    ------
    UnknownForestError
        Where it is of a kind that our own files never are.
    """
    said = {attribute.name: attribute for attribute in node.attribute}
    _check_settings(said)
    ensemble = Ensemble(
        roots=_numbers(said, "tree_roots"),
        feature=_numbers(said, "nodes_featureids"),
        split=_tensor(said, "nodes_splits").astype(np.float32, casting="equiv"),
        missing_true=_missing_true(said),
        true_id=_numbers(said, "nodes_truenodeids"),
        true_leaf=_numbers(said, "nodes_trueleafs").astype(bool),
        false_id=_numbers(said, "nodes_falsenodeids"),
        false_leaf=_numbers(said, "nodes_falseleafs").astype(bool),
        weight=_tensor(said, "leaf_weights").astype(np.float32, casting="equiv"),
    )
    _check_places(ensemble)
    return ensemble


def _check_settings(said: dict[str, onnx.AttributeProto]) -> None:
    unknown = sorted(said.keys() - _KNOWN)
    if unknown:
        raise UnknownForestError(f"its trees have {', '.join(unknown)}")
    for name, understood in _BY_DEFAULT.items():
        if name in said and said[name].i != understood:
            raise UnknownForestError(f"its trees have {name} {said[name].i}, not {understood}")
    modes = np.unique(_tensor(said, "nodes_modes"))
    if (modes != _BRANCH_LEQ).any():
        raise UnknownForestError(f"its nodes have modes {modes.tolist()}, not {_BRANCH_LEQ} alone")


def _check_places(ensemble: Ensemble) -> None:
    """Make sure that no number leads out of the arrays."""
    nodes, leaves = ensemble.feature.size, ensemble.weight.size
    true = (ensemble.missing_true, ensemble.true_id, ensemble.true_leaf)
    false = (ensemble.false_id, ensemble.false_leaf)
    if any(part.size != nodes for part in (ensemble.split, *true, *false)):
        raise UnknownForestError("its nodes' parts are of different lengths")
    true_most = np.where(ensemble.true_leaf, leaves, nodes)
    false_most = np.where(ensemble.false_leaf, leaves, nodes)
    for found, most in (
        (ensemble.true_id, true_most),
        (ensemble.false_id, false_most),
        (ensemble.roots, np.int64(nodes)),
    ):
        if ((found < 0) | (found >= most)).any():
            raise UnknownForestError("its branches lead beyond its nodes and leaves")


def _numbers(said: dict[str, onnx.AttributeProto], name: str) -> NDArray[np.int64]:
    if name not in said:
        raise UnknownForestError(f"its trees lack {name}")
    return np.array(said[name].ints, dtype=np.int64)


def _tensor(said: dict[str, onnx.AttributeProto], name: str) -> NDArray[np.generic]:
    if name not in said:
        raise UnknownForestError(f"its trees lack {name}")
    values: NDArray[np.generic] = numpy_helper.to_array(said[name].t)
    if name != "nodes_modes" and values.dtype != np.float32:
        raise UnknownForestError(f"its {name} are {values.dtype}, not float32")
    return values


def _missing_true(said: dict[str, onnx.AttributeProto]) -> NDArray[np.bool_]:
    """Return where missing values go; where nothing is said they take the false branch."""
    name = "nodes_missing_value_tracks_true"
    if name not in said:
        return np.zeros(_numbers(said, "nodes_featureids").size, dtype=bool)
    return _numbers(said, name).astype(bool)
