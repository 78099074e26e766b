"""Gradient-boosted trees by XGBoost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from pydantic import Field

from engine.models.candidates.base import Fitted, Sample, Settings
from engine.models.graphs.boosting import boosting_graph

if TYPE_CHECKING:
    import xgboost
    from numpy.typing import NDArray

    from engine.models.graphs.graph import Graph


_THREADS: Final = 1
"""XGBoost's threads wait for each other at every level of every tree: where anything else keeps
the cores busy, two take ten times as long as one."""


class XGBoost(Settings):
    """Boosted trees on binned predictors; missing values are learnt, not filled.

    How many trees there are is decided by a fold of blocks that is held out: trees are added
    until it has gained nothing for a while. Then all rows are learnt from with that many.
    """

    algorithm: Literal["xgboost"] = "xgboost"
    most_trees: int = Field(default=600, ge=1, le=5000, description="Trees at most.")
    patience: int = Field(
        default=30, ge=1, description="Trees without gain on the held-out fold before it stops."
    )
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    depth: int = Field(default=7, ge=1, le=14)
    min_child_weight: float = Field(default=5, ge=0, description="Least rows of a leaf.")
    row_share: float = Field(
        default=0.7, gt=0, le=1, description="Share of the rows that each tree is shown."
    )
    feature_share: float = Field(
        default=0.6, gt=0, le=1, description="Share of the features that each tree is shown."
    )
    ridge: float = Field(default=1, ge=0, description="Penalty on squared values of leaves.")

    def learn(self, sample: Sample, *, threads: int, seed: int) -> Fitted:
        """Find the number of trees, then boost with all rows."""
        import xgboost  # noqa: PLC0415 - prediction does without

        del threads
        parameters = self._parameters(seed)
        learnt, held_out = sample.hold_out(seed, seed)
        data = _binned(learnt)
        stopped = xgboost.train(
            parameters,
            data,
            self.most_trees,
            evals=[(_binned(held_out, like=data), "blocks")],
            early_stopping_rounds=self.patience,
            verbose_eval=False,
        )
        trees = stopped.best_iteration + 1
        booster = xgboost.train(parameters, _binned(sample), trees)
        return FittedBooster(booster, sample.values.shape[1])

    def _parameters(self, seed: int) -> dict[str, Any]:
        return {
            "objective": "reg:squarederror",
            "tree_method": "hist",
            "learning_rate": self.learning_rate,
            "max_depth": self.depth,
            "min_child_weight": self.min_child_weight,
            "subsample": self.row_share,
            "colsample_bytree": self.feature_share,
            "reg_lambda": self.ridge,
            "seed": seed % 2**31,
            "nthread": _THREADS,
        }

    def _size(self) -> str:
        return f"at most {self.most_trees} trees of depth {self.depth}"


@dataclass(frozen=True, slots=True)
class FittedBooster(Fitted):
    """Boosted trees."""

    booster: xgboost.Booster
    features: int
    """How many features it takes."""

    def predicted(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the trees' sum."""
        return np.asarray(self.booster.inplace_predict(rows), dtype=np.float64)

    def found(self) -> dict[str, float]:
        """Return the number of trees that a held-out fold asked for."""
        return {"trees": self.booster.num_boosted_rounds()}

    def graph(self, prefix: str = "") -> Graph:
        """Return all trees as one operator."""
        return boosting_graph(self.booster, prefix)

    def importance(self) -> NDArray[np.float64]:
        """Return each feature's share in the gain of all splits."""
        gains = self.booster.get_score(importance_type="total_gain")
        shares = np.array([gains.get(f"f{column}", 0.0) for column in range(self.features)])
        return shares / max(float(shares.sum()), np.finfo(float).tiny)


def _binned(sample: Sample, like: xgboost.QuantileDMatrix | None = None) -> xgboost.QuantileDMatrix:
    """Sort values into bins, those of other rows where given."""
    import xgboost  # noqa: PLC0415 - prediction does without

    return xgboost.QuantileDMatrix(sample.values, sample.truth, nthread=_THREADS, ref=like)
