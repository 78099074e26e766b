"""An attempt's two borders with the store: what it is to do, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processes.definitions import find_process
from processes.jobs.messages import Failed, Finished, Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processes.jobs.model import Step
    from processes.jobs.protocol import JobStore
    from processes.settings import Settings

RETRY_SECONDS = 1.0
"""Pause before a step whose attempt was lost is tried again."""


def order_for(step: Step, store: JobStore, settings: Settings) -> Order:
    """Return what the attempt that has claimed a step is to do."""
    job = store.get(step.job_id)
    process = find_process(job.process_id)
    return Order(
        job_id=job.id,
        step=step.name,
        attempt=step.attempt,
        process_id=job.process_id,
        inputs_model=process.inputs_model,
        program=process.program,
        inputs=job.inputs,
        settings=settings,
        results=store.step_results(job.id),
        force=job.force,
    )


def write_down(step: Step, ending: Finished | Failed, store: JobStore, settings: Settings) -> bool:
    """Write how the attempt of a step ended; False where it is no longer the one."""
    key = (step.job_id, step.name, step.attempt)
    match ending:
        case Failed(retry=True):
            return store.fail_step(
                *key,
                ending.message,
                retry=True,
                most_attempts=settings.most_attempts,
                pause=RETRY_SECONDS,
            )
        case Failed():
            return store.fail_step(*key, ending.message, by_client=ending.by_client)
        case Finished(outcome) if outcome.outputs is None:
            return store.done(*key, outcome.result, outcome.then)
        case Finished(outcome):
            types = _media_types(step, store)
            return store.succeed(*key, outcome.outputs, result=outcome.result, media_types=types)


def _media_types(step: Step, store: JobStore) -> Mapping[str, str]:
    process = find_process(store.get(step.job_id).process_id)
    return {name: output.written_as for name, output in process.outputs.items()}
