"""The model card: what a model is, what it has seen and how well it does."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from engine.ablation import Ablation
from engine.models.bootstrap import Scores
from engine.models.candidates import Candidate, Kind
from engine.models.importance import Importance
from engine.models.scores import Metrics
from engine.models.tuning import Trial

HASH_DIGITS = 12
"""Hexadecimal digits of the hash in a model's id."""
SCHEMA_VERSION: Final = 3
"""Of cards; version 1 knew random forests alone, version 2 no intervals."""

_LIBRARIES = ("vadose", "scikit-learn", "xgboost", "numpy", "onnx", "onnxruntime")
_NOT_IDENTITY = {"id", "created", "versions"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CardFeature(_Part):
    """One predictor."""

    name: str
    units: str
    importance: float | None = Field(
        description="Share of what all splits of the trees gain; null for models without trees."
    )


class CardTarget(_Part):
    """What is predicted."""

    name: str
    units: str
    description: str = Field(description="Which product the training values come from.")
    bias: float | None = Field(
        default=None,
        description="Documented standard deviation of its static bias, in its unit; null where "
        "none is known.",
    )


class CardRegion(_Part):
    """Where the model has learnt."""

    name: str
    bbox: tuple[float, float, float, float] = Field(description="West, south, east, north.")
    synthetic: bool


class Score(_Part):
    """Agreement of held-out rows with their target."""

    split: str
    definition: str = Field(description="What was held out together.")
    model: str = Field(description="What each fold's model was, in a few words.")
    pooled: Metrics = Field(description="All held-out rows of all folds together.")
    intervals: Scores | None = Field(
        default=None,
        description="The same with 95 % confidence intervals; null where too few places, or "
        "nothing that varies, were held out.",
    )
    by_time: dict[str, Metrics] = Field(
        default_factory=dict, description="The same rows by month, or by first day of a period."
    )


class CardEntry(_Part):
    """How one of several algorithms did in one split."""

    algorithm: str
    split: str
    pooled: Metrics
    intervals: Scores | None


class CardBlocks(_Part):
    """How large the blocks of the splits are, and why."""

    side: float = Field(description="Least side of a block, m.")
    error_range: float | None = Field(
        description="Distance beyond which a quick model's errors know nothing of each other, m; "
        "null where the area is too small to tell."
    )


class CardTuning(_Part):
    """How settings were looked for."""

    seconds: float = Field(description="Time that the search might take.")
    trials: tuple[Trial, ...] = Field(description="What was tried with all rows, in order.")


class CardChoice(_Part):
    """Why this algorithm."""

    split: str = Field(description="The split that decided.")
    rmse: dict[str, float] = Field(description="Error of each algorithm in the target's unit.")
    reason: str


class CardRows(_Part):
    """The training table in numbers."""

    used: int
    removed: dict[str, int] = Field(description="Rows taken out, by rule.")
    constant: dict[str, float] = Field(
        description="Predictors taken out because they never vary, with their value."
    )
    left_out: dict[str, str] = Field(
        default_factory=dict, description="Months or 8-day periods without rows, and why."
    )


class CardCompanion(_Part):
    """A further file of the model."""

    sha256: str
    bytes: int


class CardFile(_Part):
    """The ONNX file."""

    sha256: str
    bytes: int
    parity: float = Field(
        description="Largest difference from the estimator on held-out rows, with and without "
        "missing values."
    )


class ModelCard(_Part):
    """Everything that is known about a model; stored beside it as JSON."""

    schema_version: Literal[3] = SCHEMA_VERSION
    id: str = Field(description="Kind, algorithm and the hash of the card and the ONNX file.")
    key: str = Field(description="Hash of what the model was asked to be; finds it again.")
    kind: Kind
    settings: Candidate
    found: dict[str, float] = Field(
        default_factory=dict, description="What the rows have decided, such as a number of trees."
    )
    features: tuple[CardFeature, ...]
    importance_kind: str = (
        "gain of splits, from training rows: it favours features with many distinct values"
    )
    target: CardTarget
    region: CardRegion
    training: tuple[str, ...] = Field(description="Months trained on, YYYY-MM.")
    rows: CardRows
    blocks: CardBlocks
    tuning: CardTuning | None = Field(default=None, description="Null where nothing was tuned.")
    choice: CardChoice | None = Field(
        default=None, description="Null where the algorithm was asked for."
    )
    scores: tuple[Score, ...]
    intervals: str = Field(description="What confidence intervals are made from.")
    comparison: tuple[CardEntry, ...] = Field(
        default=(), description="All algorithms that were compared, on the same folds."
    )
    permutation: Importance | None = Field(
        default=None,
        description="What groups of predictors are worth on blocks unseen; null where there are "
        "no blocks.",
    )
    ablation: Ablation | None = Field(
        default=None, description="What SIF is worth; null where it was not asked."
    )
    splits_left_out: dict[str, str] = Field(description="Splits without a score, and why.")
    omissions: dict[str, str] = Field(description="What was left out of the method, and why.")
    upstream: str | None = Field(
        default=None, description="Id of the model that made one of the features."
    )
    inputs: str = Field(description="Fingerprint of the granules that were read.")
    file: CardFile
    companions: dict[str, CardCompanion] = Field(
        default_factory=dict, description="Further files by name, frozen with the model."
    )
    versions: dict[str, str]
    created: AwareDatetime

    @property
    def algorithm(self) -> str:
        """The candidate's algorithm."""
        return self.settings.algorithm

    @property
    def synthetic(self) -> bool:
        """Whether the model has learnt from a synthetic world."""
        return self.region.synthetic

    @property
    def sha256(self) -> str:
        """Checksum of the ONNX file."""
        return self.file.sha256

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Predictors in the model's order."""
        return tuple(feature.name for feature in self.features)

    def score(self, split: str) -> Score | None:
        """Return the score of a split, or None where it has none."""
        return next((score for score in self.scores if score.split == split), None)

    def expected_id(self) -> str:
        """Return the id that the card's own content gives."""
        content = self.model_dump(mode="json", exclude=_NOT_IDENTITY)
        return f"{self.kind}-{self.algorithm}-{digest(content)[:HASH_DIGITS]}"

    def identified(self) -> ModelCard:
        """Return the card with the id of its content."""
        return self.model_copy(update={"id": self.expected_id()})


def digest(content: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def now() -> datetime:
    """Return the present time in whole seconds, UTC."""
    return datetime.now(UTC).replace(microsecond=0)


@cache
def library_versions() -> dict[str, str]:
    """Return the versions of what a model's numbers depend on."""

    def installed(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "not installed as a package"

    return {name: installed(name) for name in _LIBRARIES}
