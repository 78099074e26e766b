"""How well predictions agree with what they should be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Metrics(BaseModel):
    """Agreement of predictions with a reference; population moments.

    Undefined numbers (R² and R of a reference that never varies) are None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int
    r2: float | None
    """1 - sum of squared errors ÷ sum of squared deviations of the reference."""
    rmse: float
    ubrmse: float
    """RMSE without the bias: rmse² = bias² + ubrmse²."""
    mae: float
    bias: float
    """Mean of prediction - reference."""
    r: float | None
    """Pearson's correlation."""


def metrics(prediction: NDArray[np.floating], reference: NDArray[np.floating]) -> Metrics:
    """Compare two arrays of the same shape where both are finite.

    >>> metrics(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0])).bias
    0.3333333333333333
    """
    both = np.isfinite(prediction) & np.isfinite(reference)
    x = prediction[both].astype(np.float64)
    y = reference[both].astype(np.float64)
    if not x.size:
        raise ValueError("no pair of finite values to compare")
    error = x - y
    variance = float(y.var())
    spread = float(x.std()) * math.sqrt(variance)
    return Metrics(
        n=int(x.size),
        r2=1 - float((error**2).mean()) / variance if variance > 0 else None,
        rmse=math.sqrt(float((error**2).mean())),
        ubrmse=float(error.std()),
        mae=float(np.abs(error).mean()),
        bias=float(error.mean()),
        r=float(((x - x.mean()) * (y - y.mean())).mean()) / spread if spread > 0 else None,
    )
