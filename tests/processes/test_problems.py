"""Errors over real HTTP: in the forms that the OGC names, and in words."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"


@pytest.mark.parametrize(
    ("address", "status", "kind"),
    [
        ("/processes/nothing", 404, f"{OGC}/no-such-process"),
        ("/jobs/nothing", 404, f"{OGC}/no-such-job"),
        ("/jobs/nothing/results", 404, f"{OGC}/no-such-job"),
        ("/jobs?status=bogus", 400, "about:blank"),
        ("/jobs?limit=0", 400, "about:blank"),
        ("/jobs?offset=x", 400, "about:blank"),
        ("/jobs?limit=-1", 400, "about:blank"),
        ("/jobs?datetime=garbage", 400, "about:blank"),
        ("/jobs?datetime=2026-05-02/2026-05-01", 400, "about:blank"),
        ("/jobs?minDuration=-1", 400, "about:blank"),
        ("/jobs?maxDuration=1.5", 400, "about:blank"),
        ("/jobs?type=pipeline", 400, "about:blank"),
        ("/jobs?type=", 400, "about:blank"),
        ("/jobs?status=", 400, "about:blank"),
        ("/jobs?status=failed,", 400, "about:blank"),
        ("/jobs?colour=red", 400, "about:blank"),
        ("/jobs?f=xml", 400, "about:blank"),
        ("/processes?limit=x", 400, "about:blank"),
        ("/jobs/..%2f..%2fetc%2fpasswd", 404, "about:blank"),
        ("/nothing/at/all", 404, "about:blank"),
    ],
)
def test_errors_are_problems(
    client: httpx.Client, obeys: Callable, address: str, status: int, kind: str
) -> None:
    """Errors are RFC 7807 bodies with the types that the OGC names."""
    reply = client.get(address)
    assert (reply.status_code, reply.json()["type"]) == (status, kind)
    assert reply.headers["Content-Type"] == "application/problem+json"
    obeys("exception.yaml", reply.json())


@pytest.mark.parametrize("address", ["/jobs/", "/processes/"])
def test_a_long_name_is_not_repeated(client: httpx.Client, address: str) -> None:
    """An answer does not grow with what was asked for."""
    reply = client.get(address + "x" * 20_000)
    assert reply.status_code == 404
    assert len(reply.content) < 1000


@pytest.mark.parametrize(
    ("method", "address", "words"),
    [
        ("GET", "/nothing/at/all", "nothing at this address"),
        ("GET", "/catalog/nothing", "nothing at this address"),
        ("GET", "/static/nothing", "nothing at this address"),
        ("DELETE", "/catalog/catalog.json", "allowed: GET"),
        ("PATCH", "/jobs", "allowed: GET"),
    ],
)
def test_what_is_not_offered_is_refused_in_words(
    client: httpx.Client, method: str, address: str, words: str
) -> None:
    """A refusal says what was wrong and what is allowed, whichever part refused."""
    assert words in client.request(method, address).json()["detail"]


def test_an_unforeseen_error_hides_its_internals(serve: Callable, tmp_path: Path) -> None:
    """A broken store is a 500 without Python text."""
    with serve(Settings.load(data=tmp_path), run_jobs=False) as client:
        with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
            database.execute("DROP TABLE jobs")
        reply = client.get("/jobs")
    assert reply.status_code == 500
    assert reply.json()["detail"] == "the service failed; its log says why"
