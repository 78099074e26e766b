"""Every attempt ends, its end is written down, and nothing of it is left: with real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from processes.definitions import Process
from processes.errors import StoreUnavailableError
from processes.jobs import limits
from processes.jobs.child import INTERNAL
from processes.jobs.forkserver import PROGRAM, ForkServer, request_line
from processes.jobs.model import Ending, JobStatus, StepState
from processes.jobs.supervisor import STOPPED, Supervisor
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from processes.jobs.model import Job
    from processes.jobs.store import SqlJobStore

TOY = Process(
    id="toy",
    title="Toy",
    description="For tests.",
    keywords=(),
    inputs_model="toy_program:Inputs",
    program="toy_program:PROGRAM",
    outputs={},
)


@pytest.fixture(scope="module")
def forkserver() -> Iterator[ForkServer]:
    """Give a fork server that has loaded the toy."""
    server = ForkServer(
        preload=("processes.jobs.child", "toy_program"),
        environment={"PYTHONPATH": str(Path(__file__).parent)},
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processes.jobs.attempts.find_process", lambda _: TOY)


@pytest.fixture
def supervisor(store: SqlJobStore, forkserver: ForkServer, tmp_path: Path) -> Supervisor:
    """Give a supervisor of an empty store."""
    settings = Settings.load(data=tmp_path, lease=5, heartbeat=0.3)
    return Supervisor(store=store, settings=settings, forkserver=forkserver, holder="test")


def accept(supervisor: Supervisor, act: str, folder: Path | None = None) -> str:
    """Accept a job of the toy."""
    inputs = {"act": act, "folder": str(folder or supervisor.settings.data)}
    job, _ = supervisor.store.create("toy", inputs)
    return job.id


def ended(supervisor: Supervisor, act: str, **settings: Any) -> Job:
    """Accept a job, work until it has ended, and return it."""
    supervisor.settings = supervisor.settings.model_copy(update=settings)
    job_id = accept(supervisor, act)
    while not (job := supervisor.store.get(job_id)).status.terminal:
        for step in supervisor.store.ready(10):
            supervisor.supervise(step.job_id, step.name)
        time.sleep(0.02)
    return job


@contextmanager
def at_work(supervisor: Supervisor, act: str) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Have an act supervised in a thread; give the job and the processes that it noted."""
    job_id = accept(supervisor, act)
    thread = threading.Thread(target=supervisor.supervise, args=(job_id, "prepare"))
    thread.start()
    try:
        yield job_id, noted(supervisor)
    finally:
        supervisor.store.dismiss(job_id)
        thread.join(30)
        assert not thread.is_alive()


def noted(supervisor: Supervisor) -> list[psutil.Process]:
    path = supervisor.settings.data / "pids"
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [psutil.Process(int(pid)) for pid in path.read_text().split()]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def test_a_job_goes_from_step_to_step(supervisor: Supervisor) -> None:
    """Results reach later steps, the last step's outputs are the job's, each took one attempt."""
    job = ended(supervisor, "months")
    assert (job.status, job.progress, job.steps_done) == (JobStatus.SUCCESSFUL, 100, 4)
    assert supervisor.store.results(job.id) == {"months": ["2020-01", "2020-02", "prepare"]}
    attempts = supervisor.store.attempts(job.id)
    assert [a.step for a in attempts] == ["prepare", "2020-01", "2020-02", "finish"]
    assert {(a.number, a.ending, a.holder) for a in attempts} == {(1, Ending.DONE, "test")}


def test_the_log_of_the_work_is_kept(supervisor: Supervisor) -> None:
    """Every line of a step is with its job, with step and attempt, before the step has ended."""
    job = ended(supervisor, "months")
    lines = supervisor.store.log_lines(job.id)
    assert [(line.step, line.text) for line in lines] == [
        ("prepare", "at work with 0 results"),
        ("2020-01", "at work with 1 results"),
        ("2020-02", "at work with 2 results"),
        ("finish", "at work with 3 results"),
    ]
    assert {(line.level, line.attempt) for line in lines} == {("INFO", 1)}


