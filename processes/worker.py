"""The child process of one job: ``python -m processes.worker JOB ATTEMPT``."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from engine.errors import InputError, MissingDataError, VadoseError
from processes.definitions import find_process
from processes.errors import DismissedError, InvalidInputsError
from processes.jobs.store import SqlJobStore
from processes.logs import configure_logging
from processes.run import run_process
from processes.settings import Settings
from processes.validation import read_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from engine.progress import Progress

LOGGER = logging.getLogger(__name__)

REPORT_SECONDS = 0.5
"""Least time between two reports of the same step."""
INTERNAL = "the service failed while it worked on the job; its log says why"
_BY_CLIENT = (InputError, InvalidInputsError, MissingDataError)


class Outcome(Protocol):
    """What a run leaves."""

    def outputs(self) -> dict[str, JsonValue]:
        """Return the outputs by identifier; what is missing was not made."""
        ...


class Run(Protocol):
    """The work of a process."""

    def __call__(
        self,
        process_id: str,
        inputs: Any,
        settings: Settings,
        run_id: str,
        progress: Progress,
        /,
    ) -> Outcome:
        """Run a process to its results; ``inputs`` is of the process's own model."""
        ...


def main(job_id: str, attempt: int) -> int:
    """Run one attempt of a job; return the exit code."""
    settings = Settings.load()
    configure_logging(settings.log_level, job_id)
    end_with_parent()
    store = SqlJobStore.open(settings.job_database)
    try:
        return execute(store, settings, job_id, attempt)
    finally:
        store.close()


def execute(
    store: SqlJobStore, settings: Settings, job_id: str, attempt: int, run: Run | None = None
) -> int:
    """Run one attempt and write down how it ended.

    Parameters
    ----------
    store, settings
        Where the job is, and what it works with.
    job_id, attempt
        The job, claimed for this attempt.
    run
        What to do instead of the process's own work.

    Returns
    -------
    int
        0 where the end is written down, whatever it was.
    """
    job = store.get(job_id)
    progress = reporter(store, job_id, attempt)
    try:
        process = find_process(job.process_id)
        inputs = read_inputs(process.inputs, dict(job.inputs))
        run = run or _steps
        results = run(job.process_id, inputs, settings, job_id, progress)
    except DismissedError:
        LOGGER.info("dismissed")
    except VadoseError as error:
        LOGGER.warning("failed: %s", error)
        store.fail(job_id, attempt, str(error), by_client=isinstance(error, _BY_CLIENT))
    except Exception:
        LOGGER.exception("failed")
        store.fail(job_id, attempt, INTERNAL)
    else:
        store.succeed(job_id, attempt, results.outputs())
    return 0


@dataclass(frozen=True, slots=True)
class _Done:
    values: Mapping[str, JsonValue]

    def outputs(self) -> dict[str, JsonValue]:
        return dict(self.values)


def _steps(
    process_id: str, inputs: Any, settings: Settings, run_id: str, progress: Progress
) -> Outcome:
    return _Done(run_process(process_id, inputs, settings, run_id, progress))


def reporter(store: SqlJobStore, job_id: str, attempt: int) -> Progress:
    """Return a receiver of progress that writes to the store, and ends what is unwanted."""
    last_message, last_time = "", 0.0

    def report(fraction: float, message: str) -> None:
        nonlocal last_message, last_time
        now = time.monotonic()
        if message == last_message and now - last_time < REPORT_SECONDS:
            return
        last_message, last_time = message, now
        if not store.report(job_id, attempt, int(100 * min(max(fraction, 0.0), 1.0)), message):
            raise DismissedError(job_id)

    return report


def end_with_parent() -> None:
    """End this group when the service does: then the pipe at our standard input closes."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
