"""Settings looked for at random, within a time, on training blocks alone."""

from __future__ import annotations

import time
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from engine.models.candidates import Candidate, Sample, Stacking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

_ROWS = 20_000
"""Most rows that a trial learns from and is judged by."""
_MOST_TRIALS = 200


class Range(BaseModel):
    """Numbers that a setting may have; whole ones where both ends are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: int | float
    high: int | float
    logarithmic: bool = False

    def drawn(self, random: np.random.Generator) -> int | float:
        """Draw one."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return int(random.integers(self.low, self.high, endpoint=True))
        if self.logarithmic:
            return float(np.exp(random.uniform(np.log(self.low), np.log(self.high))))
        return float(random.uniform(self.low, self.high))


class Trial(BaseModel):
    """One set of settings and what it was worth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: dict[str, Any] = Field(description="What differed from the settings at the start.")
    rmse: float = Field(description="Error on held-out blocks, in the target's unit.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """The best settings that were found."""

    settings: Candidate
    trials: tuple[Trial, ...]


def tune(
    settings: Candidate,
    values: NDArray[np.float32],
    truth: NDArray[np.floating],
    folds: NDArray[np.integer],
    *,
    seconds: float,
    seed: int = 20,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Look for better settings by cross-validation over the blocks of some training rows.

    Parameters
    ----------
    settings
        Where to start; they stay unless others are better.
    values, truth, folds
        Training rows ``(n, f)``, their target ``(n,)`` and fold of spatial blocks ``(n,)``.
    seconds
        No trial starts that would probably end later.
    seed
        Draws the settings; equal seeds try the same in the same order, as far as they come.
    clock
        Tells the seconds.

    Notes
    -----
    A stack's bases are tuned one after the other, each in its part of the time.
    """
    sample = Sample(
        values=values,
        truth=np.asarray(truth, dtype=np.float64),
        folds=np.asarray(folds, dtype=np.int64),
    ).at_most(_ROWS, seed)
    if isinstance(settings, Stacking):
        return _tuned_stack(settings, sample, seconds, seed, clock)
    return _searched(settings, sample, seconds, seed, clock)


def search_space(algorithm: str) -> Mapping[str, Range]:
    """Return which settings of an algorithm are looked for, and where."""
    return _spaces()[algorithm]


def _tuned_stack(
    stack: Stacking, sample: Sample, seconds: float, seed: int, clock: Callable[[], float]
) -> Tuned:
    each = seconds / len(stack.bases)
    tuned = [_searched(base, sample, each, seed, clock) for base in stack.bases]
    return Tuned(
        settings=stack.model_copy(update={"bases": tuple(one.settings for one in tuned)}),
        trials=tuple(
            trial.model_copy(update={"settings": {"base": base.algorithm, **trial.settings}})
            for base, one in zip(stack.bases, tuned, strict=True)
            for trial in one.trials
        ),
    )


def _searched(
    settings: Candidate, sample: Sample, seconds: float, seed: int, clock: Callable[[], float]
) -> Tuned:
    random = np.random.default_rng(seed)
    space = search_space(settings.algorithm)
    start = clock()
    trials: list[Trial] = []
    changes: dict[str, Any] = {}
    while not trials or (
        len(trials) < _MOST_TRIALS and _time_for_one_more(clock() - start, len(trials), seconds)
    ):
        rmse = _error(settings.model_copy(update=changes), sample, seed)
        trials.append(Trial(settings=changes, rmse=rmse))
        changes = {name: limits.drawn(random) for name, limits in space.items()}
    best = min(trials, key=lambda trial: trial.rmse)
    return Tuned(settings=settings.model_copy(update=best.settings), trials=tuple(trials))


def _time_for_one_more(spent: float, trials: int, seconds: float) -> bool:
    return spent + spent / trials <= seconds


def _error(settings: Candidate, sample: Sample, seed: int) -> float:
    """Return the RMSE over held-out folds."""
    folds = sample.inner_folds(seed)
    squares = 0.0
    for fold in np.unique(folds):
        held_out = folds == fold
        learnt, judge = sample.rows(~held_out), sample.rows(held_out)
        fitted = settings.in_folds().fit(learnt.values, learnt.truth, folds=learnt.folds, seed=seed)
        squares += float(((fitted.predict(judge.values) - judge.truth) ** 2).sum())
    return float(np.sqrt(squares / len(sample)))


@cache
def _spaces() -> Mapping[str, Mapping[str, Range]]:
    text = files("engine.models").joinpath("tuning.toml").read_text(encoding="utf-8")
    return {
        algorithm: {name: Range.model_validate(limits) for name, limits in table.items()}
        for algorithm, table in tomllib.loads(text).items()
    }
