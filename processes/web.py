"""The web server, as a process of its own: ``python -m processes.web DESCRIPTOR PARENT``."""

from __future__ import annotations

import logging
import socket
import sys

import uvicorn

from engine.errors import InputError
from processes.application import create_application
from processes.jobs.lineage import die_with_parent
from processes.launcher import WRONG_SETTINGS
from processes.logs import configure_logging
from processes.settings import Settings

LOGGER = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 5
"""Time that open connections get to end."""


def main(descriptor: int, parent: int) -> int:
    """Answer at a socket that the parent has opened; return the exit code."""
    die_with_parent(parent)
    settings = Settings.load()
    configure_logging(settings.log_level)
    try:
        application = create_application(settings)
    except InputError as error:
        LOGGER.error("%s", error)
        return WRONG_SETTINGS
    configuration = uvicorn.Config(
        application, log_config=None, timeout_graceful_shutdown=SHUTDOWN_SECONDS
    )
    with socket.socket(fileno=descriptor) as listener:
        uvicorn.Server(configuration).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
