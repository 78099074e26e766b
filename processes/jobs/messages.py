"""What a supervisor and the child that does an attempt say to each other, over one pipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from processes.jobs.model import LogEntry
    from processes.program import StepOutcome
    from processes.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a child is to do: the first and, but for answers, the only thing it is told."""

    job_id: str
    """The job."""
    step: str
    """Which of its steps."""
    attempt: int
    """Which try of the step."""
    process_id: str
    """The process that the job executes."""
    inputs_model: str
    """Where the model of the inputs lies, as ``module:name``."""
    program: str
    """Where the process's program lies, as ``module:name``."""
    inputs: Mapping[str, JsonValue]
    """Inputs as the client sent them."""
    settings: Settings
    """Where archive, models and catalogue are."""
    results: Mapping[str, JsonValue] = field(default_factory=dict)
    """Results of the steps that are done, by name."""
    force: bool = False
    """Whether what is there already is made again."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far the step is."""

    fraction: float
    """0 to 1."""
    message: str
    """What is being done."""


@dataclass(frozen=True, slots=True)
class Fenced:
    """The question whether to go on and publish; the answer is a bool."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The step is done."""

    outcome: StepOutcome
    """What it leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The step is not done."""

    message: str
    """Why, in words for the client."""
    by_client: bool = False
    """Whether the request was at fault."""
    retry: bool = False
    """Whether another attempt may do better."""


type Said = Progressed | LogEntry | Fenced | Finished | Failed
"""All that a child says."""