@pytest.mark.parametrize(
    ("act", "message", "by_client"),
    [
        ("refused", "act: 'refused'; allowed: another", True),
        ("crash", INTERNAL, False),
    ],
)
def test_an_error_fails_the_job_at_once(
    supervisor: Supervisor, act: str, message: str, by_client: bool
) -> None:
    """An error is not tried again; ours are told, of others only that there was one."""
    job = ended(supervisor, act)
    assert (job.status, job.message, job.by_client) == (JobStatus.FAILED, message, by_client)
    assert job.attempt == 1
    assert "/secret" not in " ".join(line.text for line in supervisor.store.log_lines(job.id))


def test_a_child_that_is_killed_is_replaced(supervisor: Supervisor) -> None:
    """The step is tried again after a pause, and the job ends well."""
    job = ended(supervisor, "die_once")
    assert (job.status, job.attempt) == (JobStatus.SUCCESSFUL, 2)


def test_a_step_that_missed_the_database_is_tried_again(supervisor: Supervisor) -> None:
    """What a step itself asks of the database, as to let its map be found, may come too early."""
    job = ended(supervisor, "database_away_once")
    assert (job.status, job.attempt) == (JobStatus.SUCCESSFUL, 2)


@pytest.mark.parametrize(("act", "reason"), [("die", "SIGKILL"), ("exit", "code 3")])
def test_after_too_many_attempts_the_job_fails(
    supervisor: Supervisor, act: str, reason: str
) -> None:
    """The job says how its process ended."""
    job = ended(supervisor, act, most_attempts=2)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 2)
    assert reason in job.message


@pytest.mark.parametrize("act", ["busy", "digest", "wait"])
def test_a_dismissed_job_is_gone_within_a_second(
    supervisor: Supervisor, act: str, within_a_second: Callable
) -> None:
    """C code, children and those in sessions of their own end, and leave no file behind."""

    def dismiss() -> float:
        (supervisor.settings.data / "pids").unlink(missing_ok=True)
        with at_work(supervisor, act) as (job_id, processes):
            time.sleep(0.3)
            assert not gone(processes)
            assert supervisor.store.get(job_id).status is JobStatus.RUNNING
            started = time.monotonic()
            supervisor.store.dismiss(job_id)
            while not gone(processes):
                assert time.monotonic() - started < 30
                time.sleep(0.005)
            took = time.monotonic() - started
        assert supervisor.store.get(job_id).status is JobStatus.DISMISSED
        left = {path.name for path in supervisor.settings.data.iterdir()}
        assert left <= {"pids", "jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite-shm"}
        return took

    within_a_second(dismiss)


def test_a_job_that_is_dismissed_in_line_is_never_begun(supervisor: Supervisor) -> None:
    """Nobody gets its step, whoever was told that it is ready."""
    job_id = accept(supervisor, "wait")
    (step,) = supervisor.store.ready(10)
    supervisor.store.dismiss(job_id)
    assert supervisor.store.ready(10) == ()
    supervisor.supervise(step.job_id, step.name)
    assert supervisor.store.attempts(job_id) == ()
    assert not (supervisor.settings.data / "pids").exists()


def test_an_attempt_that_was_replaced_ends(supervisor: Supervisor) -> None:
    """A supervisor that lost its lease learns it with its next sign of life."""
    with at_work(supervisor, "wait") as (job_id, processes):
        step = supervisor.store.steps(job_id)[0]
        supervisor.store.fail_step(job_id, step.name, 1, "taken away", retry=True)
        deadline = time.monotonic() + 5
        while not gone(processes):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert supervisor.store.steps(job_id)[0].state is StepState.WAITING


def test_a_sign_of_life_renews_the_lease(supervisor: Supervisor) -> None:
    """While the child works its lease moves on, so nobody else gets the step."""
    with at_work(supervisor, "wait") as (job_id, _):
        first = supervisor.store.steps(job_id)[0].lease_until
        time.sleep(1)
        assert supervisor.store.steps(job_id)[0].lease_until > first
        assert supervisor.store.claim(job_id, "prepare", holder="other", lease=5) is None


