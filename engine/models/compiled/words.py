"""Trees as 64-bit words, one a node, so that a step of the walk is a handful of instructions.

==========  =====================================================================================
bits        meaning
==========  =====================================================================================
63 to 32    the split as a *rank*, an integer in the order of float32; of leaves, the value's bits
31 to 11    place of the true branch in its tree; the false branch is the next word
10          whether a row without the value takes the true branch
9 to 0      where the column looked at lies, counted from 1; 0 in leaves
==========  =====================================================================================

Values are laid out as words, too: their rank above 32 zeros. Then *value word > node word* says
that the value is above the split, whatever else the node's word holds, and the next place is the
true branch's plus that comparison. A leaf's true branch is itself, and column 0 holds zeros, so
steps beyond a leaf stay there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.errors import UnknownForestError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.models.compiled.ensemble import Ensemble

VALUE_SHIFT: Final = 32
PLACE_SHIFT: Final = 11
MISSING_SHIFT: Final = 10
MOST_COLUMNS: Final = 127
"""Columns at most: eight words of each lie abreast, and 10 bits say where."""
LANES: Final = 8
"""Rows whose values lie abreast."""
MOST_PLACES: Final = 1 << (VALUE_SHIFT - PLACE_SHIFT)

_TREES_AT_ONCE: Final = 8
"""Trees packed side by side, which takes some hundred bytes a node meanwhile."""
_SIGN = np.uint32(1 << 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A forest in words."""

    words: NDArray[np.uint64]
    """``(w,)`` all trees, one after the other."""
    starts: NDArray[np.int64]
    """``(t + 1,)`` first word of each tree, and the end."""
    depth: int
    """Steps from a root to the farthest leaf."""


def ranks(values: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return integers in the order of float32 values; both zeros are one.

    >>> ranks(np.array([-1.5, -0.0, 0.0, 1e-30], dtype=np.float32)).tolist()
    [1077936127, 2147483648, 2147483648, 2376221280]
    """
    bits = (values + np.float32(0)).view(np.uint32)
    ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return ordered.astype(np.uint64)


def packed(ensemble: Ensemble) -> Words:
    """Pack a forest, a few trees at a time, so that it takes little more room than the words.

    Raises
    ------
    UnknownForestError
        Where it has too many columns, or a tree too many nodes, or is none.
    """
    if ensemble.feature.max(initial=0) >= MOST_COLUMNS:
        raise UnknownForestError(f"it looks at more than {MOST_COLUMNS} features")
    trees = ensemble.roots.size
    words = np.empty(trees + 2 * ensemble.feature.size, dtype=np.uint64)
    starts, end, depth = np.zeros(trees + 1, dtype=np.int64), 0, 0
    for first in range(0, trees, _TREES_AT_ONCE):
        roots = ensemble.roots[first : first + _TREES_AT_ONCE]
        order = _level_by_level(ensemble, roots, most=words.size - end)
        some, begins = _words(ensemble, order, roots.size)
        words[end : end + some.size] = some
        starts[first + 1 : first + 1 + roots.size] = end + begins[1:]
        end, depth = end + some.size, max(depth, order.depth)
    return Words(words=words[:end], starts=starts, depth=depth)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """Nodes and leaves in their new order: by tree, by level, branches of a node side by side."""

    tree: NDArray[np.int64]
    """Number of the tree, from 0."""
    index: NDArray[np.int32]
    """Number of the node or of the leaf."""
    leaf: NDArray[np.bool_]
    first_branch: NDArray[np.int64]
    """Where the true branch is in this order; anything for leaves."""
    depth: int


def _words(
    ensemble: Ensemble, order: _Order, trees: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the words of some trees, and where each begins."""
    starts = np.searchsorted(order.tree, np.arange(trees + 1))
    place = np.arange(order.tree.size) - starts[order.tree]
    if place.max(initial=0) >= MOST_PLACES:
        raise UnknownForestError(f"a tree has more than {MOST_PLACES} nodes and leaves")
    true_place = np.where(order.leaf, place, place[order.first_branch])
    node = np.where(order.leaf, 0, order.index)
    high = np.where(
        order.leaf,
        ensemble.weight[np.where(order.leaf, order.index, 0)].view(np.uint32),
        ranks(ensemble.split[node]),
    ).astype(np.uint64)
    column = np.where(order.leaf, 0, (ensemble.feature[node] + 1) * LANES).astype(np.uint64)
    missing = np.where(order.leaf, False, ensemble.missing_true[node]).astype(np.uint64)
    words = (
        (high << np.uint64(VALUE_SHIFT))
        | (true_place.astype(np.uint64) << np.uint64(PLACE_SHIFT))
        | (missing << np.uint64(MISSING_SHIFT))
        | column
    )
    return words, starts


def _level_by_level(ensemble: Ensemble, roots: NDArray[np.int32], *, most: int) -> _Order:
    """Order some trees, which have so many nodes and leaves at the most."""
    level = (np.arange(roots.size), roots, np.zeros(roots.size, dtype=bool))
    levels, branches, count = [level], [], 0
    while level[0].size:
        tree, index, leaf = level
        after = count + tree.size
        branch = np.zeros(tree.size, dtype=np.int64)
        branch[~leaf] = after + 2 * np.arange((~leaf).sum())
        branches.append(branch)
        inner = index[~leaf]
        level = (
            tree[~leaf].repeat(2),
            np.stack([ensemble.true_id[inner], ensemble.false_id[inner]], axis=1).ravel(),
            np.stack([ensemble.true_leaf[inner], ensemble.false_leaf[inner]], axis=1).ravel(),
        )
        levels.append(level)
        count = after
        if count + level[0].size > most:
            raise UnknownForestError("its nodes share branches, so it has no trees")
    tree, index, leaf = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    order = np.argsort(tree, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    return _Order(
        tree=tree[order],
        index=index[order],
        leaf=leaf[order],
        first_branch=place[np.concatenate(branches)[order]],
        depth=len(branches) - 1,
    )
