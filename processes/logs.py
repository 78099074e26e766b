"""Logging of the entry points: one line per event, every line of a job with its identifier."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from engine.errors import InputError
from processes.settings_operation import LEVELS

if TYPE_CHECKING:
    from pydantic import JsonValue

_QUIET = {
    "alembic": logging.WARNING,
    # A scheduler that dies and comes back is expected, and told in our words.
    "distributed": logging.CRITICAL,
    "distributed.client": logging.CRITICAL,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "matplotlib": logging.WARNING,
    "numexpr": logging.WARNING,
    "rasterio": logging.WARNING,
    # It warns of a "locale" for every member of every JSON Schema that it shows.
    "pygeoapi": logging.ERROR,
    # It misses titles that it has been given.
    "stac_fastapi": logging.ERROR,
}
AUDIT = "vadose.audit"
"""The logger of the audit log."""
_JOB = re.compile(r"\bjobs?[ =/]([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_OWN = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})
"""What every record has; whatever else is on it, its writer gave as ``extra``."""

type Form = Literal["text", "json"]


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON.

    Parameters
    ----------
    job_id
        The job that this process works on; without one a job is known by what a line says of it.
    """

    def __init__(self, job_id: str | None = None) -> None:
        super().__init__()
        self._job_id = job_id

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        message = record.getMessage()
        line: dict[str, JsonValue] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        if (job_id := self._job_id or _job_of(message)) is not None:
            line["job"] = job_id
        line |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """Writes a record for people; what a client wrote cannot look like a line of its own.

    Parameters
    ----------
    job_id
        The job that this process works on.
    """

    def __init__(self, job_id: str | None = None) -> None:
        where = "" if job_id is None else f" job={job_id}"
        super().__init__(f"%(asctime)s %(levelname)s{where} %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        """Return the line without its traceback."""
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")


def configure_logging(level: str, job_id: str | None = None, *, form: Form = "text") -> None:
    """Send log lines to standard error.

    Parameters
    ----------
    level
        Least severe level of our own lines.
    job_id
        The job that this process works on.
    form
        Whether lines are for people, or JSON for programs.
    """
    if level.upper() not in LEVELS:
        raise InputError("VADOSE_LOG_LEVEL", repr(level), ", ".join(LEVELS))
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(job_id) if form == "json" else TextFormatter(job_id))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Who did what is told however little else is.
    logging.getLogger(AUDIT).setLevel(logging.INFO)
    quiet_libraries()


def quiet_libraries() -> None:
    """Let libraries tell only what matters, in our form; again after one was loaded late."""
    for name, least in _QUIET.items():
        logger = logging.getLogger(name)
        logger.setLevel(least)
        # Dask's brings a handler and a form of its own.
        logger.handlers.clear()
        logger.propagate = True


def _job_of(message: str) -> str | None:
    found = _JOB.search(message)
    return None if found is None else found[1]
