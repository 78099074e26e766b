"""Run a process: the same code for a job of the service and for ``vadose run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engine.progress import Progress
    from processes.inputs import ReconstructionInputs
    from processes.results import Results
    from processes.settings import Settings


class Run(Protocol):
    """What a worker calls."""

    def __call__(
        self,
        process_id: str,
        inputs: ReconstructionInputs,
        settings: Settings,
        run_id: str,
        progress: Progress,
    ) -> Results:
        """Run a process to its results."""
        ...


def run_process(
    process_id: str,
    inputs: ReconstructionInputs,
    settings: Settings,
    run_id: str,
    progress: Progress,
) -> Results:
    """Run a process to its results."""
    raise NotImplementedError
