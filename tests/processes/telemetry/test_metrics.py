"""Metrics say what the service did and does, in few series, whatever clients write."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from processes.errors import StoreUnavailableError
from processes.jobs.model import Work
from processes.jobs.store import SqlJobStore, open_store
from processes.telemetry import metrics as metrics_module
from processes.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

type Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """Read metrics as Prometheus does."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[SqlJobStore]:
    """Give an empty store."""
    with closing(open_store(tmp_path / "jobs.sqlite")) as opened:
        yield opened


def work_through(jobs: SqlJobStore, *, reused: bool, cells: int = 1000) -> str:
    """Make a job of two months, as a worker does."""
    job, _ = jobs.create("reconstruct-sif", {}, work=Work(cells=cells, months=2))
    key = (job.id, "prepare", 1)
    assert jobs.claim(job.id, "prepare", holder="test", lease=60)
    assert jobs.done(*key, {}, [("2020-05", 1), ("2020-06", 1), ("finish", 2)])
    for month in ("2020-05", "2020-06"):
        assert jobs.claim(job.id, month, holder="test", lease=60)
        assert jobs.done(job.id, month, 1, {"item": "x", "reused": reused})
    assert jobs.claim(job.id, "finish", holder="test", lease=60)
    assert jobs.succeed(job.id, "finish", 1, {})
    return job.id


def test_steps_cells_and_cache_hits_are_counted_once(jobs: SqlJobStore) -> None:
    """However often Prometheus asks; a month that was there costs no cells."""
    metrics = Metrics(jobs)
    work_through(jobs, reused=False)
    work_through(jobs, reused=True)
    for _ in range(3):
        found = samples(metrics.text().decode())
    process = {"process": "reconstruct-sif"}
    assert value(found, "vadose_cells_total", **process) == 2000
    assert value(found, "vadose_months_total", **process, reused="false") == 2
    assert value(found, "vadose_months_total", **process, reused="true") == 2
    labels = process | {"step": "month", "ending": "done"}
    assert value(found, "vadose_step_seconds_count", **labels) == 4
    assert value(found, "vadose_jobs", **process, status="successful") == 2


def test_what_ended_before_the_start_is_not_counted(jobs: SqlJobStore) -> None:
    """A restart begins at nothing, as Prometheus expects of counters."""
    work_through(jobs, reused=False)
    time.sleep(0.01)
    found = samples(Metrics(jobs).text().decode())
    assert value(found, "vadose_cells_total", process="reconstruct-sif") == 0


def test_what_is_counted_is_forgotten_in_time(
    jobs: SqlJobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory does not grow with jobs."""
    monkeypatch.setattr(metrics_module, "OVERLAP", metrics_module.timedelta(0))
    metrics = Metrics(jobs)
    for _ in range(5):
        work_through(jobs, reused=False)
        metrics.text()
        time.sleep(0.005)
    assert len(metrics._attempts._seen) <= 4
    found = samples(metrics.text().decode())
    assert value(found, "vadose_months_total", process="reconstruct-sif", reused="false") == 10


def test_the_line_is_told(jobs: SqlJobStore) -> None:
    """Its length, and how long its first job has waited."""
    jobs.create("echo", {})
    time.sleep(0.02)
    jobs.create("echo", {})
    found = samples(Metrics(jobs).text().decode())
    assert value(found, "vadose_queue_length") == 2
    assert value(found, "vadose_queue_seconds") >= 0.02
    assert value(found, "vadose_steps", state="waiting") == 2


def test_a_database_that_is_away_is_told(
    jobs: SqlJobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is told all the same."""

    def away(*_: object) -> None:
        raise StoreUnavailableError("gone")

    metrics = Metrics(jobs)
    monkeypatch.setattr(jobs, "statistics", away)
    monkeypatch.setattr(jobs, "ended_attempts", away)
    metrics.request("GET", "/jobs", 503, 0.1)
    found = samples(metrics.text().decode())
    assert value(found, "vadose_database_up") == 0
    assert value(found, "vadose_requests_total", method="GET", route="/jobs", status="503") == 1


def test_requests_are_counted_by_kind(client: httpx.Client) -> None:
    """Whatever is asked for, there are few series; nothing of what clients write is in them."""
    for number in range(3):
        client.get(f"/jobs/secret-{number}")
        client.get(f"/wp-admin/secret-{number}")
        client.request("SECRET", "/jobs")
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = samples(answer.text)
    labels = {"method": "GET", "route": "/jobs/{id}", "status": "404"}
    assert value(found, "vadose_requests_total", **labels) == 3
    labels = {"method": "GET", "route": "other", "status": "404"}
    assert value(found, "vadose_requests_total", **labels) == 3
    assert value(found, "vadose_request_seconds_count", route="/jobs/{id}") == 3
    assert "secret" not in answer.text.lower()


def test_equal_requests_are_told_apart(client: httpx.Client) -> None:
    """Those that made a job, and those that joined one."""
    before = samples(client.get("/metrics").text)
    for _ in range(3):
        client.post(
            "/processes/echo/execution",
            json={"inputs": {"stringInput": "the same"}},
            headers={"Prefer": "respond-async"},
        )
    after = samples(client.get("/metrics").text)

    def more(joined: str) -> float:
        labels = {"process": "echo", "joined": joined}
        name = "vadose_executions_total"
        return value(after, name, **labels) - value(before, name, **labels)

    assert (more("false"), more("true")) == (1, 2)


def test_metrics_are_for_known_callers(tmp_path: Path, serve: Callable[..., object]) -> None:
    """With access control, a reader's key is enough, and none is too little."""
    from processes.access.callers import Role  # noqa: PLC0415
    from processes.access.keys import KeyFile  # noqa: PLC0415
    from processes.settings import Settings  # noqa: PLC0415

    settings = Settings.load(data=tmp_path, access=True, public_reading=True)
    _, key = KeyFile(settings.key_file).add("prometheus", Role.READER)
    with serve(settings, run_jobs=False) as client:  # type: ignore[attr-defined]
        assert client.get("/metrics").status_code == 401
        who = {"Authorization": f"Bearer {key}"}
        assert client.get("/metrics", headers=who).status_code == 200
