"""Does the ONNX file repeat its estimator? If not, it is never stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine.errors import ParityError
from engine.models.inference import Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMIT = 1e-5
"""Largest difference allowed, in the target's unit."""

_ROWS = 2000
_ROWS_PER_FEATURE = 50


class Estimator(Protocol):
    """What the file is compared with."""

    def predict(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predict rows ``(n, f)``, NaN where missing."""


def check_parity(
    estimator: Estimator, onnx: bytes, values: NDArray[np.float32], *, limit: float = LIMIT
) -> float:
    """Compare an ONNX model with its estimator on rows that it has not been fitted to.

    Both who may read the file are asked: our compiled code and onnxruntime.

    Parameters
    ----------
    estimator
        The fitted estimator.
    onnx
        The exported model.
    values
        ``(n, f)`` training rows, from which the rows to compare are made (`held_out_rows`).
    limit
        Largest difference allowed.

    Returns
    -------
    float
        Largest absolute difference.

    Raises
    ------
    ParityError
        Where it is above the limit.
    """
    rows = held_out_rows(values)
    expected = estimator.predict(rows)
    difference = max(
        float(np.abs(Session(onnx, compiled=compiled)(rows) - expected).max())
        for compiled in (True, False)
    )
    if not difference <= limit:
        raise ParityError(difference, limit)
    return difference


def held_out_rows(values: NDArray[np.float32], seed: int = 0) -> NDArray[np.float32]:
    """Make rows that are in no training table but reach all branches.

    Every feature is drawn on its own, so the combinations are new. Some rows lack one feature,
    for each feature in turn, some lack half of them, one lacks all.
    """
    generator = np.random.default_rng(seed)
    features = values.shape[1]

    def drawn(rows: int) -> NDArray[np.float32]:
        picks = generator.integers(len(values), size=(rows, features))
        return np.take_along_axis(values, picks, axis=0)

    lacking = drawn(_ROWS_PER_FEATURE * features)
    lacking[np.arange(len(lacking)), np.arange(len(lacking)) % features] = np.nan
    sparse = drawn(_ROWS // 4)
    sparse[generator.random(sparse.shape) < 0.5] = np.nan
    empty = np.full((1, features), np.nan, dtype=np.float32)
    return np.concatenate([drawn(_ROWS), lacking, sparse, empty])
