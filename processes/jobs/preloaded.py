"""The fork server: a process that has loaded the science, and forks whoever needs it loaded.

It has one thread and loads in its idle time, one module after another. Per request it forks a
*keeper*, and that the child: what they do not change, they share with it and with each other.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import socket
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from processes.jobs.keeper import fork, keep
from processes.jobs.lineage import adopt_orphans, die_with_parent, end_descendants

if TYPE_CHECKING:
    from collections.abc import Sequence

LOGGER = logging.getLogger(__name__)

NICENESS = 10
"""How far the work stands back behind the service that answers."""
PRELOAD = (
    "processes.jobs.child",
    "processes.echo",
    "numpy",
    "pandas",
    "scipy.stats",
    "xarray",
    "pyproj",
    "rasterio",
    "onnxruntime",
    "engine.models.compiled.kernel",
    "engine.sparse_sums",
    "engine.pixel_sums",
    "engine.lookup",
    "matplotlib.figure",
    "processes.inputs",
    "processes.run",
)
"""What is loaded ahead: what most steps need. Learners are not; a job loads them once."""
_SIZE = 64
_DESCRIPTORS = 2


class _ForkServer:
    """Forks a keeper per request.

    Parameters
    ----------
    requests
        Each message brings two open files: where the keeper tells of the child, and the child's
        own.
    preload
        Modules to load while nobody asks.
    """

    def __init__(self, requests: socket.socket, preload: Sequence[str]) -> None:
        self._requests = requests
        self._to_load = list(preload)
        self._keepers: dict[int, int] = {}
        """Identifiers, by the files that tell of their end."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until nobody can ask any more."""
        while True:
            events = self._selector.select(0 if self._to_load else None)
            for key, _ in events:
                if key.fileobj is not self._requests:
                    self._bury(key.fd)
                elif not self._answer():
                    return
            if not events and self._to_load:
                self._load(self._to_load.pop(0))

    def _answer(self) -> bool:
        """Fork a keeper; False where nobody asks any more."""
        try:
            request, descriptors, _, _ = socket.recv_fds(self._requests, _SIZE, _DESCRIPTORS)
        except ConnectionError:
            return False
        if not request:
            return False
        parent = os.getpid()
        pid = fork()
        if pid == 0:
            self._become_keeper(parent, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        ending = os.pidfd_open(pid)
        self._keepers[ending] = pid
        self._selector.register(ending, selectors.EVENT_READ)
        return True

    def _become_keeper(self, parent: int, control: int, descriptor: int) -> NoReturn:
        code = 1
        try:
            self._selector.close()
            self._requests.close()
            for other in self._keepers:
                os.close(other)
            with socket.socket(fileno=control) as told:
                keep(parent, told, descriptor)
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _bury(self, ending: int) -> None:
        """Reap a keeper, and end what it left behind where it was killed."""
        self._selector.unregister(ending)
        os.close(ending)
        os.waitpid(self._keepers.pop(ending), 0)
        end_descendants(keep=frozenset(self._keepers.values()))

    def _load(self, name: str) -> None:
        try:
            import_module(name)
        except ImportError as error:
            # The child that needs it says so, to whom it concerns.
            LOGGER.warning("%s cannot be loaded ahead: %s", name, error)
        if not self._to_load:
            # A collector that looks at what is loaded would change it, and so end the sharing.
            gc.collect()
            gc.freeze()


def main(descriptor: int, parent: int, preload: Sequence[str]) -> None:
    """Serve whoever asks at the other end of a socket, until the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # SIGTERM ends us at once, even amid a module that takes long to load; keepers end with us.
    die_with_parent(parent)
    os.nice(NICENESS)
    adopt_orphans()
    with socket.socket(fileno=descriptor) as requests:
        _ForkServer(requests, preload or PRELOAD).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[-1]), sys.argv[2:-1])