def test_too_much_memory_ends_the_job(supervisor: Supervisor) -> None:
    """The limit is told, and there is no second try."""
    job = ended(supervisor, "greedy", attempt_memory=300_000_000)
    assert job.status is JobStatus.FAILED
    assert job.message == "the work took more memory than the 0.3 GiB allowed"
    assert job.attempt == 1


def test_too_much_time_ends_the_job(supervisor: Supervisor) -> None:
    """The limit is told, and there is no second try."""
    job = ended(supervisor, "wait", attempt_seconds=0.5)
    assert job.message == "the work took longer than the 0.5 s allowed"
    assert job.attempt == 1


def test_a_kill_by_the_kernel_is_told_apart(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel killed for want of memory, the job says so and is not tried again."""
    kills = iter(range(100))
    monkeypatch.setattr(limits, "kernel_kills", lambda: next(kills))
    job = ended(supervisor, "die")
    assert (job.status, job.attempt) == (JobStatus.FAILED, 1)
    assert "ran out of memory" in job.message


@pytest.mark.parametrize("generation", [0, 1], ids=["keeper", "fork server"])
def test_the_end_of_who_forked_costs_an_attempt(supervisor: Supervisor, generation: int) -> None:
    """All that the child started dies with it; the next attempt has a new one."""
    with at_work(supervisor, "busy") as (job_id, processes):
        processes[0].parents()[generation].kill()
        deadline = time.monotonic() + 5
        while not gone(processes):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        while supervisor.store.steps(job_id)[0].state is not StepState.WAITING:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert ended(supervisor, "months").status is JobStatus.SUCCESSFUL


@pytest.fixture
def shared() -> Iterator[tuple[list[ForkServer], Callable[[], None]]]:
    """Give two supervisors' ends of one fork server, and what starts that."""
    theirs, ours = request_line()
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [sys.executable, "-m", PROGRAM, str(theirs.fileno()), "toy_program"]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        program = [*command, str(os.getpid())]
        started.append(subprocess.Popen(program, env=environment, pass_fds=[theirs.fileno()]))

    with theirs, ours:
        yield [ForkServer(ours), ForkServer(ours)], start
        for one in started:
            one.kill()
            one.wait()


def test_supervisors_share_a_fork_server(
    shared: tuple[list[ForkServer], Callable[[], None]],
) -> None:
    """Each has a child of its own, which ends with who asked for it and not with the other."""
    (first, second), start = shared
    start()
    one, other = (psutil.Process(server.fork().pid) for server in (first, second))
    assert one.parents()[1] == other.parents()[1]
    first.stop()
    one.wait(10)
    assert other.is_running()
    second.stop()
    other.wait(10)


def test_a_shared_fork_server_that_comes_back_does_what_was_asked(
    shared: tuple[list[ForkServer], Callable[[], None]],
) -> None:
    """What it is asked for while it is away it does when it is there again."""
    (first, _), start = shared
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(first.fork)
        time.sleep(0.2)
        assert not asked.done()
        start()
        assert psutil.Process(asked.result(60).pid).is_running()
    first.stop()


@contextmanager
def waiting(supervisor: Supervisor) -> Iterator[str]:
    """Have a job supervised in a thread for which no process is to be had yet; give the job."""
    job_id = accept(supervisor, "months")
    thread = threading.Thread(target=supervisor.supervise, args=(job_id, "prepare"))
    thread.start()
    yield job_id
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def early(
    shared: tuple[list[ForkServer], Callable[[], None]], supervisor: Supervisor
) -> Supervisor:
    """Give a supervisor whose fork server does not answer yet."""
    supervisor.forkserver = shared[0][0]
    supervisor.settings = supervisor.settings.model_copy(update={"lease": 1, "heartbeat": 0.1})
    return supervisor


def test_an_attempt_waits_for_a_fork_server_that_still_loads(
    early: Supervisor, shared: tuple[list[ForkServer], Callable[[], None]]
) -> None:
    """Its lease does not run out meanwhile, however slow the machine is."""
    with waiting(early) as job_id:
        time.sleep(2)
        assert not early.store.expire()
        shared[1]()
    (attempt,) = early.store.attempts(job_id)
    assert attempt.ending is Ending.DONE
    early.forkserver.stop()


def test_who_is_stopped_while_waiting_for_a_fork_server_gives_the_step_back(
    early: Supervisor,
) -> None:
    """At once; the attempt does not count."""
    with waiting(early) as job_id:
        time.sleep(0.3)
        early.stopping.set()
    (attempt,) = early.store.attempts(job_id)
    assert (attempt.ending, attempt.message) == (Ending.RETURNED, STOPPED)


def test_a_job_may_be_dismissed_while_it_waits_for_a_fork_server(early: Supervisor) -> None:
    """Then nobody waits."""
    with waiting(early) as job_id:
        time.sleep(0.3)
        early.store.dismiss(job_id)
    assert early.store.get(job_id).status is JobStatus.DISMISSED


def test_a_fork_server_that_never_answers_is_given_up(
    early: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some minutes; the step waits for another attempt."""
    monkeypatch.setattr("processes.jobs.supervisor.BIRTH_SECONDS", 0.2)
    with waiting(early) as job_id:
        pass
    (attempt,) = early.store.attempts(job_id)
    assert attempt.ending is Ending.FAILED
    assert "no process could be started" in attempt.message
    assert early.store.steps(job_id)[0].state is StepState.WAITING


def test_a_stopped_supervisor_gives_its_step_back(
    supervisor: Supervisor, wait_for: Callable
) -> None:
    """The child ends, the step waits for another, and the attempt does not count."""
    supervisor.settings = supervisor.settings.model_copy(update={"most_attempts": 1})
    with at_work(supervisor, "wait") as (job_id, processes):
        supervisor.stopping.set()
        wait_for(lambda: gone(processes))
        wait_for(lambda: supervisor.store.steps(job_id)[0].state is StepState.WAITING)
        assert supervisor.store.get(job_id).status is JobStatus.RUNNING
        (attempt,) = supervisor.store.attempts(job_id)
        assert (attempt.ending, attempt.message) == (Ending.RETURNED, STOPPED)


class _Flaky:
    """A store whose database is away whenever one says so."""

    def __init__(self, store: SqlJobStore) -> None:
        self._store = store
        self.away = False

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            if self.away:
                raise StoreUnavailableError("away")
            return getattr(self._store, name)(*arguments, **named)

        return call


def test_work_outlasts_a_database_that_is_away(supervisor: Supervisor) -> None:
    """The child works on meanwhile, and its result is written when the database is back."""
    whole = supervisor.store
    supervisor.store = flaky = _Flaky(whole)
    job_id = accept(supervisor, "linger")
    thread = threading.Thread(target=supervisor.supervise, args=(job_id, "prepare"))
    thread.start()
    noted(supervisor)
    flaky.away = True
    (supervisor.settings.data / "go").touch()
    time.sleep(1)
    assert whole.steps(job_id)[0].state is StepState.RUNNING
    flaky.away = False
    thread.join(30)
    assert whole.steps(job_id)[0].state is StepState.DONE
    assert len(whole.attempts(job_id)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
@pytest.mark.parametrize(
    ("options", "words"),
    [("size=3m", "the disk is full"), ("ro", "catalog: the file system is read-only")],
)
def test_trouble_with_the_disk_is_told(supervisor: Supervisor, options: str, words: str) -> None:
    """A full disk and one that may not be written fail the job, with the folder, at once."""
    folder = supervisor.settings.data / "catalog"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        supervisor.store.create("toy", {"act": "write", "folder": str(folder)})
        (step,) = supervisor.store.ready(1)
        supervisor.supervise(step.job_id, step.name)
        job = supervisor.store.get(step.job_id)
        assert (job.status, job.attempt) == (JobStatus.FAILED, 1)
        assert job.message == words
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
