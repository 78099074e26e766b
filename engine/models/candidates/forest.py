"""Random forests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from engine.models.candidates.base import Fitted, Sample, Settings
from engine.models.graphs.forest import forest_graph

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.ensemble import RandomForestRegressor

    from engine.models.graphs.graph import Graph


class RandomForest(Settings):
    """A random forest of regression trees; missing values are learnt, not filled."""

    algorithm: Literal["rf"] = "rf"
    trees: int = Field(default=200, ge=1, le=2000, description="Trees of the stored model.")
    trees_in_folds: int = Field(
        default=60, ge=1, le=2000, description="Trees of each cross-validation fold's model."
    )
    min_samples_leaf: int = Field(default=5, ge=1)
    max_features: float = Field(
        default=0.33, gt=0, le=1, description="Share of the features tried at each split."
    )
    max_samples: int | None = Field(
        default=None, ge=1, description="Draws of rows for each tree; all rows where absent."
    )

    def in_folds(self) -> Self:
        """Return the settings with fewer trees and rows."""
        return super().in_folds().model_copy(update={"trees": self.trees_in_folds})

    def learn(self, sample: Sample, *, threads: int, seed: int) -> Fitted:
        """Grow the trees."""
        forest = self.estimator(len(sample), threads=threads, seed=seed)
        forest.fit(sample.values, sample.truth)
        # Trees predicted in parallel are added up in any order, and the last digit with it.
        return FittedForest(forest.set_params(n_jobs=1))

    def estimator(
        self, rows: int, *, threads: int = 1, seed: int | None = None
    ) -> RandomForestRegressor:
        """Return the unfitted estimator.

        Parameters
        ----------
        rows
            Rows that it will be fitted to.
        threads
            Trees grown at once; the result does not depend on it.
        seed
            The settings' own where not given.
        """
        from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415 - prediction does without

        bounded = self.max_samples is not None and self.max_samples < rows
        return RandomForestRegressor(
            n_estimators=self.trees,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            max_samples=self.max_samples if bounded else None,
            random_state=self.seed if seed is None else seed,
            n_jobs=threads,
        )

    def _size(self) -> str:
        return f"{self.trees} trees"


@dataclass(frozen=True, slots=True)
class FittedForest(Fitted):
    """A grown forest."""

    forest: RandomForestRegressor

    def predicted(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the trees' mean."""
        prediction: NDArray[np.float64] = self.forest.predict(rows)
        return prediction

    def graph(self, prefix: str = "") -> Graph:
        """Return all trees as one operator."""
        return forest_graph(self.forest, prefix)

    def importance(self) -> NDArray[np.float64]:
        """Return each feature's share in the impurity that all splits remove."""
        shares: NDArray[np.float64] = self.forest.feature_importances_
        return shares
