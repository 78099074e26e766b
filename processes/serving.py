"""Start the service on a socket of its own."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

import uvicorn

from engine.errors import InputError
from processes.application import create_application

if TYPE_CHECKING:
    from processes.settings import Settings

LOGGER = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 5
"""Time that open connections get to end."""


def serve(settings: Settings) -> None:
    """Serve until a signal says to stop.

    Raises
    ------
    InputError
        Where the address cannot be listened at.
    """
    listener = listen(settings.host, settings.port)
    with listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        application = create_application(settings)
        configuration = uvicorn.Config(
            application, log_config=None, timeout_graceful_shutdown=SHUTDOWN_SECONDS
        )
        LOGGER.info("serving %s at http://%s:%d", settings.data, settings.host, settings.port)
        uvicorn.Server(configuration).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; port 0 takes a free one.

    Raises
    ------
    InputError
        Where the port is in use or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        wrong = f"{host}:{port} cannot be listened at ({error.strerror or error})"
        raise InputError("port", wrong, "a free port of an address of this machine") from None
    return listener
