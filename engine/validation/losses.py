"""What the rules of matching cost, counted rule by rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Loss:
    """What one rule took away."""

    rule: str
    """The rule, in words."""
    unit: str
    """What is counted: sensors, values, days, months or cells."""
    before: int
    """How many there were."""
    lost: int
    """How many of them the rule took."""

    @property
    def left(self) -> int:
        """How many are left."""
        return self.before - self.lost

    @property
    def share(self) -> float:
        """Share that was lost, 0 to 1."""
        return self.lost / self.before if self.before else 0.0


def totalled(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """Add up the losses of each rule, in the order in which the rules first appear."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for one in losses:
        before, lost = sums.get((one.rule, one.unit), (0, 0))
        sums[one.rule, one.unit] = before + one.before, lost + one.lost
    return tuple(Loss(rule, unit, *counts) for (rule, unit), counts in sums.items())
