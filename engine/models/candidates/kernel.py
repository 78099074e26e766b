"""Support vector machines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import Field

from engine.models.candidates.base import Fitted, Sample, Settings
from engine.models.candidates.preparation import Preparation
from engine.models.candidates.relevance import relevance
from engine.models.graphs.kernel import kernel_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.models.graphs.graph import Graph

_BATCH: Final = 64
"""Rows at once, so that the kernel's values stay in the processor's cache."""


class SupportVectors(Settings):
    """Support vector regression with a radial kernel on predictors scaled by what they tell.

    Predictors are standardised, and then count in the kernel by their relevance
    (`engine.models.candidates.relevance`) or all alike. The cost grows with the square of the
    rows, so `rows` bounds them. Missing values become the median of the rows that it learns from.
    """

    algorithm: Literal["svr"] = "svr"
    rows: int = Field(default=10_000, ge=100, le=15_000, description="Most rows learnt from.")
    cost: float = Field(default=1, gt=0, description="C, for a target of variance 1.")
    tube: float = Field(
        default=0.3,
        ge=0,
        description="Epsilon in standard deviations of the target: errors below it are none. The "
        "wider, the fewer vectors.",
    )
    width: float = Field(
        default=0.075,
        gt=0,
        description="Gamma times the number of features, if all told as much: narrower where "
        "greater.",
    )
    by_relevance: bool = Field(
        default=True, description="Whether predictors count by what they tell, or all alike."
    )

    def learn(self, sample: Sample, *, threads: int, seed: int) -> Fitted:
        """Find the support vectors."""
        from sklearn.svm import SVR  # noqa: PLC0415 - prediction does without

        del threads, seed
        preparation, target = self._prepared(sample)
        machine = SVR(C=self.cost, epsilon=self.tube, gamma=self.width, cache_size=500)
        machine.fit(preparation.inputs(sample.values), target)
        return FittedMachine(
            preparation=preparation,
            vectors=machine.support_vectors_,
            weights=machine.dual_coef_[0] * preparation.target_scale,
            intercept=float(
                preparation.restored(np.asarray(machine.intercept_, dtype=np.float64))[0]
            ),
            gamma=self.width,
        )

    def _prepared(self, sample: Sample) -> tuple[Preparation, NDArray[np.float64]]:
        """Return what scales predictors by how they count, and the standardised target."""
        preparation = Preparation.learnt(sample)
        target = preparation.target(sample.truth)
        columns = sample.values.shape[1]
        counts = np.full(columns, 1 / columns)
        if self.by_relevance:
            counts = relevance(preparation.inputs(sample.values), target)
        scale = (preparation.scale / np.sqrt(counts)).astype(np.float32)
        return replace(preparation, scale=scale), target

    def _size(self) -> str:
        return "support vectors"


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMachine(Fitted):
    """A fitted support vector machine."""

    preparation: Preparation
    vectors: NDArray[np.float64]
    """``(v, f)`` support vectors, scaled."""
    weights: NDArray[np.float64]
    """``(v,)`` in the target's unit."""
    intercept: float
    gamma: float

    def predicted(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the weighted sums of the kernel, batch by batch.

        As in the ONNX file exponents are float32, five times as fast, and sums float64: great
        weights of both signs nearly cancel out.
        """
        inputs = self.preparation.inputs(rows)
        factors = (2 * self.gamma * self.vectors.T).astype(np.float32)
        offsets = (self.gamma * (self.vectors**2).sum(axis=1)).astype(np.float32)
        starts = range(0, len(inputs), _BATCH)
        return np.concatenate(
            [self._summed(inputs[start : start + _BATCH], factors, offsets) for start in starts]
        )

    def found(self) -> dict[str, float]:
        """Return the number of support vectors."""
        return {"vectors": len(self.vectors)}

    def graph(self, prefix: str = "") -> Graph:
        """Return the machine as two matrix products."""
        return kernel_graph(
            self.preparation,
            vectors=self.vectors,
            weights=self.weights,
            intercept=self.intercept,
            gamma=self.gamma,
            prefix=prefix,
        )

    def _summed(
        self,
        inputs: NDArray[np.float32],
        factors: NDArray[np.float32],
        offsets: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """Return the sums of some rows ``(n,)`` by ``2γ s`` and ``γ |s|²`` of the vectors."""
        exponents = inputs @ factors
        exponents -= offsets
        exponents -= np.float32(self.gamma) * (inputs**2).sum(axis=1)[:, np.newaxis]
        kernel = np.exp(exponents, out=exponents)
        summed: NDArray[np.float64] = kernel.astype(np.float64) @ self.weights + self.intercept
        return summed
