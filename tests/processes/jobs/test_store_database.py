"""The database under the store: made, renewed, shared, away and back, and quick when it is full."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, insert, text, update
from sqlalchemy import table as named_table
from sqlalchemy.sql import column

from engine.errors import InputError
from processes.errors import StoreUnavailableError
from processes.jobs import store_jobs
from processes.jobs.migrate import SCRIPTS
from processes.jobs.model import Delivery, JobFilter, JobStatus
from processes.jobs.schema import JOBS, METADATA, VERSION
from processes.jobs.store import SqlJobStore, open_store
from processes.jobs.store_database import Database
from processes.testing import PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection

VERSION_0_1_0 = Path(__file__).with_name("version_0.1.0.sql")
"""What the version before migrations left of six jobs, written by itself."""
JOBS_IN_ALL = 20_000
PAGE_SECONDS = 0.02


@pytest.fixture
def before(tmp_path: Path) -> str:
    """Give a database that the version before migrations wrote."""
    path = tmp_path / "before.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_0_1_0.read_text())
    return str(path)


def open_elsewhere(address: str) -> subprocess.Popen[str]:
    """Open a store in another process."""
    program = "import sys\nfrom processes.jobs.store import open_store\nopen_store(sys.argv[1])"
    return subprocess.Popen(
        [sys.executable, "-c", program, address], stderr=subprocess.PIPE, text=True
    )


def test_the_migrations_leave_what_the_schema_says(empty_database: str) -> None:
    """Alembic finds no difference between the newest migration and the tables of the program."""
    open_store(empty_database).close()
    database = Database.at(empty_database)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    database.close()
    assert ScriptDirectory(str(SCRIPTS)).get_current_head() == VERSION


def test_jobs_of_the_version_before_are_taken_over(before: str) -> None:
    """In their order, with their states and results; those that waited or ran can go on."""
    with closing(open_store(before)) as jobs:
        found, total = jobs.find(JobFilter())
        states = [str(job.status) for job in reversed(found)]
        known = ["successful", "failed", "dismissed", "running", "accepted", "accepted"]
        assert (states, total) == (known, 6)
        echo, listed, running, dismissed, failed, done = found
        items = {"type": "FeatureCollection", "features": []}
        assert jobs.results(done.id) == {"items": items, "report": {"months": 1}}
        assert jobs.outputs(done.id)[1].size == len('{"months":1}')
        assert (failed.message, failed.by_client) == ("MCD43A4: no files in 1999-05", True)
        assert jobs.results(dismissed.id) is None
        assert running.delivery == Delivery(response="raw", outputs={"items": "reference"})
        assert listed.delivery == Delivery(outputs={"items": "value"})
        ready = [(step.job_id, step.name) for step in jobs.ready(10)]
        assert ready == [(running.id, "prepare"), (listed.id, "prepare"), (echo.id, "run")]
        again = jobs.claim(running.id, "prepare", holder="test", lease=60)
        assert again is not None
        assert again.attempt == 2
        assert jobs.find(JobFilter(most_seconds=60, least_seconds=0))[1] == 3
        assert jobs.create("echo", {})[1]


def test_jobs_are_taken_over_once(before: str) -> None:
    """Whoever opens the database later changes nothing."""
    with closing(open_store(before)) as first, closing(open_store(before)) as second:
        assert first.find(JobFilter()) == second.find(JobFilter())


def test_two_processes_make_a_database_at_once(empty_database: str) -> None:
    """One makes the tables, the other waits for it; both then go on."""
    others = [open_elsewhere(empty_database) for _ in range(2)]
    errors = [other.communicate(timeout=120)[1] for other in others]
    assert [other.returncode for other in others] == [0, 0], errors
    with closing(open_store(empty_database)) as jobs:
        assert jobs.find(JobFilter()) == ((), 0)


def test_two_processes_take_jobs_over_at_once(before: str) -> None:
    """No job is lost or doubled."""
    others = [open_elsewhere(before) for _ in range(2)]
    errors = [other.communicate(timeout=120)[1] for other in others]
    assert [other.returncode for other in others] == [0, 0], errors
    with closing(open_store(before)) as jobs:
        assert jobs.find(JobFilter())[1] == 6


def test_a_database_of_a_later_version_is_refused(database: str) -> None:
    """An older program does not touch what it cannot know, and says so."""
    open_store(database).close()
    handle = Database.at(database)
    versions = named_table("alembic_version", column("version_num"))
    with handle.writing() as connection:
        connection.execute(update(versions).values(version_num="9999"))
    handle.close()
    with pytest.raises(InputError, match=f"version 9999; allowed: a database of version {VERSION}"):
        open_store(database)


@pytest.mark.parametrize(
    "address", ["mysql://u:secret@h/d", "postgresql://u:secret@h:port/d", "://", "sqlite://"]
)
def test_other_addresses_are_refused_without_their_password(address: str) -> None:
    """The message names what is allowed, and keeps what it was given to itself."""
    with pytest.raises(InputError, match="allowed: a file, or postgresql://") as caught:
        open_store(address)
    assert "secret" not in str(caught.value)


def test_a_database_that_is_not_there_is_unavailable() -> None:
    """The error keeps hosts and users to itself, and the reason for the log."""
    with pytest.raises(StoreUnavailableError) as caught:
        open_store("postgresql://nobody:secret@127.0.0.1:1/none")
    assert "127.0.0.1" not in str(caught.value)
    assert "refused" in caught.value.reason


def test_a_database_that_goes_away_comes_back(server: PostgreSQL) -> None:
    """Meanwhile every call says so; afterwards the same store works, and nothing is lost."""
    with closing(open_store(server.url(server.new_database()))) as jobs:
        job, _ = jobs.create("echo", {})
        server.stop()
        for _ in range(2):
            with pytest.raises(StoreUnavailableError):
                jobs.get(job.id)
            with pytest.raises(StoreUnavailableError):
                jobs.claim(job.id, "prepare", holder="test", lease=60)
        server.start()
        assert jobs.get(job.id) == job
        assert jobs.claim(job.id, "prepare", holder="test", lease=60) is not None


def test_a_change_that_loses_its_database_is_not_made(server: PostgreSQL) -> None:
    """A transaction that the server's end cuts off leaves nothing."""
    address = server.url(server.new_database())
    with closing(open_store(address)) as jobs:
        job, _ = jobs.create("echo", {})
        with pytest.raises(StoreUnavailableError):
            _change_while_it_stops(jobs, server)
        server.start()
        assert jobs.get(job.id) == job


