"""Synthetic predictors on a raster: smooth and rough fields mixed, and a target that bends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from engine.models.table import Variable

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (600, 570)
"""Rows and columns, about those of Henan at 1 km."""
FEATURES = tuple(Variable(name=f"predictor_{number}", units="1") for number in range(18))
TARGET = Variable(name="soil_moisture", units="m3 m-3")

_SMOOTHNESS = (2, 4, 5, 12, 30, 60)
_GRAIN = 0.3
_NOISE = 0.035


def predictors(seed: int) -> NDArray[np.float32]:
    """Return correlated predictors ``(cells, 18)`` in the raster's order."""
    generator = np.random.default_rng(seed)
    fields = [gaussian_filter(generator.normal(size=SHAPE), width) for width in _SMOOTHNESS]
    standard = np.stack([((one - one.mean()) / one.std()).ravel() for one in fields], axis=1)
    mixture = np.random.default_rng(1).normal(size=(len(fields), len(FEATURES)))
    grain = generator.normal(size=(len(standard), len(FEATURES)))
    mixed: NDArray[np.float32] = (standard @ mixture + _GRAIN * grain).astype(np.float32)
    return mixed


def target(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a noisy target ``(cells,)`` of predictors, about 0.25 m3 m-3."""
    weights = np.random.default_rng(2).normal(size=(values.shape[1], 6)) / 4
    hidden = np.tanh(values @ weights)
    bent = (
        hidden[:, 0] * hidden[:, 1]
        + hidden[:, 2]
        + 0.5 * np.sin(6 * hidden[:, 3])
        + hidden[:, 4] * (hidden[:, 5] > 0)
    )
    noise = _NOISE * np.random.default_rng(3).normal(size=len(values))
    return np.asarray(0.25 + 0.05 * bent + noise, dtype=np.float64)


def with_gaps(values: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Return predictors of which a share is missing."""
    missing = np.random.default_rng(4).random(values.shape) < share
    return np.where(missing, np.float32(np.nan), values)
