"""With access control: who may do what, whose jobs are whose, and how much one may have."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from processes.access.rates import Rates
from processes.access.rules import need_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from processes.testing import PostgreSQL

ECHO = {"inputs": {"stringInput": "here"}}
ASYNC = {"Prefer": "respond-async"}
MAPS = {"inputs": {"datetime": "2020-05"}}


def execute(client: httpx.Client, who: dict[str, str], text: str = "here") -> httpx.Response:
    body = {"inputs": {"stringInput": text}}
    return client.post("/processes/echo/execution", json=body, headers=ASYNC | who)


@pytest.mark.parametrize(
    "path",
    ["/", "/conformance", "/openapi", "/health", "/health/live", "/health/ready"],
)
def test_what_the_service_is_anybody_may_know(guarded: Callable, path: str) -> None:
    """Its description and its health are open."""
    with guarded() as client:
        assert client.get(path).status_code == 200


def test_who_does_not_say_who_they_are_is_asked_to(guarded: Callable) -> None:
    """401 as a problem document, with how to say it; a page for readers of HTML."""
    with guarded() as client:
        for path in ("/processes", "/jobs", "/catalog/catalog.json", "/stac/", "/nowhere"):
            answer = client.get(path)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["status"] == 401
        page = client.get("/jobs", headers={"Accept": "text/html"})
        assert page.status_code == 401
        assert page.headers["Content-Type"].startswith("text/html")
        assert execute(client, {}).status_code == 401


@pytest.mark.parametrize(
    ("role", "reads", "executes", "administers"),
    [
        ("reader", 200, 403, 403),
        ("executor", 200, 201, 403),
        ("admin", 200, 201, 405),
    ],
)
def test_a_role_is_what_one_may_do(  # noqa: PLR0917  (a table of roles)
    guarded: Callable, bearer: Callable, role: str, reads: int, executes: int, administers: int
) -> None:
    """Reading, executing, and what no rule names; 403 names the role that is needed."""
    who = bearer("alice", role)
    with guarded() as client:
        assert client.get("/processes", headers=who).status_code == reads
        answer = execute(client, who)
        assert answer.status_code == executes
        if executes == 403:
            assert "executor" in answer.json()["detail"]
            assert "insufficient_scope" in answer.headers["WWW-Authenticate"]
        assert client.put("/processes", headers=who).status_code == administers


def test_a_key_may_be_shown_in_a_header_of_its_own(guarded: Callable, bearer: Callable) -> None:
    """As the API's document says, for clients that know nothing else."""
    key = bearer("alice")["Authorization"].removeprefix("Bearer ")
    with guarded() as client:
        assert client.get("/processes", headers={"X-API-Key": key}).status_code == 200


def test_reading_may_be_public(guarded: Callable, bearer: Callable) -> None:
    """What is published is everybody's then; jobs and executions are not."""
    with guarded(public_reading=True) as client:
        assert client.get("/processes").status_code == 200
        assert client.post("/stac/search", json={}).status_code == 200
        assert client.get("/jobs").status_code == 401
        assert execute(client, {}).status_code == 401
        assert client.get("/jobs", headers=bearer("bob", "reader")).status_code == 200


def test_jobs_are_their_owners(guarded: Callable, bearer: Callable) -> None:
    """Others do not see, list, read or dismiss them: to others they are not there."""
    alice, bob, admin = bearer("alice"), bearer("bob"), bearer("root", "admin")
    with guarded() as client:
        job = execute(client, alice).json()["jobID"]
        assert execute(client, alice).json()["jobID"] == job
        theirs = execute(client, bob).json()["jobID"]
        assert theirs != job
        unknown = client.get("/jobs/4711", headers=bob).json()
        for path in ("", "/results", "/results/stringInput", "/log", "/files/catalog.json"):
            answer = client.get(f"/jobs/{job}{path}", headers=bob)
            assert answer.status_code == 404
            assert answer.json()["type"] == unknown["type"]
        assert client.delete(f"/jobs/{job}", headers=bob).status_code == 404
        page = client.get(f"/jobs/{job}", headers=bob | {"Accept": "text/html"})
        assert page.status_code == 404

        def listed(who: dict[str, str], **headers: str) -> str:
            return client.get("/jobs?status=accepted", headers=who | headers).text

        assert job in listed(alice)
        assert job not in listed(bob)
        assert job not in listed(bob, Accept="text/html")
        assert job not in client.get("/", headers=bob | {"Accept": "text/html"}).text
        assert job not in client.get("/", headers={"Accept": "text/html"}).text
        assert job in listed(admin)
        assert theirs in listed(admin)
        assert client.delete(f"/jobs/{job}", headers=alice).status_code == 200
        assert client.delete(f"/jobs/{theirs}", headers=admin).status_code == 200


def test_two_keys_of_one_caller_have_the_same_jobs(guarded: Callable, bearer: Callable) -> None:
    """So a key can be replaced."""
    with guarded() as client:
        job = execute(client, bearer("alice")).json()["jobID"]
        assert client.get(f"/jobs/{job}", headers=bearer("alice")).status_code == 200


