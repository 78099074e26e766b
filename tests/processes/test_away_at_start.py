"""What is away when the service starts is waited for: it serves once that is back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from processes import health
from processes.search import mount
from processes.search.mount import Search
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx
    import pytest

    from processes.testing import PostgreSQL


def readiness(client: httpx.Client) -> tuple[int, str]:
    answer = client.get("/health/ready")
    return answer.status_code, answer.json()["status"]


def test_a_database_that_is_away_at_the_start_is_waited_for(
    tmp_path: Path,
    postgresql: PostgreSQL,
    serve: Callable,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The service answers meanwhile; its tables are made, and jobs are taken, without a restart."""
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    url = postgresql.url(postgresql.new_database())
    settings = Settings.load(data=tmp_path, jobs_database=url)
    body, headers = {"inputs": {"stringInput": "here"}}, {"Prefer": "respond-async"}
    execution = {"json": body, "headers": headers}
    postgresql.stop()
    try:
        with caplog.at_level(logging.ERROR):
            context = serve(settings, run_jobs=False)
            client = context.__enter__()
        (line,) = [one for one in caplog.records if one.name == "processes.jobs.migrate"]
        assert "does not answer" in line.getMessage()
        assert readiness(client) == (503, "unavailable")
        assert client.get("/health/live").status_code == 200
        refused = client.post("/processes/echo/execution", **execution)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    finally:
        postgresql.start()
    try:
        assert readiness(client) == (200, "ready")
        assert client.post("/processes/echo/execution", **execution).status_code == 201
    finally:
        context.__exit__(None, None, None)


def test_a_catalogue_that_is_away_at_the_start_is_searched_later(
    tmp_path: Path,
    wait_for: Callable,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log says once that it cannot be read, and that it can."""
    monkeypatch.setattr(mount, "AGAIN_SECONDS", 0.01)
    there, away = mount.service_catalog, iter(range(3))

    def catalog(settings: Settings) -> object:
        if next(away, None) is not None:
            raise OSError("nobody answers")
        return there(settings)

    monkeypatch.setattr(mount, "service_catalog", catalog)
    search = Search(Settings.load(data=tmp_path))

    def lines() -> list[str]:
        return [one.getMessage() for one in caplog.records if one.name == mount.__name__]

    with caplog.at_level(logging.INFO):
        search.start()
        wait_for(lambda: len(lines()) == 2)
        search.stop()
    assert "nobody answers" in lines()[0]
    assert "can be searched; 0 changes" in lines()[1]
