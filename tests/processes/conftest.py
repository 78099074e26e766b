"""A service on loopback for the tests of this folder."""

from __future__ import annotations

import base64
import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn
import yaml
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from engine.models.store import ModelStore
from engine.models.training import training
from engine.report.gathering import gathered_evidence
from engine.report.writing import write_report
from engine.testing import shared_path, toy_table, toy_task
from processes.application import create_application
from processes.errors import DismissedError
from processes.jobs.attempts import order_for, write_down
from processes.jobs.child import attempt
from processes.jobs.messages import Progressed
from processes.jobs.model import JobFilter, JobStatus
from processes.jobs.store import open_store
from processes.serving import free_port, listen
from processes.settings import Settings
from processes.testing import PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from processes.jobs.dispatcher import Runner
    from processes.jobs.messages import Said
    from processes.jobs.model import Step
    from processes.jobs.store import SqlJobStore

_SERVER = """
import uvicorn
from processes.application import create_application
from processes.serving import listen
from processes.settings import Settings

class Idle:
    def start(self): ...
    def wake(self): ...
    def stop(self): ...

with listen("127.0.0.1", 0) as listener:
    print(listener.getsockname()[1], flush=True)
    settings = Settings.load(port=listener.getsockname()[1])
    application = create_application(settings, Idle())
    uvicorn.Server(uvicorn.Config(application, log_config=None)).run(sockets=[listener])
"""
"""A service that runs no job, as a program."""


class IdleRunner:
    """A runner that leaves every job in line, for tests of the routes."""

    def __init__(self) -> None:
        self.woken = 0

    def start(self) -> None:
        """Do nothing."""

    def wake(self) -> None:
        """Count."""
        self.woken += 1

    def stop(self) -> None:
        """Do nothing."""


