"""Dask, which only places work: a scheduler, workers that supervise, and who hands steps to them.

Nothing that must be remembered is here. A task is a hint that a step is ready; the supervisor
that gets it asks the store, and of two supervisors that got the same hint one gets the step.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import dask
from distributed import Client, Scheduler, Worker, fire_and_forget, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from processes.errors import ServiceError
from processes.jobs.code import code_version
from processes.jobs.encryption import ENCRYPTED, security_of
from processes.jobs.forkserver import ForkServer
from processes.jobs.lineage import die_with_parent
from processes.jobs.store import open_store
from processes.jobs.supervisor import Supervisor
from processes.logs import configure_logging, quiet_libraries
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from distributed import Future
    from distributed.security import Security

    from processes.jobs.model import Step

LOGGER = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
CONNECT_SECONDS = 3
"""Longest wait for the scheduler when steps are to be placed."""
AGAIN_SECONDS = 0.5
"""Pause before a worker looks for its scheduler again."""
CONFIGURATION = {
    # Whether a step is tried again the store decides.
    "distributed.scheduler.allowed-failures": 0,
    # A task is an hour of waiting for a child: nothing to learn, move or measure.
    "distributed.scheduler.work-stealing": False,
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.admin.system-monitor.interval": "5s",
}
_PLUGIN = "supervisor"
_WEB = f"{LOOPBACK}:0"
"""Dask's own little web servers cannot be left out, only be put where nobody is in their way."""


class ClusterError(ServiceError, RuntimeError):
    """Dask does not answer; it is asked again soon."""


class OtherCodeError(ServiceError, RuntimeError):
    """A worker runs other code than the service that hands it a step.

    Parameters
    ----------
    worker
        Its address.
    its, ours
        Versions of the code.
    """

    def __init__(self, worker: str, its: str, ours: str) -> None:
        self.worker, self.its, self.ours = worker, its, ours
        super().__init__(worker, its, ours)

    def __str__(self) -> str:
        return (
            f"worker {self.worker} runs version {self.its} of vadose, the service {self.ours}; it "
            "gets no steps until it is installed anew and started again"
        )


class DaskPlacer:
    """Hands steps to idle workers.

    Parameters
    ----------
    address
        Of the scheduler.
    done
        Called whenever a worker becomes idle, from another thread.
    security
        How the scheduler is connected to; by default as it is on loopback.
    """

    def __init__(
        self, address: str, done: Callable[[], None], security: Security | None = None
    ) -> None:
        quiet_libraries()
        self._address = address
        self._security = security
        self._done = done
        self._client: Client | None = None
        self._placed: set[Future[None]] = set()
        self._refused: set[str] = set()
        self._code = code_version()

    def idle(self) -> Sequence[str]:
        """Return the workers that have nothing to do and may be given something.

        Raises
        ------
        ClusterError
            Where the scheduler does not answer.
        """
        tasks: Mapping[str, Sequence[str]] = self._ask(lambda client: client.processing())
        self._refused &= tasks.keys()
        return [one for one, keys in tasks.items() if not keys and one not in self._refused]

    def place(self, step: Step, worker: str) -> None:
        """Hand a step to a worker; it tells nobody how that ends but the store.

        Raises
        ------
        ClusterError
            Where the scheduler does not answer.
        """
        future = self._ask(
            lambda client: client.submit(
                supervise,
                step.job_id,
                step.name,
                self._code,
                # Each hint has a key of its own. One with the key of another is that other to Dask,
                # which may wait at a worker that is busy with what the scheduler does not know of.
                key=f"{step.job_id}/{step.name}/{step.attempt + 1}/{uuid4().hex}",
                workers=[worker],
                allow_other_workers=True,
                pure=False,
                retries=0,
            )
        )
        fire_and_forget(future)
        self._placed.add(future)
        future.add_done_callback(partial(self._release, worker))

    def close(self) -> None:
        """Leave the scheduler; what it runs goes on."""
        client, self._client = self._client, None
        self._placed.clear()
        if client is not None:
            with suppress(Exception):
                client.close(timeout=1)

    def _ask[T](self, question: Callable[[Client], T]) -> T:
        """Ask over a connection that is made when it is needed and thrown away at any error."""
        try:
            if self._client is not None and self._client.status != "running":
                self.close()
            if self._client is None:
                with dask.config.set(CONFIGURATION):
                    self._client = Client(
                        self._address,
                        set_as_default=False,
                        timeout=CONNECT_SECONDS,
                        security=self._security,
                    )
            return question(self._client)
        except Exception as error:
            self.close()
            raise ClusterError(f"the scheduler {self._address}: {error}") from error

    def _release(self, worker: str, future: Future[None]) -> None:
        self._placed.discard(future)
        if future.status == "error":
            error = future.exception()
            refused = error.worker if isinstance(error, OtherCodeError) else worker
            if refused not in self._refused:
                LOGGER.error("%s", error)
            self._refused.add(refused)
        self._done()


