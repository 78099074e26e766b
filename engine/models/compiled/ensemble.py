"""What a ``TreeEnsemble`` operator of an ONNX file says, and a plain walk through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto, numpy_helper

from engine.errors import UnknownForestError
from engine.models.graphs.wire import parted, read, text, unpacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPERATOR: Final = "TreeEnsemble"

_ATTRIBUTE, _RAW = NodeProto.ATTRIBUTE_FIELD_NUMBER, TensorProto.RAW_DATA_FIELD_NUMBER
_TENSOR, _INTS = AttributeProto.T_FIELD_NUMBER, AttributeProto.INTS_FIELD_NUMBER
_PLAIN: Final[dict[int, np.dtype[Any]]] = {
    TensorProto.FLOAT: np.dtype("<f4"),
    TensorProto.UINT8: np.dtype("u1"),
}
"""Kinds of tensors whose bytes are read where they stand."""

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

    roots: NDArray[np.int32]
    """``(t,)`` node that each tree begins with."""
    feature: NDArray[np.int32]
    """``(n,)`` column that a node looks at."""
    split: NDArray[np.float32]
    """``(n,)`` greatest value that takes the true branch."""
    missing_true: NDArray[np.bool_]
    """``(n,)`` whether a row without the value takes the true branch."""
    true_id: NDArray[np.int32]
    """``(n,)`` node or leaf of the true branch."""
    true_leaf: NDArray[np.bool_]
    """``(n,)`` whether that is a leaf."""
    false_id: NDArray[np.int32]
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


def read_ensemble(operator: memoryview) -> Ensemble:
    """Return what an operator says.

    Parameters
    ----------
    operator
        Its message, as it stands in the file.

    Raises
    ------
    UnknownForestError
        Where it is of a kind that our own files never are.
    ModelError
        Where it is no message.
    """
    _, attributes = parted(operator, _ATTRIBUTE)
    said = {one.name: one for one in map(_read_attribute, attributes[_ATTRIBUTE])}
    _check_settings(said)
    ensemble = Ensemble(
        roots=_places(said, "tree_roots"),
        feature=_places(said, "nodes_featureids"),
        split=_float32(said, "nodes_splits"),
        missing_true=_missing_true(said),
        true_id=_places(said, "nodes_truenodeids"),
        true_leaf=_numbers(said, "nodes_trueleafs").astype(bool),
        false_id=_places(said, "nodes_falsenodeids"),
        false_leaf=_numbers(said, "nodes_falseleafs").astype(bool),
        weight=_float32(said, "leaf_weights"),
    )
    _check_places(ensemble)
    return ensemble


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attribute:
    """A setting of the operator; lists and tensors stay in the file until they are asked for."""

    name: str
    head: AttributeProto
    """All but what follows."""
    packed: list[memoryview]
    """Packed numbers."""
    tensors: list[memoryview]
    """Messages of tensors."""

    def numbers(self) -> NDArray[np.integer]:
        if self.head.ints and self.packed:
            raise UnknownForestError(f"its {self.name} are packed in part alone")
        if len(self.packed) == 1:
            return unpacked(self.packed[0])
        several = [unpacked(one) for one in self.packed]
        return np.concatenate([np.array(self.head.ints, dtype=np.int64), *several])

    def tensor(self) -> NDArray[np.generic]:
        if len(self.tensors) != 1:
            raise UnknownForestError(f"its {self.name} are {len(self.tensors)} tensors, not one")
        rest, cut = parted(self.tensors[0], _RAW)
        head = read(TensorProto, rest)
        if head.data_location == TensorProto.EXTERNAL:
            raise UnknownForestError(f"its {self.name} are in another file")
        if len(cut[_RAW]) == 1 and (kind := _PLAIN.get(head.data_type)) is not None:
            (raw,) = cut[_RAW]
            if list(head.dims) == [len(raw) / kind.itemsize]:
                return np.frombuffer(raw, dtype=kind)
        whole = read(TensorProto, bytes(self.tensors[0]))
        try:
            return numpy_helper.to_array(whole)
        except Exception as error:  # of any kind, where the parts do not go together
            raise UnknownForestError(f"its {self.name} cannot be read") from error


def _read_attribute(message: memoryview) -> _Attribute:
    rest, cut = parted(message, _INTS, _TENSOR)
    head = read(AttributeProto, rest)
    return _Attribute(name=text(head.name), head=head, packed=cut[_INTS], tensors=cut[_TENSOR])


def _check_settings(said: dict[str, _Attribute]) -> None:
    unknown = sorted(said.keys() - _KNOWN)
    if unknown:
        raise UnknownForestError(f"its trees have {', '.join(unknown)}")
    for name, understood in _BY_DEFAULT.items():
        if name in said and said[name].head.i != understood:
            found = said[name].head.i
            raise UnknownForestError(f"its trees have {name} {found}, not {understood}")
    modes = np.unique(_of(said, "nodes_modes").tensor())
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
        (ensemble.roots, np.int32(nodes)),
    ):
        if ((found < 0) | (found >= most)).any():
            raise UnknownForestError("its branches lead beyond its nodes and leaves")


def _of(said: dict[str, _Attribute], name: str) -> _Attribute:
    if name not in said:
        raise UnknownForestError(f"its trees lack {name}")
    return said[name]


def _numbers(said: dict[str, _Attribute], name: str) -> NDArray[np.integer]:
    return _of(said, name).numbers()


def _places(said: dict[str, _Attribute], name: str) -> NDArray[np.int32]:
    """Return numbers of which none is too large for an array's place, or negative."""
    found = _numbers(said, name)
    if found.min(initial=0) < 0 or found.max(initial=0) > np.iinfo(np.int32).max:
        raise UnknownForestError(f"its {name} are not all numbers of nodes, leaves or features")
    return found.astype(np.int32)


def _float32(said: dict[str, _Attribute], name: str) -> NDArray[np.float32]:
    values = _of(said, name).tensor()
    if values.dtype != np.float32:
        raise UnknownForestError(f"its {name} are {values.dtype}, not float32")
    return values.astype(np.float32, casting="equiv", copy=False)


def _missing_true(said: dict[str, _Attribute]) -> NDArray[np.bool_]:
    """Return where missing values go; where nothing is said they take the false branch."""
    name = "nodes_missing_value_tracks_true"
    if name not in said:
        return np.zeros(_numbers(said, "nodes_featureids").size, dtype=bool)
    return _numbers(said, name).astype(bool)