class InlineRunner:
    """A runner that does each step in a thread of this process: quick, for light processes."""

    def __init__(self, store: SqlJobStore, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Do nothing."""

    def wake(self) -> None:
        """Take the steps that wait."""
        for step in self._store.ready(limit=1000):
            claimed = self._store.claim(step.job_id, step.name, holder="test", lease=600)
            if claimed is not None:
                thread = threading.Thread(target=self._do, args=(claimed,))
                thread.start()
                self._threads.append(thread)

    def stop(self) -> None:
        """End the jobs that run."""
        running, _ = self._store.find(JobFilter(statuses=(JobStatus.RUNNING,), limit=1000))
        for job in running:
            self._store.dismiss(job.id)
        for thread in self._threads:
            thread.join()

    def _do(self, step: Step) -> None:
        order = order_for(step, self._store, self._settings)
        ending = attempt(order, StoreLine(self._store, step))
        write_down(step, ending, self._store, self._settings)
        self.wake()


class StoreLine:
    """What a child says, written to the store without a supervisor between."""

    def __init__(self, store: SqlJobStore, step: Step) -> None:
        self._store = store
        self._key = (step.job_id, step.name, step.attempt)

    def say(self, said: Said) -> None:
        """Write progress; end what is unwanted."""
        if isinstance(said, Progressed):
            wanted = self._store.report(*self._key, said.fraction, said.message)
            if not wanted:
                raise DismissedError(self._key[0])

    def may_publish(self) -> bool:
        """Ask the store."""
        return self._store.publishing(*self._key)


@contextmanager
def serving(settings: Settings, runner: Runner | None = None) -> Iterator[httpx.Client]:
    """Serve in a thread, over real sockets; give a client of it."""
    with listen("127.0.0.1", 0) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        application = create_application(settings, runner or IdleRunner())
        configuration = uvicorn.Config(application, log_config=None, timeout_graceful_shutdown=1)
        server = uvicorn.Server(configuration)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        address = f"http://127.0.0.1:{settings.port}"
        try:
            with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def launched(settings: Settings) -> Iterator[httpx.Client]:
    """Start the whole service, as processes; give a client of it."""
    settings = settings.model_copy(update={"port": free_port()})
    command = [sys.executable, "-m", "processes", "serve"]
    log = settings.data / "service.log"
    with log.open("ab") as output:
        service = subprocess.Popen(
            command, env=os.environ | settings.environment(), stdout=output, stderr=output
        )
    address = f"http://127.0.0.1:{settings.port}"
    try:
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            until_healthy(client, service, log)
            yield client
    finally:
        service.terminate()
        assert service.wait(60) == 0


def until_healthy(client: httpx.Client, service: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a service answers."""
    deadline = time.monotonic() + 120
    while True:
        try:
            if client.get("/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
        assert service.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Undo what a command does to the log, whose handler writes to a stream that is closed."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def serve() -> Callable[..., AbstractContextManager[httpx.Client]]:
    """Give the means to serve some settings; ``run_jobs=False`` leaves the jobs in line."""

    def serve_settings(
        settings: Settings, *, run_jobs: bool = True
    ) -> AbstractContextManager[httpx.Client]:
        return launched(settings) if run_jobs else serving(settings, IdleRunner())

    return serve_settings


@contextmanager
def served_apart(settings: Settings, program: Path | None = None) -> Iterator[str]:
    """Serve in a process of its own, which runs no job; give its address.

    A folder with another version of ``processes`` may be named, whose service it shall be.
    """
    command = [sys.executable, "-W", "ignore", "-c", _SERVER]
    environment = os.environ | settings.environment()
    with subprocess.Popen(command, env=environment, cwd=program, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def serve_apart() -> Callable[..., AbstractContextManager[str]]:
    """Give the means to serve some settings from another process, at an address."""
    return served_apart


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give settings with an empty data folder."""
    return Settings.load(data=tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    """Give a client of a service that runs no job."""
    with serving(settings, IdleRunner()) as found:
        yield found


@pytest.fixture(scope="module")
def model_id(settings: Settings) -> str:
    """Give a stored model with its report."""
    table = toy_table()
    trained = training(table, toy_task(table))
    model = trained.model.with_companions(gathered_evidence(trained).companions())
    models = ModelStore(settings.model_folder)
    models.save(model)
    write_report(models, model.card.id)
    return model.card.id


@pytest.fixture(scope="module")
def echo_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Give a client of a service that does light jobs at once."""
    with working(Settings.load(data=tmp_path_factory.mktemp("echo"))) as found:
        yield found


@pytest.fixture
def impatient_client(tmp_path: Path) -> Iterator[httpx.Client]:
    """Give a client of a service that makes a job of all that takes long."""
    settings = Settings.load(data=tmp_path, sync_limit=0.5, jobs_waiting=100_000)
    with working(settings) as found:
        yield found


@pytest.fixture(scope="session")
def serve_at_work() -> Callable[[Settings], AbstractContextManager[httpx.Client]]:
    """Give the means to serve some settings with light jobs done at once."""
    return working


@contextmanager
def working(settings: Settings) -> Iterator[httpx.Client]:
    """Serve in a thread, and work in threads."""
    with (
        closing(open_store(settings.job_database)) as store,
        serving(settings, InlineRunner(store, settings)) as found,
    ):
        yield found


@pytest.fixture(scope="session")
def obeys() -> Callable[[str, object], None]:
    """Give the means to check a document against a schema of OGC API - Processes 1.0."""
    folder = shared_path("ogc-schemas", "ogcapi", "processes", "part1", "1.0", "openapi", "schemas")
    base = folder.as_uri() + "/"

    def load(uri: str) -> Resource[object]:
        path = folder / uri.removeprefix(base)
        return Resource.from_contents(yaml.safe_load(path.read_text()), DRAFT7)

    registry: Registry[object] = Registry(retrieve=load)
    # Of a text the OGC's schemas say that it is one of "string" and "string of format byte".
    formats = FormatChecker(["date-time"])
    formats.checks("byte", raises=ValueError)(_is_base64)

    def check(name: str, document: object) -> None:
        schema = {"$ref": base + name}
        Draft7Validator(schema, registry=registry, format_checker=formats).validate(document)

    return check


def _is_base64(value: object) -> bool:
    return not isinstance(value, str) or bool(base64.b64decode(value, validate=True))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlJobStore]:
    """Give an empty store of jobs."""
    opened = open_store(tmp_path / "jobs.sqlite")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Give a real PostgreSQL, started once a session; each test takes databases of its own."""
    with PostgreSQL.find() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PostgreSQL) -> str:
    """Give the name of a database with the tables of the store, to copy."""
    name = postgresql.new_database()
    open_store(postgresql.url(name)).close()
    return name


@pytest.fixture(scope="session")
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Give the means to wait until something is so, on a busy machine, too."""

    def wait(condition: Callable[[], bool], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def within_a_second() -> Callable[[Callable[[], float]], None]:
    """Give the means to see that something takes less than a second.

    A machine that is busy with other things may be late once; the second time is the last.
    """

    def see(times: Callable[[], float]) -> None:
        taken = [times()]
        if taken[0] >= 1:
            taken.append(times())
        assert min(taken) < 1, f"it took {taken} s"

    return see
