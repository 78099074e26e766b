"""``vadose serve``: the web server and what does the jobs' work, each in processes of their own.

::

    vadose serve ─┬─ web server      answers, and hands steps of jobs to the scheduler
                  ├─ Dask scheduler  finds a worker for each
                  ├─ Dask workers    supervise
                  └─ fork server     has loaded the science, once, and forks the children at work

The socket that clients connect to is opened here: a request that comes while the web server is
started again waits a moment instead of being refused.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

from engine.errors import InputError
from processes.errors import InvalidSettingsError
from processes.jobs.forkserver import PROGRAM, request_line
from processes.jobs.lineage import die_with_parent
from processes.launcher import Launcher, Part
from processes.start import scheduler_problems, setting_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from processes.settings import Settings

LOGGER = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
BACKLOG = 1024
"""Connections that wait to be taken, while the web server is busy or is started again."""
_CLUSTER = "processes.jobs.cluster"


def serve(settings: Settings) -> None:
    """Serve until a signal says to stop.

    Parameters
    ----------
    settings
        With the address of a scheduler, its workers are somebody else's to start; without one,
        a scheduler and ``jobs_at_once`` workers are started on loopback.

    Raises
    ------
    InvalidSettingsError
        Where settings contradict each other: names all of them.
    InputError
        Where the address cannot be listened at.
    """
    _check_elsewhere(settings)
    own_cluster = settings.scheduler is None
    with listen(settings.host, settings.port) as listener:
        changes: dict[str, object] = {"port": listener.getsockname()[1]}
        if own_cluster:
            changes["scheduler"] = f"tcp://{LOOPBACK}:{free_port()}"
        settings = settings.model_copy(update=changes)
        LOGGER.info("serving %s at http://%s:%d", settings.data, settings.host, settings.port)
        web_server = _web_server(settings, listener)
        if own_cluster:
            _run_with_cluster(web_server, settings)
        else:
            Launcher([web_server]).run()


def work(settings: Settings) -> None:
    """Work for the settings' scheduler until a signal says to stop.

    Raises
    ------
    InputError
        Where no scheduler is named, or the jobs are in a file of SQLite.
    """
    if settings.scheduler is None:
        allowed = "the address of a Dask scheduler, such as tls://host:8786"
        raise InputError("VADOSE_SCHEDULER", "it is not set", allowed)
    check_cluster(settings)
    _refuse(scheduler_problems(settings.scheduler, settings))
    from processes.jobs.cluster import run_worker  # noqa: PLC0415  (Dask takes a second to load)

    run_worker(settings.scheduler, settings)


def place(settings: Settings, host: str, port: int) -> None:
    """Place work for services and workers of other machines until a signal says to stop.

    Raises
    ------
    InvalidSettingsError
        Where others could reach it unencrypted, or a certificate is missing.
    """
    address = f"{'tls' if settings.encrypted_cluster else 'tcp'}://{host}:{port}"
    _refuse(scheduler_problems(address, settings))
    from processes.jobs.cluster import run_scheduler  # noqa: PLC0415  (Dask takes a second to load)
    from processes.jobs.encryption import security_of  # noqa: PLC0415

    run_scheduler(port, host, security_of(address, settings))


def _check_elsewhere(settings: Settings) -> None:
    """Check settings in a process that ends: what that loads, the launcher never needs again."""
    ours = (os.getpid(),)
    context = get_context("fork")
    with ProcessPoolExecutor(1, context, die_with_parent, ours) as pool:
        found = pool.submit(_found_problems, settings).result()
    _refuse(InputError(*one) for one in found)


def _found_problems(settings: Settings) -> list[tuple[str, str, str]]:
    return [(one.field, one.wrong, one.allowed) for one in setting_problems(settings)]


def _refuse(problems: Iterable[InputError]) -> None:
    if found := list(problems):
        raise InvalidSettingsError(found)


def check_cluster(settings: Settings) -> None:
    """Refuse to work with other machines on a database that is a file of this one.

    Raises
    ------
    InputError
        Where it is.
    """
    if settings.jobs_database is None:
        raise InputError(
            "VADOSE_JOBS_DATABASE",
            "with VADOSE_SCHEDULER the jobs cannot be in a file, which other machines do not see",
            "postgresql://USER:PASSWORD@HOST/DATABASE",
        )


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
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        wrong = f"{host}:{port} cannot be listened at ({error.strerror or error})"
        raise InputError("port", wrong, "a free port of an address of this machine") from None
    return listener


def free_port() -> int:
    """Return a port of loopback that nobody listens at."""
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def _web_server(settings: Settings, listener: socket.socket) -> Part:
    return Part(
        name="web server",
        command=_python("processes.web", str(listener.fileno())),
        environment=_environment(settings),
        descriptors=(listener.fileno(),),
    )


def _run_with_cluster(web_server: Part, settings: Settings) -> None:
    """Run a web server, and a cluster whose workers share a fork server."""
    # Both ends stay open here: a fork server that is started again finds what was asked for.
    theirs, ours = request_line()
    with theirs, ours:
        fork_server = _fork_server(settings, theirs)
        Launcher([web_server, *_cluster(settings, ours), fork_server]).run()


def _fork_server(settings: Settings, requests: socket.socket) -> Part:
    return Part(
        name="fork server",
        command=_python(PROGRAM, str(requests.fileno())),
        environment=_environment(settings),
        descriptors=(requests.fileno(),),
        outlives=True,
    )


def _cluster(settings: Settings, forks: socket.socket) -> Sequence[Part]:
    """Return a scheduler and its workers."""
    address = str(settings.scheduler)
    environment = _environment(settings)
    scheduler = Part(
        name="scheduler",
        command=_python(_CLUSTER, "scheduler", address.rpartition(":")[2]),
        environment=environment,
    )
    workers = [
        Part(
            name=f"worker {number}",
            command=_python(_CLUSTER, "worker", address, str(forks.fileno())),
            environment=environment,
            descriptors=(forks.fileno(),),
        )
        for number in range(1, settings.jobs_at_once + 1)
    ]
    return [scheduler, *workers]


def _python(module: str, *arguments: str) -> Sequence[str]:
    return [sys.executable, "-m", module, *arguments]


def _environment(settings: Settings) -> Mapping[str, str]:
    return os.environ | settings.environment()
