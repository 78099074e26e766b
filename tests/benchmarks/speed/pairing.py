"""Two ways of the same work, measured side by side.

The machine may be busy with other things, so nothing is said in seconds alone: the ways take turns
within one process, each round gives a ratio of CPU times, and the median of the rounds counts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times as much the other way takes."""

    name: str
    """Key in the file of results."""
    work: str
    """What is done, in a few words."""
    against: str
    """The other way."""
    unit: str
    """Of the two costs."""
    ours: float
    """Median cost."""
    theirs: float
    """Median cost of the other way."""
    ratio: float
    """Median of the rounds' ratios, theirs ÷ ours."""
    least: float
    """Smallest ratio of a round."""
    most: float
    """Largest ratio of a round."""
    goal: float | None = None
    """Ratio aimed at."""
    below: bool = False
    """Whether the goal is to stay below."""

    @property
    def reached(self) -> bool | None:
        """Whether it is what was aimed at; None where nothing was."""
        if self.goal is None:
            return None
        return self.ratio <= self.goal if self.below else self.ratio >= self.goal

    def told(self) -> dict[str, Any]:
        """Return what goes into the file of results."""
        return asdict(self) | {"reached": self.reached}


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of this process, all its threads together."""
    start = process_time()
    work()
    return process_time() - start


def turns(
    ways: Mapping[str, Callable[[], object]], rounds: int, *, warm: bool = True
) -> dict[str, list[float]]:
    """Let several ways take turns, and return each one's CPU seconds.

    Parameters
    ----------
    ways
        The ways by name.
    rounds
        How often each is measured.
    warm
        Whether each is done once before, unmeasured.
    """
    if warm:
        for work in ways.values():
            work()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            seconds[name].append(cpu_seconds(work))
    return seconds


def compared(
    name: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    work: str,
    against: str,
    unit: str,
    scale: float = 1.0,
    goal: float | None = None,
    below: bool = False,
) -> Ratio:
    """Compare costs round by round.

    Parameters
    ----------
    ours, theirs
        One cost a round.
    scale
        Turns costs into the unit.
    """
    ratios = [other / own for own, other in zip(ours, theirs, strict=True)]
    return Ratio(
        name=name,
        work=work,
        against=against,
        unit=unit,
        ours=_short(median(ours) * scale),
        theirs=_short(median(theirs) * scale),
        ratio=_short(median(ratios)),
        least=_short(min(ratios)),
        most=_short(max(ratios)),
        goal=goal,
        below=below,
    )


def most_memory() -> float:
    """Return the most memory, in MB, that this process had; getrusage may tell its parent's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (peak,) = (line for line in lines if line.startswith("VmHWM:"))
    return float(peak.split()[1]) / 1e3


def _short(number: float) -> float:
    """Return a number to four digits."""
    return float(f"{number:.4g}")