class SupervisorPlugin(WorkerPlugin):
    """Gives a worker its supervisor."""

    name = _PLUGIN

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor


def supervise(job_id: str, step: str, code: str = "that does not tell") -> None:
    """Make an attempt of a step, on the worker that runs this.

    Raises
    ------
    OtherCodeError
        Where the service that hands it over is of another version: its step is not touched.
    """
    worker = get_worker()
    if code != code_version():
        raise OtherCodeError(worker.address, code_version(), code)
    plugin = cast("SupervisorPlugin", worker.plugins[_PLUGIN])
    plugin.supervisor.supervise(job_id, step)


def run_scheduler(port: int, host: str = LOOPBACK, security: Security | None = None) -> None:
    """Run a scheduler until a signal says to stop."""
    with dask.config.set(CONFIGURATION):
        asyncio.run(_until_signal(_serve_scheduler(host, port, security)))


def run_worker(address: str, settings: Settings, forks: socket.socket | None = None) -> None:
    """Run a worker for a scheduler until a signal says to stop.

    The scheduler may end and come back: the worker waits for it, and what it supervises goes on
    meanwhile.

    Parameters
    ----------
    address
        Of the scheduler.
    settings
        For the worker and its children.
    forks
        Where a fork server is asked that others use, too; by default it has one of its own.
    """
    code_version()  # what is loaded now, whatever is installed later
    with (
        dask.config.set(CONFIGURATION),
        closing(open_store(settings.job_database, patient=True)) as store,
    ):
        supervisor = Supervisor(
            store=store,
            settings=settings,
            forkserver=ForkServer(forks, environment=settings.environment()),
            holder=f"{socket.gethostname()}/{os.getpid()}",
        )
        try:
            asyncio.run(_until_signal(_serve_worker(address, supervisor), supervisor.stopping.set))
        finally:
            supervisor.stop()


async def _serve_scheduler(host: str, port: int, security: Security | None) -> None:
    async with Scheduler(
        host=host,
        port=port,
        protocol=ENCRYPTED if security is not None else None,
        security=security,
        dashboard=False,
        dashboard_address=_WEB,
    ) as scheduler:
        await scheduler.finished()


async def _serve_worker(address: str, supervisor: Supervisor) -> None:
    """Join the scheduler again and again, and keep the supervisor ready."""
    ready = asyncio.create_task(_keep_ready(supervisor))
    try:
        await _join_again(address, supervisor)
    finally:
        ready.cancel()


async def _keep_ready(supervisor: Supervisor) -> None:
    while True:
        supervisor.keep_ready()
        await asyncio.sleep(AGAIN_SECONDS)


async def _join_again(address: str, supervisor: Supervisor) -> None:
    while True:
        try:
            await _join(address, supervisor)
        except (OSError, TimeoutError, RuntimeError) as error:
            LOGGER.info("the scheduler %s does not answer: %s", address, error)
        await asyncio.sleep(AGAIN_SECONDS)


async def _join(address: str, supervisor: Supervisor) -> None:
    """Work for a scheduler until it is gone."""
    local = LOOPBACK if f"//{LOOPBACK}:" in address else None
    async with Worker(
        address,
        nthreads=1,
        host=local,
        security=security_of(address, supervisor.settings),
        dashboard=False,
        dashboard_address=_WEB,
        memory_limit=0,
        local_directory=str(supervisor.settings.work_folder / "dask"),
        plugins=(SupervisorPlugin(supervisor),),
    ) as worker:
        await worker.finished()


async def _until_signal(
    work: Coroutine[object, object, None], warn: Callable[[], object] = lambda: None
) -> None:
    """Do something until SIGTERM or SIGINT, which is told before the end begins."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)

    def end() -> None:
        warn()
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    with suppress(asyncio.CancelledError):
        await task


def main(arguments: Sequence[str]) -> None:
    """Run one part of a cluster on loopback.

    Parameters
    ----------
    arguments
        ``scheduler PORT PARENT`` or ``worker ADDRESS DESCRIPTOR PARENT``; at the descriptor the
        workers' fork server is asked.
    """
    kind, where, *descriptors, parent = arguments
    die_with_parent(int(parent))
    settings = Settings.load()
    configure_logging(settings.log_level, form=settings.log_format)
    if kind == "scheduler":
        run_scheduler(int(where))
    else:
        (forks,) = descriptors
        run_worker(where, settings, socket.socket(fileno=int(forks)))


if __name__ == "__main__":
    main(sys.argv[1:])
