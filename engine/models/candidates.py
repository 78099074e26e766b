"""Candidates: an algorithm with its settings, as data."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from sklearn.ensemble import RandomForestRegressor

from engine.errors import InputError

Kind = Literal["soil-moisture", "sif"]
"""What a model predicts."""


class RandomForest(BaseModel):
    """A random forest of regression trees; missing values are learnt, not filled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    seed: int = Field(default=20, ge=0, lt=2**32)

    def estimator(
        self, rows: int, *, trees: int | None = None, threads: int = 2
    ) -> RandomForestRegressor:
        """Return the unfitted estimator.

        Parameters
        ----------
        rows
            Rows that it will be fitted to.
        trees
            Number of trees where it is not the settings' own.
        threads
            Trees grown at once; the result does not depend on it.
        """
        bounded = self.max_samples is not None and self.max_samples < rows
        return RandomForestRegressor(
            n_estimators=trees or self.trees,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            max_samples=self.max_samples if bounded else None,
            random_state=self.seed,
            n_jobs=threads,
        )


def candidate(kind: Kind, algorithm: str = "rf") -> RandomForest:
    """Return the shipped settings of an algorithm.

    >>> candidate("sif").max_samples
    20000
    """
    table = _shipped()[kind]
    if algorithm not in table:
        raise InputError("algorithm", repr(algorithm), ", ".join(sorted(table)))
    return table[algorithm]


@cache
def _shipped() -> dict[str, dict[str, RandomForest]]:
    text = files("engine.models").joinpath("candidates.toml").read_text(encoding="utf-8")
    return {
        kind: {name: RandomForest.model_validate(settings) for name, settings in table.items()}
        for kind, table in tomllib.loads(text).items()
    }
