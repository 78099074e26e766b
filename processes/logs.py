"""Logging of the entry points: one line per event, every line of a job with its identifier."""

from __future__ import annotations

import logging

from engine.errors import InputError

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_QUIET = {
    "alembic": logging.WARNING,
    # A scheduler that dies and comes back is expected, and told in our words.
    "distributed": logging.CRITICAL,
    "distributed.client": logging.CRITICAL,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "matplotlib": logging.WARNING,
    "rasterio": logging.WARNING,
    # It warns of a "locale" for every member of every JSON Schema that it shows.
    "pygeoapi": logging.ERROR,
}


def configure_logging(level: str, job_id: str | None = None) -> None:
    """Send log lines to standard error.

    Parameters
    ----------
    level
        Least severe level of our own lines.
    job_id
        The job that this process works on.
    """
    if level.upper() not in _LEVELS:
        raise InputError("VADOSE_LOG_LEVEL", repr(level), ", ".join(_LEVELS))
    where = "" if job_id is None else f" job={job_id}"
    logging.basicConfig(
        level=level.upper(),
        format=f"%(asctime)s %(levelname)s{where} %(name)s: %(message)s",
        force=True,
    )
    quiet_libraries()


def quiet_libraries() -> None:
    """Let libraries tell only what matters, in our form; again after one was loaded late."""
    for name, least in _QUIET.items():
        logger = logging.getLogger(name)
        logger.setLevel(least)
        # Dask's brings a handler and a form of its own.
        logger.handlers.clear()
        logger.propagate = True
