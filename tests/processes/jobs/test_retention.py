"""Jobs that ended long ago are forgotten, with what stayed with them, and nothing else is."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from processes.jobs.dispatcher import Dispatcher
from processes.jobs.model import JobFilter, Subscriber
from processes.jobs.store import SqlJobStore, open_store
from processes.jobs.sweep import forget_old_jobs
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LATER = datetime.now(UTC) + timedelta(days=10)


def ended(jobs: SqlJobStore, subscriber: Subscriber | None = None) -> str:
    job, _ = jobs.create("echo", {}, steps=("run",), subscriber=subscriber)
    assert jobs.claim(job.id, "run", holder="test", lease=600)
    assert jobs.succeed(job.id, "run", 1, {"a": 1})
    return job.id


def known(jobs: SqlJobStore) -> set[str]:
    return {job.id for job in jobs.find(JobFilter(limit=100))[0]}


def test_old_jobs_go_with_their_folders(jobs: SqlJobStore, tmp_path: Path) -> None:
    """Those that wait or run stay, however old; so does what is no job's."""
    old = ended(jobs)
    waiting, _ = jobs.create("echo", {})
    for name in (old, waiting.id, "pygeoapi"):
        (tmp_path / "work" / name).mkdir(parents=True)
    assert forget_old_jobs(jobs, tmp_path / "work", days=11, now=LATER) == 0
    assert forget_old_jobs(jobs, tmp_path / "work", days=9, now=LATER) == 1
    assert known(jobs) == {waiting.id}
    left = {path.name for path in (tmp_path / "work").iterdir()}
    assert left == {waiting.id, "pygeoapi"}
    assert jobs.outputs(old) == ()
    assert jobs.steps(old) == ()


def test_who_is_owed_news_keeps_its_job(jobs: SqlJobStore, tmp_path: Path) -> None:
    """Until they are told, or given up."""
    owing = ended(jobs, Subscriber(success="http://example.org/"))
    assert forget_old_jobs(jobs, tmp_path, days=1, now=LATER) == 0
    assert known(jobs) == {owing}
    for callback in jobs.due_callbacks():
        jobs.callback_delivered(callback.id)
    assert forget_old_jobs(jobs, tmp_path, days=1, now=LATER) == 1


def test_the_service_does_it_by_itself(tmp_path: Path, wait_for: Callable) -> None:
    """Where the settings say how long jobs are kept; by default for ever."""

    class Nobody:
        def idle(self) -> list[str]:
            return []

        def close(self) -> None: ...

    with closing(open_store(tmp_path / "jobs.sqlite")) as store:
        ended(store)
        for days, left in ((None, 1), (1e-9, 0)):
            settings = Settings.load(data=tmp_path, keep_jobs_days=days)
            dispatcher = Dispatcher(store, lambda _: Nobody(), settings)  # type: ignore[arg-type, return-value]
            dispatcher.start()
            wait_for(lambda d=dispatcher: d._last_sweep is not None)  # type: ignore[misc]
            dispatcher.stop()
            assert len(known(store)) == left
