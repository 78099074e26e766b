"""Stacking: several candidates, weighed by how they predict blocks that they have not seen.

References
----------
Breiman, L. (1996). Stacked regressions. doi:10.1007/BF00117832
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import Field
from scipy.optimize import nnls

from engine.models.candidates.base import Fitted, Sample, Settings
from engine.models.candidates.boosting import XGBoost
from engine.models.candidates.forest import RandomForest
from engine.models.candidates.kernel import SupportVectors
from engine.models.candidates.network import NeuralNetworks
from engine.models.graphs.stack import stack_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.models.graphs.graph import Graph

_SURE = 1e3
"""Weight of the sum of the shares against all rows."""

Base = Annotated[
    RandomForest | XGBoost | SupportVectors | NeuralNetworks, Field(discriminator="algorithm")
]
"""A candidate that can be stacked."""


class Stacking(Settings):
    """A mixture of candidates, by shares that are never negative and add up to 1.

    The mixture is learnt from predictions of folds that the candidates had not seen. Their lighter
    settings for folds make those; the stored ones have learnt from all rows.
    """

    algorithm: Literal["stacking"] = "stacking"
    bases: tuple[Base, ...] = Field(min_length=1, description="The candidates to mix.")
    penalty: float = Field(
        default=0.3,
        ge=0,
        description="Ridge penalty on how far the shares are from equal ones, as a part of the "
        "target's variance: held-out folds are few, and equal shares hard to beat.",
    )

    def in_folds(self) -> Self:
        """Return the settings with all candidates lighter."""
        bases = tuple(base.in_folds() for base in self.bases)
        return super().in_folds().model_copy(update={"bases": bases})

    def learn(self, sample: Sample, *, threads: int, seed: int) -> Fitted:
        """Weigh the candidates by held-out predictions, then fit them to all rows."""
        held_out = np.column_stack(
            [_held_out(base.in_folds(), sample, threads, seed) for base in self.bases]
        )
        shares = self._weighed(held_out, sample.truth)
        # Who has no share need not be there.
        chosen = [base for base, share in zip(self.bases, shares, strict=True) if share > 0]
        return FittedStack(
            fitted=tuple(_fitted(base, sample, threads, seed) for base in chosen),
            names=tuple(base.algorithm for base in chosen),
            shares=shares[shares > 0],
        )

    def _weighed(
        self, predictions: NDArray[np.float64], truth: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return non-negative shares ``(b,)`` whose sum is 1, by least squares with a penalty."""
        count = predictions.shape[1]
        pull = np.sqrt(self.penalty * float(truth.var()) * truth.size)
        sure = _SURE * (1 + float(np.linalg.norm(predictions)))
        design = np.vstack([predictions, pull * np.eye(count), np.full((1, count), sure)])
        shares, _ = nnls(design, np.concatenate([truth, np.full(count, pull / count), [sure]]))
        weighed: NDArray[np.float64] = shares / shares.sum()
        return weighed

    def _size(self) -> str:
        return " + ".join(base.algorithm for base in self.bases)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedStack(Fitted):
    """Fitted candidates and their mixture."""

    fitted: tuple[Fitted, ...]
    names: tuple[str, ...]
    """Algorithms of those that have a share."""
    shares: NDArray[np.float64]
    """Of each; their sum is 1."""

    def predicted(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mix the candidates' predictions, rounded to float32 as they are in the ONNX file."""
        parts = [_rounded(fitted.predicted(rows)) for fitted in self.fitted]
        mixed: NDArray[np.float64] = np.column_stack(parts) @ self.shares
        return mixed

    def found(self) -> dict[str, float]:
        """Return the candidates' shares, and what they have found."""
        shares = zip(self.names, self.shares.tolist(), strict=True)
        return {f"share of {name}": round(share, 4) for name, share in shares} | {
            f"{what} of {name}": number
            for name, fitted in zip(self.names, self.fitted, strict=True)
            for what, number in fitted.found().items()
        }

    def graph(self, prefix: str = "") -> Graph:
        """Return all candidates and their mixture as one graph."""
        parts = [
            fitted.graph(f"{prefix}{number}_{name}_")
            for number, (name, fitted) in enumerate(zip(self.names, self.fitted, strict=True))
        ]
        return stack_graph(parts, self.shares, prefix)

    def importance(self) -> NDArray[np.float64] | None:
        """Return the mean of those candidates that know it, by their shares."""
        known = [
            (share, importance)
            for share, fitted in zip(self.shares, self.fitted, strict=True)
            if (importance := fitted.importance()) is not None
        ]
        if not known:
            return None
        weights, importances = zip(*known, strict=True)
        return np.average(importances, axis=0, weights=weights)


def _fitted(base: Settings, sample: Sample, threads: int, seed: int) -> Fitted:
    return base.learn(sample.at_most(base.rows, seed), threads=threads, seed=seed)


def _held_out(base: Settings, sample: Sample, threads: int, seed: int) -> NDArray[np.float64]:
    """Predict every fold by a candidate that has learnt from the others."""
    folds = sample.inner_folds(seed)
    prediction = np.empty(len(sample))
    for fold in np.unique(folds):
        held_out = folds == fold
        fitted = _fitted(base, sample.rows(~held_out), threads, seed)
        prediction[held_out] = _rounded(fitted.predict(sample.values[held_out]))
    return prediction


def _rounded(prediction: NDArray[np.float64]) -> NDArray[np.float64]:
    return prediction.astype(np.float32).astype(np.float64)
