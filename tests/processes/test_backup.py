"""Backups, rehearsed: made while the service runs, restored elsewhere, and nothing is missing."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from engine.errors import InputError
from engine.months import Month
from processes.access.callers import Role
from processes.access.keys import KeyFile
from processes.backup import MANIFEST, make_backup
from processes.catalog_place import service_catalog
from processes.cli import app
from processes.jobs.migrate import SCRIPTS, found_version
from processes.jobs.model import Delivery, JobFilter, JobStatus, LogEntry, Subscriber, Work
from processes.jobs.schema import VERSION
from processes.jobs.store import SqlJobStore, open_store
from processes.restore import restore_backup
from processes.settings import Settings
from stac.publish import publish_month
from stac.testing import toy_dataset, toy_model, toy_provenance, toy_series
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from processes.testing import PostgreSQL

runner = CliRunner()
MAY = Month.parse("2020-05")
KINDS = ("sqlite", "postgresql")
CACHES = shutil.ignore_patterns("__pycache__")
LATER = "9999"
LATER_MIGRATION = f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{LATER}", "{VERSION}"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("mood", sa.Text, nullable=False, server_default="good"))
"""
"""A change of the tables that this version knows nothing of."""


def new_database(kind: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the setting of an empty database of a kind."""
    if kind == "sqlite":
        return {}
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return {"jobs_database": server.url(server.new_database())}


def fill(settings: Settings) -> str:
    """Leave jobs in all states, maps, a model, a region and a key; return the job that is done."""
    catalog = service_catalog(settings)
    publish_month(catalog, toy_series(), MAY, toy_dataset(), toy_provenance())
    toy_model(settings.model_folder)
    settings.region_folder.mkdir()
    (settings.region_folder / "mine.yaml").write_text("name: mine\n")
    KeyFile(settings.key_file).add("alice", Role.EXECUTOR)
    with closing(open_store(settings.job_database)) as jobs:
        job, _ = jobs.create(
            "echo",
            {"stringInput": "ä\u0000\ud800"},
            Delivery(response="raw", outputs={"stringInput": "value"}),
            steps=("run",),
            subscriber=Subscriber(success="http://subscriber.invalid/"),
            owner="key:alice",
            work=Work(cells=5, months=2),
        )
        assert jobs.claim(job.id, "run", holder="test", lease=600)
        line = LogEntry(time=job.created, level="INFO", text="a line")
        jobs.log(job.id, "run", 1, [line])
        assert jobs.succeed(job.id, "run", 1, {"stringInput": None, "list": [1, 2.5, {"a": "ü"}]})
        jobs.create("echo", {})
        gone, _ = jobs.create("echo", {})
        jobs.dismiss(gone.id)
        running, _ = jobs.create("echo", {}, steps=("run",))
        assert jobs.claim(running.id, "run", holder="test", lease=600)
    return job.id


def told(jobs: SqlJobStore) -> list[object]:
    """Return all that a store tells."""
    found, _ = jobs.find(JobFilter(limit=100))
    by_job = [
        (
            job,
            jobs.steps(job.id),
            jobs.attempts(job.id),
            jobs.log_lines(job.id),
            jobs.outputs(job.id),
        )
        for job in found
    ]
    return [by_job, jobs.due_callbacks()]


def files(settings: Settings) -> dict[str, bytes]:
    """Return what lies in the folders that are kept."""
    roots = (settings.catalog_folder, settings.model_folder, settings.region_folder)
    found = {
        path.relative_to(settings.data).as_posix(): path.read_bytes()
        for root in roots
        for path in root.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.parts)
    }
    return found | {"keys": settings.key_file.read_bytes()}


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_what_was_backed_up_is_there_again(
    tmp_path: Path, request: pytest.FixtureRequest, source: str, target: str
) -> None:
    """Every row and every file, from either kind of database into either."""
    before = Settings.load(data=tmp_path / "before", **new_database(source, request))
    job_id = fill(before)
    manifest = make_backup(before, tmp_path / "backup.tar")
    assert manifest.rows["jobs"] == 4
    assert (tmp_path / "backup.tar").stat().st_mode & 0o077 == 0
    after = Settings.load(data=tmp_path / "after", **new_database(target, request))
    restore_backup(after, tmp_path / "backup.tar")
    with (
        closing(open_store(before.job_database)) as old,
        closing(open_store(after.job_database)) as new,
    ):
        assert told(new) == told(old)
        assert new.results(job_id) == old.results(job_id)
        # The database counts on, and the jobs that waited can go on.
        made, _ = new.create("echo", {})
        assert new.find(JobFilter(limit=1))[0][0].id == made.id
        assert len(new.ready(10)) == len(old.ready(10)) + 1
    assert files(after) == files(before)
    assert after.key_file.stat().st_mode & 0o077 == 0
    assert validate_catalog(service_catalog(after)) == []


def test_a_catalogue_in_a_bucket_comes_back_to_a_folder(tmp_path: Path, bucket: str) -> None:
    """And the other way round."""
    before = Settings.load(data=tmp_path / "before", catalog=f"s3://{bucket}/maps")
    fill(before)
    make_backup(before, tmp_path / "one.tar")
    folder = Settings.load(data=tmp_path / "folder")
    restore_backup(folder, tmp_path / "one.tar")
    assert validate_catalog(service_catalog(folder)) == []
    make_backup(folder, tmp_path / "two.tar")
    again = Settings.load(data=tmp_path / "again", catalog=f"s3://{bucket}/again")
    restore_backup(again, tmp_path / "two.tar")
    assert validate_catalog(service_catalog(again)) == []


def test_a_restored_service_serves(tmp_path: Path, serve: Callable[..., Any]) -> None:
    """The jobs, their results, the catalogue and its searches, over HTTP."""
    before = Settings.load(data=tmp_path / "before")
    job_id = fill(before)
    with serve(before, run_jobs=False):
        made = runner.invoke(
            app, ["backup", str(tmp_path / "b.tar"), "--data", str(tmp_path / "before")]
        )
    assert made.exit_code == 0, made.output
    after = tmp_path / "after"
    done = runner.invoke(app, ["restore", str(tmp_path / "b.tar"), "--data", str(after)])
    assert done.exit_code == 0, done.output
    assert "4 jobs" in done.stdout
    with serve(Settings.load(data=after), run_jobs=False) as client:
        assert client.get(f"/jobs/{job_id}").json()["status"] == JobStatus.SUCCESSFUL
        assert client.get("/catalog/catalog.json").status_code == 200
        assert len(client.get("/stac/search").json()["features"]) == 1


def later_program(folder: Path) -> Path:
    """Write the program of a later version, which has one more migration."""
    shutil.copytree(SCRIPTS.parents[1], folder / "processes", ignore=CACHES)
    jobs = folder / "processes" / "jobs"
    schema = (jobs / "schema.py").read_text()
    assert f'VERSION = "{VERSION}"' in schema
    (jobs / "schema.py").write_text(
        schema.replace(f'VERSION = "{VERSION}"', f'VERSION = "{LATER}"')
    )
    (jobs / "migrations" / "versions" / "later.py").write_text(LATER_MIGRATION)
    return folder


def shown(client: httpx.Client, settings: Settings, job_id: str) -> dict[str, tuple[int, bytes]]:
    """Return all that a service shows of what :func:`fill` left."""
    kept = [name for name in files(settings) if name.startswith(("catalog/", "models/"))]
    paths = [
        *("/jobs?limit=100", f"/jobs/{job_id}", f"/jobs/{job_id}/results", f"/jobs/{job_id}/log"),
        *("/stac/search", "/months", *(f"/{name}" for name in kept)),
    ]
    answers = ((path, client.get(path)) for path in paths)
    return {path: (answer.status_code, answer.content) for path, answer in answers}


@pytest.mark.parametrize("kind", KINDS)
def test_the_way_back_from_an_upgrade_is_the_backup(  # noqa: PLR0917  (five fixtures)
    tmp_path: Path,
    request: pytest.FixtureRequest,
    serve: Callable[..., AbstractContextManager[httpx.Client]],
    serve_apart: Callable[..., AbstractContextManager[str]],
    wait_for: Callable[[Callable[[], bool]], None],
    kind: str,
) -> None:
    """Rehearsed: backed up, upgraded, used, and taken back; then all is served as it was."""
    address = "http://localhost:5000"
    here = Settings.load(data=tmp_path / "here", url=address, **new_database(kind, request))
    job_id = fill(here)

    def seen(client: httpx.Client, settings: Settings) -> dict[str, tuple[int, bytes]]:
        wait_for(lambda: len(client.get("/stac/search").json()["features"]) == 1)
        return shown(client, settings, job_id)

    with serve(here, run_jobs=False) as client:
        as_it_was = seen(client, here)
        make_backup(here, tmp_path / "backup.tar")
    assert {status for status, _ in as_it_was.values()} == {200}

    later = later_program(tmp_path / "later")
    with (
        serve_apart(here, later) as place,
        httpx.Client(base_url=place, trust_env=False, timeout=60) as client,
    ):
        assert seen(client, here) == as_it_was
        body = {"inputs": {"stringInput": "after the upgrade"}}
        headers = {"Prefer": "respond-async"}
        made = client.post("/processes/echo/execution", json=body, headers=headers)
        assert made.status_code == 201
    assert found_version(here.job_database) == LATER
    with pytest.raises(InputError, match=f"version {LATER}"):
        open_store(here.job_database)

    back = Settings.load(data=tmp_path / "back", url=address, **new_database(kind, request))
    restore_backup(back, tmp_path / "backup.tar")
    with serve(back, run_jobs=False) as client:
        assert seen(client, back) == as_it_was
    assert files(back) == files(here)
    assert found_version(here.job_database) == LATER


@pytest.mark.parametrize("taken", ["catalog", "models", "keys", "jobs"])
def test_nothing_is_overwritten(tmp_path: Path, taken: str) -> None:
    """A place that is not empty is refused, and left as it is."""
    before = Settings.load(data=tmp_path / "before")
    make_backup(before, tmp_path / "backup.tar")
    after = Settings.load(data=tmp_path / "after")
    after.data.mkdir()
    if taken == "jobs":
        with closing(open_store(after.job_database)) as jobs:
            jobs.create("echo", {})
    else:
        path = {
            "catalog": after.catalog_folder / "catalog.json",
            "models": after.model_folder / "x.onnx",
            "keys": after.key_file,
        }[taken]
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    with pytest.raises(InputError, match="empty place"):
        restore_backup(after, tmp_path / "backup.tar")
    assert not (after.catalog_folder / "soil-moisture-1km-monthly").exists()


def rewritten(path: Path, change: Callable[[list[tuple[str, bytes]]], None]) -> Path:
    """Write a backup again with other members."""
    with tarfile.open(path) as archive:
        members = [(m.name, archive.extractfile(m).read()) for m in archive]  # type: ignore[union-attr]
    change(members)
    other = path.with_name("other.tar")
    with tarfile.open(other, "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return other


def smuggle(members: list[tuple[str, bytes]], name: str) -> None:
    """Add a member, also to the manifest."""
    manifest = json.loads(members[-1][1])
    manifest["files"][name] = {
        "size": 0,
        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
    members[-1:] = [(name, b""), (MANIFEST, json.dumps(manifest).encode())]


@pytest.mark.parametrize(
    "change",
    [
        lambda members: members.pop(),
        lambda members: members.pop(0),
        lambda members: members.insert(1, ("catalog/more.json", b"{}")),
        lambda members: members.__setitem__(0, (members[0][0], members[0][1] + b"\n")),
        lambda members: smuggle(members, "../../outside"),
        lambda members: smuggle(members, "/tmp/outside"),  # noqa: S108  (refused)
        lambda members: smuggle(members, "catalog/../../outside"),
        lambda members: smuggle(members, "catalog/.lock"),
        lambda members: smuggle(members, "archive/x.h5"),
    ],
)
def test_a_backup_that_was_changed_is_refused(
    tmp_path: Path, change: Callable[[list[tuple[str, bytes]]], None]
) -> None:
    """Before anything is written."""
    before = Settings.load(data=tmp_path / "before")
    KeyFile(before.key_file).add("alice", Role.READER)
    make_backup(before, tmp_path / "backup.tar")
    other = rewritten(tmp_path / "backup.tar", change)
    after = Settings.load(data=tmp_path / "after")
    with pytest.raises(InputError, match="vadose backup"):
        restore_backup(after, other)
    assert not after.key_file.exists()
    assert not list(tmp_path.rglob("outside"))


def test_a_database_of_another_version_is_left_alone(tmp_path: Path) -> None:
    """Who backs up before an upgrade does so with the program of before."""
    settings = Settings.load(data=tmp_path)
    open_store(settings.job_database).close()
    engine = sa.create_engine(f"sqlite:///{settings.job_database}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0002'"))
    engine.dispose()
    with pytest.raises(InputError, match="tables 0002"):
        make_backup(settings, tmp_path / "backup.tar")
    assert found_version(settings.job_database) == "0002"
    assert not (tmp_path / "backup.tar").exists()


def test_a_backup_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """By the name of the program that can read it."""
    before = Settings.load(data=tmp_path / "before")
    make_backup(before, tmp_path / "backup.tar")

    def later(members: list[tuple[str, bytes]]) -> None:
        manifest = json.loads(members[-1][1]) | {"database": "9999", "program": "9.9"}
        members[-1] = (MANIFEST, json.dumps(manifest).encode())

    other = rewritten(tmp_path / "backup.tar", later)
    with pytest.raises(InputError, match=r"9\.9"):
        restore_backup(Settings.load(data=tmp_path / "after"), other)


@pytest.mark.parametrize("name", ["nothing.tar", "text.tar"])
def test_what_is_no_backup_is_one_line(tmp_path: Path, name: str) -> None:
    """And code 2."""
    (tmp_path / "text.tar").write_text("text" * 1000)
    result = runner.invoke(app, ["restore", str(tmp_path / name), "--data", str(tmp_path / "x")])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
