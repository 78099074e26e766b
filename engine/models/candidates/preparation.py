"""Filling and scaling of predictors for algorithms that need numbers near 1.

All of it is learnt from the rows that the algorithm learns from, and goes with the model into its
ONNX file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.models.candidates.base import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What turns predictors into standardised inputs, and a target back."""

    centre: NDArray[np.float32]
    """``(f,)`` means of the predictors."""
    scale: NDArray[np.float32]
    """``(f,)`` standard deviations; 1 where a predictor never varies."""
    fill: NDArray[np.float32]
    """``(f,)`` medians less the centre; stand in for missing values."""
    low: NDArray[np.float32]
    """``(f,)`` least value less the centre that is told apart: one scale below all rows, or 0
    where a predictor never varied, so that nothing was learnt of it."""
    high: NDArray[np.float32]
    """``(f,)`` greatest such value: one scale above all rows."""
    target_centre: float
    target_scale: float

    @classmethod
    def learnt(cls, sample: Sample) -> Self:
        """Return the preparation that suits some rows."""
        present = np.isfinite(sample.values)
        some = present.any(axis=0)
        values = np.where(some & ~present, np.nan, np.where(present, sample.values, 0))
        centre = np.nanmean(values, axis=0, dtype=np.float64).astype(np.float32)
        scale = np.nanstd(values, axis=0, dtype=np.float64).astype(np.float32)
        varies = np.nanmax(values, axis=0) > np.nanmin(values, axis=0)
        scale[~varies] = 1
        spread = float(sample.truth.std())
        return cls(
            centre=centre,
            scale=scale,
            fill=np.where(varies, np.nanmedian(values, axis=0) - centre, 0).astype(np.float32),
            low=np.where(varies, np.nanmin(values, axis=0) - centre - scale, 0).astype(np.float32),
            high=np.where(varies, np.nanmax(values, axis=0) - centre + scale, 0).astype(np.float32),
            target_centre=float(sample.truth.mean()),
            target_scale=spread if spread > 0 else 1.0,
        )

    def inputs(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return predictors ``(n, f)`` filled, kept near the known ones, and standardised."""
        rows = np.asarray(values, dtype=np.float32)
        filled = np.where(np.isnan(rows), self.fill, rows - self.centre)
        inputs = np.clip(filled, self.low, self.high) * (np.float32(1) / self.scale)
        return np.asarray(inputs, dtype=np.float32)

    def target(self, truth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardise a target ``(n,)``."""
        return (truth - self.target_centre) / self.target_scale

    def restored(self, target: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return a standardised target in its unit."""
        return target.astype(np.float64) * self.target_scale + self.target_centre
