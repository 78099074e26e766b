"""The web server, as a process of its own: ``python -m processes.web DESCRIPTOR PARENT``.

It answers before all that it may need is loaded: the models of the inputs, which know the science,
and pygeoapi follow in a thread. Who asks for them earlier waits for them.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from typing import TYPE_CHECKING

import uvicorn

from engine.errors import InputError
from processes.application import create_application
from processes.definitions import load_inputs
from processes.jobs.lineage import die_with_parent
from processes.launcher import WRONG_SETTINGS
from processes.logs import configure_logging
from processes.serving import BACKLOG
from processes.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

LOGGER = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 5
"""Time that open connections get to end."""
KEEP_ALIVE_SECONDS = 75
"""How long a connection may rest between two requests: longer than pollers pause."""


class Server(uvicorn.Server):
    """The server of one application.

    Parameters
    ----------
    application
        What answers.
    """

    def __init__(self, application: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                log_config=None,
                ws="none",
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        self.wrong_settings = False
        """Whether the server ended for what it found in its settings."""
        self._application = application

    def load(self) -> None:
        """Load what requests will need; end the server where the settings are at fault."""
        load_inputs()
        try:
            self._application.state.behind.load()
        except InputError as error:
            LOGGER.error("%s", error)
            self.wrong_settings = self.should_exit = True


def main(descriptor: int, parent: int) -> int:
    """Answer at a socket that the parent has opened; return the exit code."""
    die_with_parent(parent)
    try:
        settings = Settings.load()
        configure_logging(settings.log_level, form=settings.log_format)
        server = Server(create_application(settings))
    except InputError as error:
        LOGGER.error("%s", error)
        return WRONG_SETTINGS
    threading.Thread(target=server.load, name="load").start()
    with socket.socket(fileno=descriptor) as listener:
        server.run(sockets=[listener])
    return WRONG_SETTINGS if server.wrong_settings else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