def test_a_caller_may_have_so_many_jobs(guarded: Callable, bearer: Callable) -> None:
    """429 says when to come back; others are not kept waiting; an ended job makes room."""
    alice, bob = bearer("alice"), bearer("bob")
    with guarded(jobs_per_caller=2) as client:
        first = execute(client, alice, "1").json()["jobID"]
        execute(client, alice, "2")
        refused = execute(client, alice, "3")
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.json()["title"] == "Too many requests"
        assert execute(client, alice, "2").status_code == 201
        assert execute(client, bob, "3").status_code == 201
        client.delete(f"/jobs/{first}", headers=alice)
        assert execute(client, alice, "3").status_code == 201


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_caller_may_ask_for_so_much_in_a_day(
    guarded: Callable, bearer: Callable, kind: str, request: pytest.FixtureRequest
) -> None:
    """Cells times months, of jobs that were dismissed, too."""
    values: dict[str, object] = {"cells_per_day": 600_000}
    if kind == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        values["jobs_database"] = server.url(server.new_database())
    who = bearer("alice")

    def ask(client: httpx.Client, months: str) -> httpx.Response:
        body = {"inputs": {"datetime": months, "bbox": [113.0, 34.0, 114.5, 35.0]}}
        address = "/processes/reconstruct-sif/execution"
        return client.post(address, json=body, headers=who | ASYNC)

    with guarded(**values) as client:
        first = ask(client, "2020-05")
        assert first.status_code == 201
        client.delete(f"/jobs/{first.json()['jobID']}", headers=who)
        refused = ask(client, "2020-06")
        assert refused.status_code == 429
        assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
        assert ask(client, "2020-06").status_code == 429


def test_requests_are_counted_by_caller(guarded: Callable, bearer: Callable) -> None:
    """Who asks too often waits; another caller does not."""
    alice, bob = bearer("alice", "reader"), bearer("bob", "reader")
    with guarded(requests_per_minute=5) as client:
        statuses = [client.get("/processes", headers=alice).status_code for _ in range(7)]
        assert statuses[:5] == [200] * 5
        assert statuses[-1] == 429
        assert client.get("/processes", headers=bob).status_code == 200
        assert client.get("/health/live").status_code == 200


def test_a_bucket_fills_evenly() -> None:
    """Sixty a minute are one a second, and never more than a minute's at once."""
    rates = Rates(per_minute=60)
    assert [rates.take("a", now=0.0) for _ in range(60)] == [None] * 60
    assert rates.take("a", now=0.0) == 1
    assert rates.take("a", now=1.0) is None
    assert rates.take("a", now=1.5) == 1
    assert [rates.take("a", now=1e6) for _ in range(61)][-2:] == [None, 1]


def test_what_no_rule_names_only_admins_may() -> None:
    """A route that is added later is closed until somebody opens it."""
    for method in ("POST", "PUT", "PATCH", "DELETE", "FOO"):
        assert need_of(method, "/something/new").role.label == "admin"  # type: ignore[union-attr]


def test_the_audit_log_says_who_did_what(
    guarded: Callable, bearer: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    """A line for each execution, dismissal and refusal, and no key in any."""
    who = bearer("alice")
    caplog.set_level(logging.INFO, "vadose.audit")
    with guarded() as client:
        job = execute(client, who).json()["jobID"]
        client.delete(f"/jobs/{job}", headers=who)
        client.get("/jobs", headers={"Authorization": "Bearer vdk_0000000000000000.none"})
    lines = [line.getMessage() for line in caplog.records if line.name == "vadose.audit"]
    actions = [line.split()[0] for line in lines]
    assert actions == ["execute", "dismiss", "refused"]
    assert all('caller="key:alice"' in line and job in line for line in lines[:2])
    assert not any("vdk_" in line for line in lines)


def test_the_audit_log_tells_who_tried_what_is_not_theirs(
    guarded: Callable, bearer: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    """Jobs of others, and what needs another role; a job that is nobody's is only a mistake."""
    alice, bob, reader = bearer("alice"), bearer("bob"), bearer("rita", "reader")
    with guarded() as client:
        job = execute(client, alice).json()["jobID"]
        caplog.set_level(logging.INFO, "vadose.audit")
        caplog.clear()
        client.delete(f"/jobs/{job}", headers=bob)
        client.delete(f"/jobs/{job}", headers=reader)
        client.get("/jobs/4711", headers=bob)
    lines = [line.getMessage() for line in caplog.records if line.name == "vadose.audit"]
    tried = f'method="DELETE" path="/jobs/{job}"'
    assert [line.partition(" reason=")[0] for line in lines] == [
        f'refused caller="key:bob" {tried}',
        f'refused caller="key:rita" {tried}',
    ]
    assert "a job of others" in lines[0]
    assert "executor" in lines[1]


def test_the_apis_document_says_how_to_say_who_one_is(guarded: Callable) -> None:
    """With its schemes, and what is open; without access control nothing of it."""
    with guarded(oidc_issuer="https://id.example.org/x", oidc_audience="vadose") as client:
        document = client.get("/openapi").json()
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"apiKey", "bearer", "oidc"}
    assert schemes["oidc"]["openIdConnectUrl"].startswith("https://id.example.org/x/.well-known/")
    assert document["paths"]["/"]["get"]["security"] == []
    execution = document["paths"]["/processes/echo/execution"]["post"]
    assert "security" not in execution
    assert {"401", "403", "429"} <= set(execution["responses"])


def test_without_access_control_all_is_as_it_was(client: httpx.Client) -> None:
    """Nobody needs a key, whatever they send, and the document names none."""
    who = {"Authorization": "Bearer nonsense"}
    assert client.get("/jobs", headers=who).status_code == 200
    assert "securitySchemes" not in client.get("/openapi").json()["components"]
