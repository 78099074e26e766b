"""How long a training is expected to take, said before anybody waits for it."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from engine.grids import BLOCK
from engine.models.candidates import Best, Stacking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.feature_store import FeatureStore
    from engine.models.candidates import AnyCandidate, Candidate
    from engine.months import Month

SECONDS_PER_CELL_MONTH = 1.2e-4
"""Training a forest on one fine cell and month, granules read included; measured on two cores."""

_STACKED = 5
"""Times that a stack fits each of its bases: on all rows, and without each of four folds."""


class _Effort(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    start: float
    row: float


class _Efforts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    folds: int
    cores: int
    algorithms: dict[str, _Effort]


def training_seconds(
    store: FeatureStore,
    months: Sequence[Month],
    settings: AnyCandidate | None = None,
    *,
    tuning_seconds: float = 0.0,
) -> float:
    """Estimate how long a training takes whose features must all be made.

    What is stored is not looked at: with it the training is shorter than this.

    Parameters
    ----------
    store
        Knows the area.
    months
        To train on.
    settings
        The algorithm, or all of them; a forest where not given.
    tuning_seconds
        Spent in every fold, and once for the model.
    """
    cells = store.area.shape.y * store.area.shape.x * len(months)
    seconds = SECONDS_PER_CELL_MONTH * cells
    if settings is None:
        return seconds
    rows = cells // BLOCK**2
    beyond = fitting_seconds(settings, rows) - _folds_seconds("rf", rows)
    tuned = len(settings.candidates) if isinstance(settings, Best) else 1
    return seconds + max(beyond, 0.0) + _efforts().folds * tuned * tuning_seconds


def fitting_seconds(settings: AnyCandidate, rows: int) -> float:
    """Estimate how long it takes to fit all models of a training to some rows."""
    if isinstance(settings, Best):
        return sum(fitting_seconds(one, rows) for one in settings.candidates)
    seen = _rows(settings, rows)
    if isinstance(settings, Stacking):
        return _STACKED * sum(_folds_seconds(base.algorithm, seen) for base in settings.bases)
    return _folds_seconds(settings.algorithm, seen)


def _rows(settings: Candidate, rows: int) -> int:
    """Return how many rows a fold's model learns from."""
    most = settings.in_folds().rows
    return rows if most is None else min(rows, most)


def _folds_seconds(algorithm: str, rows: int) -> float:
    efforts = _efforts()
    effort = efforts.algorithms[algorithm]
    return efforts.folds * (effort.start + effort.row * rows) / efforts.cores


@cache
def _efforts() -> _Efforts:
    text = resources.files("processes").joinpath("training_time.toml").read_text(encoding="utf-8")
    return _Efforts.model_validate(tomllib.loads(text))
