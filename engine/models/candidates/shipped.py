"""The candidates that ship, as data."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from engine.errors import InputError
from engine.models.candidates.boosting import XGBoost
from engine.models.candidates.forest import RandomForest
from engine.models.candidates.kernel import SupportVectors
from engine.models.candidates.network import NeuralNetworks
from engine.models.candidates.stacking import Stacking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.models.candidates.base import Kind

Candidate = Annotated[
    RandomForest | XGBoost | SupportVectors | NeuralNetworks | Stacking,
    Field(discriminator="algorithm"),
]
"""An algorithm with its settings, told apart by ``algorithm``."""


class Best(BaseModel):
    """No algorithm in particular: whichever predicts unseen blocks and years best."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: Literal["best"] = "best"
    candidates: tuple[Candidate, ...] = Field(min_length=1)

    @property
    def seed(self) -> int:
        """The first candidate's."""
        return self.candidates[0].seed


type AnyCandidate = Candidate | Best
"""What a model may be asked to be."""

ALGORITHMS = ("rf", "xgboost", "svr", "dnn", "stacking")


def best(kind: Kind, algorithms: Sequence[str] = ALGORITHMS) -> Best:
    """Return the shipped candidates to choose the best of."""
    return Best(candidates=tuple(candidate(kind, algorithm) for algorithm in algorithms))


def candidate(kind: Kind, algorithm: str = "rf") -> Candidate:
    """Return the shipped settings of an algorithm.

    >>> candidate("sif").max_samples
    20000
    """
    table = _shipped()[kind]
    if algorithm not in table:
        raise InputError("algorithm", repr(algorithm), ", ".join(sorted(table)))
    return table[algorithm]


@cache
def _shipped() -> dict[str, dict[str, Candidate]]:
    text = files("engine.models.candidates").joinpath("shipped.toml").read_text(encoding="utf-8")
    return {kind: _of_kind(tables) for kind, tables in tomllib.loads(text).items()}


def _of_kind(tables: dict[str, dict[str, Any]]) -> dict[str, Candidate]:
    """Read the tables of one kind; a stack names its bases by their algorithms."""
    read: TypeAdapter[Candidate] = TypeAdapter(Candidate)
    result: dict[str, Candidate] = {}
    for algorithm, table in tables.items():
        settings = {"algorithm": algorithm, **table}
        if algorithm == "stacking":
            settings["bases"] = [result[base] for base in table["bases"]]
        result[algorithm] = read.validate_python(settings)
    return result
