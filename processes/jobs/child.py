"""The child of one attempt: it does the step, and says how that goes and ends."""

from __future__ import annotations

import errno
import logging
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from engine.errors import InputError, MissingDataError, UntrainableError, VadoseError
from processes.errors import DismissedError, InvalidInputsError, StoreUnavailableError
from processes.jobs.messages import Failed, Fenced, Finished, Progressed
from processes.jobs.model import LogEntry
from processes.logs import configure_logging
from processes.program import JobContext, reason
from processes.validation import read_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from engine.progress import Progress
    from processes.jobs.messages import Order, Said
    from processes.program import Program
    from processes.settings import Settings

LOGGER = logging.getLogger(__name__)

REPORT_SECONDS = 0.5
"""Least time between two reports of the same message."""
LONGEST_LINE = 2000
"""Characters of a line of the log that are kept."""
INTERNAL = "the service failed while it worked on the job; its log says why"
NO_MEMORY = "the work did not get the memory that it asked for"
_BY_CLIENT = (InputError, InvalidInputsError, MissingDataError, UntrainableError)
_STORAGE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "the service may not write there",
    errno.EPERM: "the service may not write there",
    errno.EIO: "the disk does not answer as it should",
}
_STORAGE_WORDS = {
    "No space left on device": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "Read-only file system": errno.EROFS,
    "Permission denied": errno.EACCES,
}
"""What libraries in C say where they have no number."""


class _Terminated(BaseException):
    """The supervisor wants an end; temporary files are removed on the way out."""


class Line:
    """The child's end of the pipe to its supervisor, for all its threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.RLock()

    def say(self, said: Said) -> None:
        """Tell the supervisor something."""
        with self._lock:
            self._connection.send(said)

    def may_publish(self) -> bool:
        """Ask whether this is the attempt that may publish."""
        with self._lock:
            self._connection.send(Fenced())
            return bool(self._connection.recv())


class LineHandler(logging.Handler):
    """Sends the log to the supervisor, which keeps it with the job."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; its traceback stays in the service's own log."""
        when = datetime.fromtimestamp(record.created, UTC)
        text = record.getMessage()[:LONGEST_LINE]
        self._line.say(LogEntry(time=when, level=record.levelname, text=text))


def main(descriptor: int) -> int:
    """Do the attempt that is ordered through a pipe; return the exit code."""
    connection = Connection(descriptor)
    order: Order = connection.recv()
    signal.signal(signal.SIGTERM, _terminate)
    line = Line(connection)
    settings = order.settings
    configure_logging(settings.log_level, order.job_id, form=settings.log_format)
    logging.getLogger().addHandler(LineHandler(line))
    try:
        line.say(attempt(order, line))
    except (_Terminated, BrokenPipeError, ConnectionResetError):
        return 128 + signal.SIGTERM
    return 0


def attempt(order: Order, line: Line) -> Finished | Failed:
    """Do a step, and say how it ended, whatever it was."""
    try:
        program: Program = resolve_name(order.program)
        context = _context(order, line)
        outcome = program.step(order.step, context, reporter(line))
    except DismissedError as error:
        return Failed(message=str(error))
    except StoreUnavailableError as error:
        LOGGER.warning("failed: %s", reason(error))
        return Failed(message=reason(error), retry=True)
    except VadoseError as error:
        LOGGER.warning("failed: %s", reason(error))
        return Failed(message=reason(error), by_client=isinstance(error, _BY_CLIENT))
    except MemoryError:
        LOGGER.exception("failed")
        return Failed(message=NO_MEMORY)
    except Exception as error:
        LOGGER.exception("failed")
        return Failed(message=storage_trouble(error, order.settings) or INTERNAL)
    return Finished(outcome)


def reporter(line: Line) -> Progress:
    """Return a receiver of progress that tells the supervisor, not too often."""
    last_message, last_time = "", 0.0

    def report(fraction: float, message: str) -> None:
        nonlocal last_message, last_time
        now = time.monotonic()
        if message == last_message and now - last_time < REPORT_SECONDS:
            return
        last_message, last_time = message, now
        line.say(Progressed(min(max(fraction, 0.0), 1.0), message))

    return report


def storage_trouble(error: BaseException, settings: Settings) -> str | None:
    """Return in words for the client that a disk is full or may not be written, or None.

    Parameters
    ----------
    error
        What was raised; those that it was raised from are looked at, too.
    settings
        Where the data folder is, so that a file can be named without its place on the machine.
    """
    for link in _chain(error):
        number = _error_number(link)
        if number in _STORAGE:
            where = _folder(getattr(link, "filename", None), settings)
            return f"{where}{_STORAGE[number]}"
    return None


def _context(order: Order, line: Line) -> JobContext:
    def fence() -> None:
        if not line.may_publish():
            raise DismissedError(order.job_id)

    return JobContext(
        process_id=order.process_id,
        inputs=read_inputs(resolve_name(order.inputs_model), dict(order.inputs)),
        settings=order.settings,
        run_id=order.job_id,
        results=order.results,
        fence=fence,
        force=order.force,
        path=f"jobs/{order.job_id}",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _error_number(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    text = str(error)
    return next((number for words, number in _STORAGE_WORDS.items() if words in text), None)


def _folder(name: object, settings: Settings) -> str:
    """Return a file's folder below the data folder; no other path is anybody's business."""
    if isinstance(name, str | Path):
        path, data = Path(name).absolute(), settings.data.absolute()
        if path.is_relative_to(data):
            return f"{path.relative_to(data).parent}: "
    return ""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    # Once; a second request while files are removed would leave some.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
