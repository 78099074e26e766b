"""Spatial blocks: which cells are held out together.

Neighbouring cells share their predictors' pixels, SMAP's footprint and the weather, so a row held
out at random has its twins in the training rows and its score is optimistic. Whole blocks held
out say how the model does in cells that it has never seen.

References
----------
Roberts, D. R. et al. (2017). Cross-validation strategies for data with temporal, spatial,
hierarchical, or phylogenetic structure. doi:10.1111/ecog.02881
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.grids import COARSE_PIXEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_SIDE = 8 * COARSE_PIXEL
"""Least side of a spatial block in metres: 8 × 8 coarse cells, about 72 km."""

BLOCK_FOLDS = 4
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFolds:
    """Rows dealt into folds by the block that they lie in."""

    number: NDArray[np.int64]
    """``(n,)`` fold of each row, from 0."""
    blocks: int
    """How many blocks there are."""
    width: float
    """Metres from west to east."""
    height: float
    """Metres from north to south."""

    @property
    def count(self) -> int:
        """Number of folds."""
        return int(self.number.max()) + 1

    def __str__(self) -> str:
        return (
            f"{self.count} folds of {self.blocks} blocks of "
            f"{self.width / 1000:.0f} × {self.height / 1000:.0f} km"
        )


def block_folds(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    seed: int,
    *,
    folds: int = BLOCK_FOLDS,
    side: float = BLOCK_SIDE,
) -> BlockFolds | None:
    """Deal whole spatial blocks into folds of about equal size.

    Parameters
    ----------
    x, y
        ``(n,)`` place of the rows in metres.
    seed
        Orders blocks of the same size.
    folds
        Most folds; fewer where there are fewer blocks.
    side
        Least side of a block in metres.

    Returns
    -------
    BlockFolds or None
        None where all rows lie in one place, so that no part can be held out.

    Notes
    -----
    The area is cut into equal blocks. An area smaller than two of them is cut in two across its
    longer side, so blocks may be smaller than asked for.
    """
    block, (width, height) = spatial_blocks(x, y, side)
    names, counts = np.unique(block, return_counts=True)
    if names.size < 2:
        return None
    folds = min(folds, names.size)
    order = np.random.default_rng(seed).permutation(names.size)
    order = order[np.argsort(-counts[order], kind="stable")]
    load = np.zeros(folds, dtype=np.int64)
    fold_of = np.zeros(names.size, dtype=np.int64)
    for block_index in order:
        fold_of[block_index] = load.argmin()
        load[fold_of[block_index]] += counts[block_index]
    number = fold_of[np.searchsorted(names, block)]
    return BlockFolds(number=number, blocks=names.size, width=width, height=height)


def spatial_blocks(
    x: NDArray[np.float64], y: NDArray[np.float64], side: float = BLOCK_SIDE
) -> tuple[NDArray[np.int64], tuple[float, float]]:
    """Return each row's block number and the blocks' width and height in metres."""
    extents = [float(np.ptp(values)) + COARSE_PIXEL for values in (x, y)]
    counts = [max(1, int(extent / side + _ROUNDING)) for extent in extents]
    if counts == [1, 1]:
        counts[int(np.argmax(extents))] = 2
    sides = (extents[0] / counts[0], extents[1] / counts[1])
    column, row = (
        np.clip(np.floor((values - values.min() + COARSE_PIXEL / 2) / width), 0, count - 1).astype(
            np.int64
        )
        for values, width, count in zip((x, y), sides, counts, strict=True)
    )
    return row * counts[0] + column, sides
