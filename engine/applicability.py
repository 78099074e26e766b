"""How unlike a pixel is to everything that the model has learnt from.

A model is fitted to 9 km means and applied to 1 km pixels, which vary more; far from all training
rows it guesses. Features are standardised, and those of high importance scaled by its square root,
so that squared distances add up in its measure. The dissimilarity index of a pixel is its distance
to the nearest training row, divided by the mean distance between training rows. The threshold is
the upper whisker of what training rows find in the other spatial blocks: what the cross-validation
has tried is not beyond it. The layer ``applicability`` is index ÷ threshold; above 1 the model's
scores promise nothing.

All of it is one ONNX file, a matrix product of the pixels with at most 1500 training rows, drawn
evenly over blocks and target. On so bounded a sample the product takes about as long as a small
forest, while a search tree in twenty dimensions would look at most rows anyway.

References
----------
Meyer, H. & Pebesma, E. (2021). Predicting into unknown space? Estimating the area of applicability
of spatial prediction models. doi:10.1111/2041-210X.13650
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.models.candidates.base import Sample
from engine.models.candidates.preparation import Preparation
from engine.models.graphs.graph import INPUT, Drawing, onnx_file
from engine.models.table import Variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.models.graphs.graph import Graph

ROWS = 1500
"""Most training rows that pixels are compared with."""

_LEAST_IMPORTANCE = 1.5
"""Importance that every feature has at least, in mean ones. What hardly varies among coarse cells,
such as towns and water, has none for the model; yet there it errs most."""
_WHISKER = 1.5
"""Interquartile ranges above the upper quartile up to which an index is no outlier."""
_ROWS_PER_CALL = 1024
_ROWS_AT_ONCE = 8192

TARGET = Variable(name="applicability", units="1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicability:
    """What pixels are compared with."""

    preparation: Preparation
    """Fills and standardises features."""
    scale: NDArray[np.float64]
    """``(f,)`` what standardised features are multiplied by."""
    rows: NDArray[np.float64]
    """``(n, f)`` training rows, standardised and scaled."""
    folds: NDArray[np.int64]
    """``(n,)`` number of their folds of spatial blocks."""
    mean_distance: float
    """Between training rows."""
    threshold: float
    """Largest dissimilarity index that is no outlier among training rows."""

    @classmethod
    def learnt(
        cls,
        values: NDArray[np.floating],
        truth: NDArray[np.floating],
        folds: NDArray[np.integer],
        importance: NDArray[np.floating] | None = None,
        *,
        rows: int = ROWS,
        seed: int = 20,
    ) -> Applicability:
        """Learn from training rows what is familiar.

        Parameters
        ----------
        values
            ``(n, f)`` features, NaN where missing.
        truth
            ``(n,)`` target; rows are drawn evenly over it.
        folds
            ``(n,)`` number of each row's fold of spatial blocks.
        importance
            ``(f,)`` shares of the features in what the model says; all alike where not known.
        rows
            Most rows to keep.
        seed
            Of the draw.
        """
        sample = Sample(
            values=np.asarray(values, dtype=np.float32),
            truth=np.asarray(truth, dtype=np.float64),
            folds=np.asarray(folds, dtype=np.int64),
        )
        preparation, kept = Preparation.learnt(sample), sample.at_most(rows, seed)
        scale = _scale(importance, values.shape[1])
        known = _standardised(preparation, kept.values) * scale
        distance = np.sqrt(_squared_distances(known, known))
        mean_distance = float(distance.sum() / max(distance.size - len(known), 1)) or 1.0
        apart = np.where(kept.folds[:, None] == kept.folds, np.inf, distance).min(axis=1)
        return cls(
            preparation=preparation,
            scale=scale,
            rows=known,
            folds=kept.folds,
            mean_distance=mean_distance,
            threshold=_upper_whisker(apart[np.isfinite(apart)] / mean_distance),
        )

    def between_folds(
        self, values: NDArray[np.floating], folds: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Return index ÷ threshold of training rows that may not see their own fold.

        Parameters
        ----------
        values
            ``(n, f)`` features, NaN where missing.
        folds
            ``(n,)`` number of each row's fold.

        Returns
        -------
        ndarray (n,)
            NaN where all rows are in one fold.
        """
        nearest = np.full(len(values), np.nan)
        for start in range(0, len(values), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            rows = _standardised(self.preparation, values[part]) * self.scale
            squared = _squared_distances(rows, self.rows)
            squared[folds[part, np.newaxis] == self.folds] = np.inf
            nearest[part] = np.sqrt(squared.min(axis=1))
        index = nearest / (self.mean_distance * self.threshold)
        return np.where(np.isfinite(index), index, np.nan)

    def to_onnx(self, features: Sequence[Variable]) -> bytes:
        """Return an ONNX model from the features to index ÷ threshold."""
        return onnx_file(self._graph(), features, TARGET)

    def _graph(self) -> Graph:
        """Draw ``sqrt(min(|z|² + |r|² - 2 z·r))`` ÷ mean distance ÷ threshold."""
        drawing, preparation = Drawing(""), self.preparation
        centred = drawing.node(
            "Sub", [INPUT, drawing.constant("centre", preparation.centre)], "raw"
        )
        missing = drawing.node("IsNaN", [INPUT], "missing")
        fill = drawing.constant("fill", preparation.fill)
        filled = drawing.node("Where", [missing, fill, centred], "filled")
        factor = drawing.constant("scale", self.scale / preparation.scale)
        z = drawing.node("Mul", [filled, factor], "z")
        across = drawing.axis(1)
        length = drawing.node("ReduceSumSquare", [z, across], "length", keepdims=1)
        product = drawing.node(
            "Gemm",
            [
                z,
                drawing.constant("rows", -2 * self.rows.T),
                drawing.constant("lengths", (self.rows**2).sum(axis=1)),
            ],
            "product",
        )
        nearest = drawing.node("ReduceMin", [product, across], "nearest", keepdims=1)
        squared = drawing.node("Add", [nearest, length], "squared")
        positive = drawing.node("Relu", [squared], "positive")
        distance = drawing.node("Sqrt", [positive], "distance")
        unit = np.array([1 / (self.mean_distance * self.threshold)])
        index = drawing.node("Mul", [distance, drawing.constant("unit", unit)], "index")
        return drawing.graph(index, _ROWS_PER_CALL)


def _standardised(preparation: Preparation, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Fill and standardise rows; unlike a model's inputs they are not kept near the known ones."""
    rows = np.asarray(values, dtype=np.float32)
    filled = np.where(np.isnan(rows), preparation.fill, rows - preparation.centre)
    return filled.astype(np.float64) / preparation.scale


def _squared_distances(
    rows: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ``|z|² + |r|² - 2 z·r``, ``(n, m)``."""
    lengths = (rows**2).sum(axis=1)[:, np.newaxis] + (others**2).sum(axis=1)
    return np.asarray(np.maximum(lengths - 2 * rows @ others.T, 0))


def _scale(importance: NDArray[np.floating] | None, features: int) -> NDArray[np.float64]:
    """Return the square roots of the importances, whose mean is 1."""
    shares = np.ones(features) if importance is None else np.asarray(importance, np.float64)
    shares = np.maximum(np.nan_to_num(shares), 0)
    if not shares.any():
        shares = np.ones(features)
    shares = np.maximum(shares / shares.mean(), _LEAST_IMPORTANCE)
    return np.sqrt(shares / shares.mean())


def _upper_whisker(index: NDArray[np.float64]) -> float:
    """Return the largest index within one and a half interquartile ranges of the upper quartile."""
    if not index.size:
        return 1.0
    low, high = np.quantile(index, [0.25, 0.75])
    fence = high + _WHISKER * (high - low)
    return float(index[index <= fence].max()) or 1.0
