"""``/health`` names what the service lacks, and says so when it is back."""

from __future__ import annotations

import errno
import logging
import shutil
import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest

from processes import checks, health
from processes.checks import Check, State
from processes.health import Readiness
from processes.jobs.store import open_store
from processes.serving import free_port
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from processes.testing import PostgreSQL


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)


def states(client: httpx.Client) -> tuple[int, str, dict[str, str]]:
    answer = client.get("/health/ready")
    document = answer.json()
    return (
        answer.status_code,
        document["status"],
        {check["name"]: check["state"] for check in document["checks"]},
    )


def test_a_service_that_lacks_nothing_is_ready(client: httpx.Client) -> None:
    """Everything is named, and well."""
    status, said, found = states(client)
    assert (status, said) == (200, "ready")
    assert found == dict.fromkeys(("database", "catalogue", "disk", "scheduler"), "ok")
    assert client.get("/health/live").json() == {"status": "alive"}


def test_a_full_disk_is_named_and_forgotten(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little room, or none at all: 503, and 200 again without a restart."""
    usage = shutil._ntuple_diskusage(10, 9, 1)  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(checks.shutil, "disk_usage", lambda _: usage)
        status, said, found = states(client)
        assert (status, said, found["disk"]) == (503, "unavailable", "failed")
    with monkeypatch.context() as patch:
        patch.setattr(checks, "_write_and_remove", _no_space)
        answer = client.get("/health/ready")
        assert "the disk is full" in answer.text
        assert "/secret/place" not in answer.text
        assert answer.headers["Retry-After"]
    assert states(client)[0] == 200


def _no_space(_path: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "/secret/place")


def test_a_database_that_is_away_is_named_until_it_is_back(
    tmp_path: Path,
    postgresql: PostgreSQL,
    postgresql_template: str,
    serve: Callable,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It stops and starts under a running service; the log says both once, without a password."""
    name = postgresql.new_database(postgresql_template)
    settings = Settings.load(data=tmp_path, jobs_database=postgresql.url(name))
    with serve(settings, run_jobs=False) as client, caplog.at_level(logging.INFO):
        assert states(client)[0] == 200
        postgresql.stop()
        try:
            for _ in range(2):
                status, said, found = states(client)
                assert (status, said, found["database"]) == (503, "unavailable", "failed")
            assert client.get("/health/live").status_code == 200
            assert client.get("/jobs").status_code == 503
        finally:
            postgresql.start()
        assert states(client)[:2] == (200, "ready")
    lines = [line.getMessage() for line in caplog.records if line.name == "processes.health"]
    assert len(lines) == 2
    assert "does not answer" in lines[0]
    assert "well again" in lines[1]
    postgresql.drop_database(name)


def test_a_scheduler_that_is_away_degrades(tmp_path: Path, serve: Callable) -> None:
    """What is published can still be read, so requests still come; it is named until it is back."""
    with socket.socket() as scheduler:
        # Its port is its own, and nobody is let in before it listens.
        scheduler.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{scheduler.getsockname()[1]}"
        database = f"sqlite:///{tmp_path}/jobs.sqlite"
        settings = Settings.load(data=tmp_path, scheduler=address, jobs_database=database)
        with serve(settings, run_jobs=False) as client:
            status, said, found = states(client)
            assert (status, said, found["scheduler"]) == (200, "degraded", "failed")
            scheduler.listen()
            assert states(client)[1] == "ready"


def test_a_bucket_that_is_away_is_named(
    tmp_path: Path, serve: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address is nobody's business."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anybody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
    monkeypatch.setenv("AWS_REGION", "anywhere")
    settings = Settings.load(data=tmp_path, catalog="s3://private-bucket/maps")
    with serve(settings, run_jobs=False) as client:
        status, said, found = states(client)
        assert (status, said, found["catalogue"]) == (503, "unavailable", "failed")
        assert "private-bucket" not in client.get("/health/ready").text


def test_a_bucket_is_well_from_when_it_is_there(
    tmp_path: Path, serve: Callable, s3: str, bucket: str
) -> None:
    """It is made under a running service, and reached by HTTP, as the variables allow."""
    later = f"{bucket}-later"
    settings = Settings.load(data=tmp_path, catalog=f"s3://{later}/maps")
    with serve(settings, run_jobs=False) as client:
        assert states(client)[2]["catalogue"] == "failed"
        signed = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request"
        httpx.put(f"{s3}/{later}", headers={"Authorization": signed}).raise_for_status()
        assert states(client)[:2] == (200, "ready")


def test_what_hangs_is_asked_once_and_waited_for_no_longer_than_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often the question comes, one thread waits, and the answer comes in time."""
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.2)
    asked, answers = [], threading.Event()

    def hang() -> Check:
        asked.append(1)
        answers.wait(20)
        return Check(name="disk", found="there")

    readiness = Readiness({"disk": hang})
    with closing(readiness):
        started = time.monotonic()
        for _ in range(3):
            assert readiness.look()[0].state is State.FAILED
        assert time.monotonic() - started < 10
        assert len(asked) == 1
        answers.set()
        deadline = time.monotonic() + 20
        while readiness.look()[0].state is State.FAILED and time.monotonic() < deadline:
            time.sleep(0.01)
        assert readiness.look()[0].state is State.OK


def test_a_store_is_asked_through_its_own_connections(tmp_path: Path) -> None:
    """The check says how many jobs wait."""
    with closing(open_store(tmp_path / "jobs.sqlite")) as store:
        store.create("echo", {})
        assert checks.check_jobs(store).found == "1 jobs in line"
