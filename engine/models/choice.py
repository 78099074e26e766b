"""Which algorithm is the best, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.models.splits import HEADLINE, HONESTY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.models.splits import SplitName


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The best algorithm."""

    algorithm: str
    split: SplitName
    """The split that decided."""
    rmse: Mapping[str, float]
    """Error of each algorithm in that split."""
    reason: str
    """In a sentence."""


def choose(errors: Mapping[str, Mapping[SplitName, float]]) -> Choice:
    """Choose the algorithm with the least error in the most honest split that all have.

    Parameters
    ----------
    errors
        RMSE of held-out rows by algorithm and split, all on the same folds.

    Raises
    ------
    ModelError
        Where there is nothing to choose from, or no split that all have.
    """
    common = [name for name in HONESTY if all(name in splits for splits in errors.values())]
    if not errors or not common:
        raise ModelError(
            f"no split has scores of all of {', '.join(errors) or 'no algorithm'}; "
            f"needed: one of {', '.join(HONESTY)}"
        )
    split = common[0]
    rmse = {algorithm: splits[split] for algorithm, splits in errors.items()}
    ranked = sorted(rmse, key=lambda algorithm: rmse[algorithm])
    return Choice(algorithm=ranked[0], split=split, rmse=rmse, reason=_reason(ranked, rmse, split))


def _reason(ranked: list[str], rmse: Mapping[str, float], split: SplitName) -> str:
    best, *others = ranked
    says = f"{best} has the least error on held-out rows of {split}: RMSE {rmse[best]:.4f}"
    if others:
        says += f", {others[0]} follows with {rmse[others[0]]:.4f}"
    if split != HEADLINE:
        says += f"; not all have scores of {HEADLINE}"
    return says
