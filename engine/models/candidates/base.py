"""What every candidate is: settings that fit themselves to rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from engine.models.graphs.graph import onnx_file
from engine.models.threads import single_threaded_products

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.models.graphs.graph import Graph
    from engine.models.table import Variable

Kind = Literal["soil-moisture", "sif"]
"""What a model predicts."""

_RANDOM_FOLDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows to learn from."""

    values: NDArray[np.float32]
    """``(n, f)`` predictors, NaN where missing."""
    truth: NDArray[np.float64]
    """``(n,)`` target."""
    folds: NDArray[np.int64]
    """``(n,)`` number of the fold of spatial blocks that a row is in; any numbers."""

    def __len__(self) -> int:
        return int(self.truth.size)

    def rows(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> Sample:
        """Return some of the rows."""
        return Sample(values=self.values[kept], truth=self.truth[kept], folds=self.folds[kept])

    def at_most(self, rows: int | None, seed: int) -> Sample:
        """Return so many rows, drawn evenly over the folds and over the target in each."""
        if rows is None or len(self) <= rows:
            return self
        order = np.lexsort((self.truth, self.folds))
        start = np.random.default_rng(seed).random()
        drawn = order[((np.arange(rows) + start) * (len(self) / rows)).astype(np.int64)]
        return self.rows(np.sort(drawn))

    def inner_folds(self, seed: int) -> NDArray[np.int64]:
        """Return folds from 0 that can be held out.

        They are the rows' own. Where all rows are in one fold they are dealt at random, for want
        of anything better.
        """
        names, folds = np.unique(self.folds, return_inverse=True)
        if names.size < 2:
            return np.random.default_rng(seed).permutation(len(self)) % _RANDOM_FOLDS
        return folds

    def hold_out(self, number: int, seed: int) -> tuple[Sample, Sample]:
        """Return the rows without a fold, and the fold's; numbers are counted round."""
        folds = self.inner_folds(seed)
        held_out = folds == number % (int(folds.max()) + 1)
        return self.rows(~held_out), self.rows(held_out)


class Fitted(ABC):
    """A candidate that has learnt."""

    @single_threaded_products()
    def predict(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Predict rows ``(n, f)``, NaN where missing, as ``(n,)`` in the target's unit."""
        rows = np.ascontiguousarray(values, dtype=np.float32)
        return self.predicted(rows) if len(rows) else np.empty(0)

    @abstractmethod
    def predicted(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predict at least one row."""

    @abstractmethod
    def graph(self, prefix: str = "") -> Graph:
        """Return the model as operators whose names begin with a prefix."""

    def importance(self) -> NDArray[np.float64] | None:
        """Return each feature's share ``(f,)`` in what the splits gain; None without splits."""
        return None

    def found(self) -> dict[str, float]:
        """Return what the rows have decided, such as a number of trees, by its name."""
        return {}

    def to_onnx(
        self, features: Sequence[Variable], target: Variable, notes: Mapping[str, str] | None = None
    ) -> bytes:
        """Return the content of an ONNX file, see `engine.models.graphs.graph.onnx_file`."""
        return onnx_file(self.graph(), features, target, notes)


class Settings(BaseModel, ABC):
    """Settings of an algorithm, which make it a candidate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int | None = Field(
        default=None, ge=100, description="Most rows that are learnt from; all where absent."
    )
    rows_in_folds: int | None = Field(
        default=None, ge=100, description="Most rows of each cross-validation fold's model."
    )
    seed: int = Field(default=20, ge=0, lt=2**32)

    @single_threaded_products()
    def fit(
        self,
        values: NDArray[np.floating],
        truth: NDArray[np.floating],
        *,
        folds: NDArray[np.integer],
        threads: int = 1,
        seed: int | None = None,
    ) -> Fitted:
        """Learn a target from predictors.

        Parameters
        ----------
        values
            ``(n, f)`` predictors, NaN where missing; taken as float32, as they will be at
            prediction.
        truth
            ``(n,)`` target.
        folds
            ``(n,)`` fold of spatial blocks of each row. What a candidate holds out to learn from,
            to stop early or to stack, are such folds.
        threads
            Threads at most; the model does not depend on it.
        seed
            The settings' own where not given.
        """
        seed = self.seed if seed is None else seed
        sample = Sample(
            values=np.ascontiguousarray(values, dtype=np.float32),
            truth=np.asarray(truth, dtype=np.float64),
            folds=np.asarray(folds, dtype=np.int64),
        )
        return self.learn(sample.at_most(self.rows, seed), threads=threads, seed=seed)

    def in_folds(self) -> Self:
        """Return the lighter settings that cross-validation uses."""
        most = [rows for rows in (self.rows, self.rows_in_folds) if rows is not None]
        return self.model_copy(update={"rows": min(most, default=None)})

    def told(self) -> str:
        """Return the settings in a few words, for progress and cards."""
        return self._size() + (f", at most {self.rows} rows" if self.rows is not None else "")

    @abstractmethod
    def learn(self, sample: Sample, *, threads: int, seed: int) -> Fitted:
        """Fit to all rows of a sample."""

    @abstractmethod
    def _size(self) -> str:
        """Return how large the model is, in a few words."""
