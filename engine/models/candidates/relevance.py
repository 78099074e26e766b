"""How much each predictor tells, for algorithms that would heed all of them alike.

A distance between rows takes every predictor for as good as any other, whether it tells anything or
not, and so a column of noise hides what the others tell. A small forest knows better.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.models.candidates.forest import RandomForest

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ONE_AT_A_TIME: Final = Lock()
"""Forests that grow in several threads at once take the process's filters of warnings from each
other, and then warn of it."""
_TREES: Final = 60
_LEAVES: Final = 200
"""Leaves of a tree at most. Deeper splits tell noise apart as well as anything."""
_LEAST: Final = 0.001
"""Share that every predictor has at least: what tells little on its own may tell apart places
that are alike in all else."""


def relevance(inputs: NDArray[np.float32], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much each input counts in a distance.

    Parameters
    ----------
    inputs
        ``(n, f)`` without gaps.
    target
        ``(n,)`` in any unit.

    Returns
    -------
    ndarray ``(f,)``
        ``sqrt(s_j sum_k s_k²)`` with ``s_j`` each input's share in what the forest's splits gain:
        1 / f where all tell as much. An input that tells nothing changes none of the others.
    """
    shares = _gained(inputs, target)
    counts = np.maximum(shares, _LEAST) * (shares**2).sum()
    return np.asarray(np.sqrt(counts))


def _gained(inputs: NDArray[np.float32], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each input's share in what the splits gain; one that never varies has none."""
    varies = np.ptp(inputs, axis=0) > 0
    gains = np.zeros(varies.size)
    if varies.any():
        leaf = max(5, len(inputs) // _LEAVES)
        forest = RandomForest(trees=_TREES, min_samples_leaf=leaf).estimator(len(inputs))
        with _ONE_AT_A_TIME:
            gains[varies] = forest.fit(inputs[:, varies], target).feature_importances_
    total = gains.sum()
    return gains / total if total > 0 else np.full(gains.size, 1 / gains.size)
