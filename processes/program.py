"""What a process is to the machinery of jobs: a program of steps.

A job begins with the first steps that its process names. Each step may be run by another process,
hours later, on another machine, or again after it was killed: what a step needs of earlier ones is
in their results, which are small JSON, and nowhere else. Steps of one position may run side by
side.

Light: no science is loaded here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import BaseModel, JsonValue

    from engine.progress import Progress
    from processes.settings import Settings

    type Fence = Callable[[], None]


def no_fence() -> None:
    """Let everything pass: for runs that nobody else can be doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """What a step is told of its job."""

    process_id: str
    """The process."""
    inputs: BaseModel
    """Its inputs, of the process's own model."""
    settings: Settings
    """Where archive, models and catalogue are."""
    run_id: str
    """Names the job's own folder below ``work/``; the job's identifier."""
    results: Mapping[str, JsonValue] = field(default_factory=dict)
    """Results of the steps that are done, by name."""
    fence: Fence = no_fence
    """To be called before anything is published, as often as one likes: raises DismissedError
    where the job is no longer wanted or another attempt has taken the step over."""
    force: bool = False
    """Whether what is there already is made again."""
    path: str | None = None
    """Where a service tells of the job, below its address; None for runs without a service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What a step leaves."""

    result: JsonValue = None
    """What later steps need of it; small."""
    then: Sequence[tuple[str, int]] = ()
    """Steps that follow: name and position; the lowest positions run first."""
    outputs: Mapping[str, JsonValue] | None = None
    """The job's outputs by identifier, if this was its last step."""


class Program(Protocol):
    """The work of a process, step by step; its definition names the first steps."""

    def step(self, name: str, job: JobContext, progress: Progress) -> StepOutcome:
        """Do one step.

        Parameters
        ----------
        name
            Which one.
        job
            Its job.
        progress
            Told how far this step is, 0 to 1; may raise to end it.

        Raises
        ------
        VadoseError
            Where the step cannot be done; see :func:`reason`.
        """
        ...


def reason(error: BaseException) -> str:
    """Return why a step failed, in words for people: the error's text and what was noted on it.

    >>> error = ValueError("2020-05: no file")
    >>> error.add_note("the maps of other months stay")
    >>> reason(error)
    '2020-05: no file; the maps of other months stay'
    """
    return "; ".join([str(error), *getattr(error, "__notes__", ())])