def _change_while_it_stops(jobs: SqlJobStore, server: PostgreSQL) -> None:
    with jobs._database.writing() as connection:
        connection.execute(update(JOBS).values(message="half"))
        server.stop()


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    """Give a PostgreSQL that a test may stop."""
    with PostgreSQL.find() as own:
        yield own


def test_a_file_that_may_not_be_written_is_unavailable(tmp_path: Path) -> None:
    """A broken file is told as such, not as a crash."""
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreUnavailableError):
        open_store(path)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def crowded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SqlJobStore]:
    """Give a store of 20,000 jobs, as years of use would leave them; read only."""
    if request.param == "sqlite":
        address = str(tmp_path_factory.mktemp("crowded") / "jobs.sqlite")
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        address = server.url(server.new_database())
    with closing(open_store(address)) as jobs:
        with jobs._database.writing() as connection:
            connection.execute(insert(JOBS), [_row(number) for number in range(JOBS_IN_ALL)])
        if request.param == "postgresql":
            _vacuum(jobs)
        yield jobs


def _vacuum(jobs: SqlJobStore) -> None:
    """Do what PostgreSQL does by itself every minute."""
    own = jobs._database._readers.execution_options(isolation_level="AUTOCOMMIT")
    with own.connect() as connection:
        connection.execute(text("VACUUM ANALYZE jobs"))


FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def _row(number: int) -> Mapping[str, object]:
    created = FIRST + timedelta(minutes=number)
    ended = number < JOBS_IN_ALL - 20
    statuses = (JobStatus.SUCCESSFUL, JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED)
    return {
        "id": f"{number:036d}",
        "process_id": ("downscale-smap", "reconstruct-sif", "echo")[number % 3],
        "inputs": {"datetime": "2020-05", "region": "a name of some length " * 30},
        "delivery": {"response": "document", "outputs": {}},
        "force": False,
        "status": statuses[number % 4] if ended else JobStatus.RUNNING,
        "progress": 100 if ended else 50,
        "message": "done",
        "steps": 16,
        "steps_done": 16,
        "attempt": 1,
        "by_client": False,
        "created": created,
        "started": created,
        "finished": created + timedelta(seconds=number % 1000) if ended else None,
        "updated": created,
        "seconds": float(number % 1000) if ended else None,
        "log_seq": 0,
    }


ENDED = (JobStatus.RUNNING, JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED)
FILTERS = {
    "all": JobFilter(limit=50),
    "shown by default": JobFilter(limit=50, statuses=ENDED),
    "the last page": JobFilter(limit=50, offset=JOBS_IN_ALL - 50, statuses=ENDED),
    "failed": JobFilter(limit=50, statuses=(JobStatus.FAILED,)),
    "running": JobFilter(limit=50, statuses=(JobStatus.RUNNING,)),
    "in line": JobFilter(limit=50, statuses=(JobStatus.ACCEPTED,)),
    "of a process": JobFilter(limit=50, process_ids=("echo",), statuses=ENDED),
    "of a day": JobFilter(limit=50, created_from=FIRST, created_before=FIRST + timedelta(days=1)),
    "long": JobFilter(limit=50, statuses=ENDED, least_seconds=990),
    "short": JobFilter(limit=50, process_ids=("echo",), most_seconds=1),
}


def test_a_page_of_many_jobs_reads_no_others(crowded: SqlJobStore) -> None:
    """Whatever the filter, its jobs are found and counted in an index alone."""
    with crowded._database.reading() as connection:
        for name, wanted in FILTERS.items():
            plans = _plans(connection, wanted)
            assert len(plans) == 2
            for plan in plans:
                assert "COVERING INDEX" in plan or "Index Only Scan" in plan, (name, plan)
                assert "Seq Scan" not in plan, (name, plan)


def test_a_page_of_many_jobs_is_quick(crowded: SqlJobStore) -> None:
    """Fifty of 20,000 jobs with their total take under 20 ms of the processor."""
    for name in ("all", "shown by default", "failed", "of a process"):
        times = []
        for _ in range(7):
            start = time.thread_time()
            assert len(crowded.find(FILTERS[name])[0]) == 50
            times.append(time.thread_time() - start)
        # The least: the others say more of the machine's other work.
        assert min(times) < PAGE_SECONDS, name


def _plans(connection: Connection, wanted: JobFilter) -> list[str]:
    """Return how the database finds and counts the jobs of a filter."""
    asked: list[tuple[str, Any]] = []

    def look(_connection: object, _cursor: object, statement: str, values: object, *_: Any) -> None:
        asked.append((statement, values))

    event.listen(connection, "before_cursor_execute", look)
    store_jobs.find(connection, wanted)
    event.remove(connection, "before_cursor_execute", look)
    explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    lists = [
        (statement, values)
        for statement, values in asked
        if statement.startswith(("SELECT jobs.sequence", "SELECT count"))
    ]
    plans = (connection.exec_driver_sql(explain + statement, how) for statement, how in lists)
    return ["\n".join(str(row[-1]) for row in plan) for plan in plans]
