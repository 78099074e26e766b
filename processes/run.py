"""Run a process here and now: the same steps as a job's, one after another."""

from __future__ import annotations

import shutil
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING

from engine.progress import span
from processes.definitions import find_process
from processes.program import JobContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel, JsonValue

    from engine.progress import Progress
    from processes.definitions import Process
    from processes.settings import Settings

    type Outputs = Mapping[str, JsonValue]
    type _Steps = list[tuple[int, str]]

_BEGUN = 0.5
"""Share of a run that its first step takes, for progress."""


def run_process(
    process_id: str,
    inputs: BaseModel,
    settings: Settings,
    run_id: str,
    progress: Progress,
    *,
    force: bool = False,
) -> Outputs:
    """Run a process to its outputs.

    Parameters
    ----------
    process_id
        Which process.
    inputs
        Its inputs.
    settings
        Where archive, models and catalogue are.
    run_id
        Names the run's own folder below ``work/``.
    progress
        Told what is done; may raise to end the run.
    force
        Whether what is there already is made again.

    Returns
    -------
    Mapping of str to JsonValue
        The outputs by identifier; every ``href`` is relative to the service's address.

    Raises
    ------
    VadoseError
        Where the request cannot be met. What was published before stays published, whole.
    """
    process = find_process(process_id)
    job = JobContext(
        process_id=process_id, inputs=inputs, settings=settings, run_id=run_id, force=force
    )
    try:
        outputs = _run(process, job, progress)
    except BaseException:
        shutil.rmtree(settings.work_folder / run_id, ignore_errors=True)
        raise
    progress(1.0, "done")
    return outputs


def _run(process: Process, job: JobContext, progress: Progress) -> Outputs:
    program = process.load()
    waiting: _Steps = [(0, name) for name in process.first]
    results: dict[str, JsonValue] = {}
    done = 0.0
    while waiting:
        _, name = waiting.pop(0)
        # How many steps follow the first is known only when it is done.
        end = done + (1 - done) / (len(waiting) + 1) if results else _BEGUN
        outcome = program.step(name, replace(job, results=results), span(progress, done, end))
        if outcome.outputs is not None:
            return outcome.outputs
        results[name] = outcome.result
        waiting += [(position, follower) for follower, position in outcome.then]
        waiting.sort(key=itemgetter(0))
        done = end
    raise RuntimeError(f"the program of {process.id} has no last step")
