"""Processes and jobs over real HTTP, checked against the OGC schemas."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from processes.definitions import PROCESSES
from processes.errors import StoreUnavailableError
from processes.jobs.model import JobFilter
from processes.jobs.store import SqlJobStore, open_store
from processes.service import public_address
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

EXECUTION = "/processes/downscale-smap/execution"
HEADERS = {"Prefer": "respond-async", "Cache-Control": "no-cache"}
OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"


def linked(document: dict[str, Any], relation: str) -> str:
    (address,) = [link["href"] for link in document["links"] if link["rel"] == relation]
    return str(address)


def execute(client: httpx.Client, **inputs: object) -> httpx.Response:
    body = {"inputs": {"datetime": "2020-05"} | inputs}
    return client.post(EXECUTION, json=body, headers=HEADERS)


def end(settings: Settings, job_id: str, outputs: dict[str, Any]) -> None:
    """End a job well, without doing anything."""
    with closing(open_store(settings.job_database)) as store:
        store.claim(job_id, "prepare", holder="test", lease=60)
        assert store.succeed(job_id, "prepare", 1, outputs)


def fail(settings: Settings, job_id: str, message: str, *, by_client: bool) -> None:
    """End a job badly."""
    with closing(open_store(settings.job_database)) as store:
        store.claim(job_id, "prepare", holder="test", lease=60)
        assert store.fail_step(job_id, "prepare", 1, message, by_client=by_client)


def test_processes_are_listed_and_described(client: httpx.Client, obeys: Callable) -> None:
    """All processes are listed; the list and the descriptions obey their schemas."""
    document = client.get("/processes").json()
    obeys("processList.yaml", document)
    assert [one["id"] for one in document["processes"]] == list(PROCESSES)
    for process_id in PROCESSES:
        obeys("process.yaml", client.get(f"/processes/{process_id}").json())


def test_processes_are_listed_in_pages(client: httpx.Client) -> None:
    """Next and prev links lead through all processes and back."""
    first = client.get("/processes?limit=1").json()
    second = client.get(linked(first, "next")).json()
    assert [one["id"] for page in (first, second) for one in page["processes"]] == [
        *list(PROCESSES)[:2]
    ]
    assert client.get(linked(second, "prev")).json()["processes"] == first["processes"]


def test_an_execution_is_accepted_as_a_job(client: httpx.Client, obeys: Callable) -> None:
    """201 with the address of the status; no member is null; the id cannot be guessed."""
    reply = execute(client)
    assert reply.status_code == 201
    assert reply.headers["Preference-Applied"] == "respond-async"
    job = reply.json()
    obeys("statusInfo.yaml", job)
    assert (job["status"], job["progress"], job["processID"]) == ("accepted", 0, "downscale-smap")
    assert uuid.UUID(job["jobID"]).version == 4
    assert "null" not in reply.text
    assert job["created"].endswith("Z")
    assert reply.headers["Location"] == f"{client.base_url}/jobs/{job['jobID']}".replace(
        "//j", "/j"
    )
    assert client.get(reply.headers["Location"]).json()["jobID"] == job["jobID"]
    relations = [link["rel"] for link in job["links"]]
    assert "monitor" in relations
    assert not any(relation.endswith("/results") for relation in relations)


def test_a_successful_job_links_its_results(
    client: httpx.Client, settings: Settings, obeys: Callable
) -> None:
    """The results are qualified values by output, with absolute addresses."""
    job_id = client.post(
        "/processes/reconstruct-sif/execution",
        json={
            "inputs": {"datetime": "2020-05"},
            "outputs": {"items": {}, "report": {}},
            "response": "document",
        },
    ).json()["jobID"]
    items = {"type": "FeatureCollection", "features": [{"assets": {"a": {"href": "catalog/x"}}}]}
    end(settings, job_id, {"items": items, "model": {}, "report": {"months": 1}})
    status = client.get(f"/jobs/{job_id}").json()
    obeys("statusInfo.yaml", status)
    (address,) = [link["href"] for link in status["links"] if link["rel"].endswith("/results")]
    document = client.get(address).json()
    obeys("results.yaml", document)
    assert set(document) == {"items", "report"}
    assert document["items"]["mediaType"] == "application/geo+json"
    href = document["items"]["value"]["features"][0]["assets"]["a"]["href"]
    assert href == f"http://127.0.0.1:{client.base_url.port}/catalog/x"


def test_results_of_failed_and_dismissed_jobs_say_why(
    client: httpx.Client, settings: Settings
) -> None:
    """The reason, as 4xx where the request was at fault, 5xx where the service was, 410 after."""
    for by_client, status in ((True, 400), (False, 500)):
        job_id = execute(client).json()["jobID"]
        fail(settings, job_id, "SPL4SMGP: nothing usable", by_client=by_client)
        reply = client.get(f"/jobs/{job_id}/results")
        assert reply.status_code == status
        assert "SPL4SMGP: nothing usable" in reply.json()["detail"]
    job_id = execute(client).json()["jobID"]
    client.delete(f"/jobs/{job_id}")
    assert client.get(f"/jobs/{job_id}/results").status_code == 410


def test_results_that_go_while_they_are_asked_for_are_gone(
    client: httpx.Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that is dismissed between two looks at it is dismissed, and no fault of ours."""
    job_id = execute(client).json()["jobID"]
    end(settings, job_id, {"items": {}})
    read = SqlJobStore.results

    def dismissed_before(store: SqlJobStore, job_id: str) -> Any:
        store.dismiss(job_id)
        return read(store, job_id)

    monkeypatch.setattr(SqlJobStore, "results", dismissed_before)
    reply = client.get(f"/jobs/{job_id}/results")
    assert reply.status_code == 410
    assert "dismissed by request" in reply.json()["detail"]


def test_files_that_stayed_with_a_job_are_served_and_go_with_it(
    client: httpx.Client, settings: Settings
) -> None:
    """Unpublished maps have an address below their job until the job is deleted."""
    job_id = execute(client).json()["jobID"]
    address = f"/jobs/{job_id}/files/maps/a.tif"
    assert client.get(address).status_code == 404
    folder = settings.work_folder / job_id / "catalog" / "maps"
    folder.mkdir(parents=True)
    (folder / "a.tif").write_bytes(b"map")
    reply = client.get(address, headers={"Range": "bytes=1-"})
    assert (reply.status_code, reply.content) == (206, b"ap")
    assert client.get(f"/jobs/{job_id}/files/%2e%2e/x").status_code == 404
    client.delete(f"/jobs/{job_id}")
    assert not folder.exists()


def test_results_of_a_waiting_job_are_not_ready(client: httpx.Client) -> None:
    """404 with the type that the OGC names."""
    job_id = execute(client).json()["jobID"]
    reply = client.get(f"/jobs/{job_id}/results")
    assert reply.status_code == 404
    assert reply.json()["type"] == f"{OGC}/result-not-ready"


def test_dismissing_ends_a_job_once(client: httpx.Client, obeys: Callable) -> None:
    """The job can be seen as dismissed; a second DELETE is told so; an unknown job is none."""
    job_id = execute(client).json()["jobID"]
    reply = client.delete(f"/jobs/{job_id}")
    assert reply.status_code == 200
    obeys("statusInfo.yaml", reply.json())
    assert reply.json()["status"] == "dismissed"
    assert client.get(f"/jobs/{job_id}").json()["status"] == "dismissed"
    again = client.delete(f"/jobs/{job_id}")
    assert again.status_code == 410
    obeys("exception.yaml", again.json())
    assert "dismissed before" in again.json()["detail"]
    reply = client.delete(f"/jobs/{uuid.uuid4()}")
    assert (reply.status_code, reply.json()["type"]) == (404, f"{OGC}/no-such-job")


def test_jobs_are_listed_in_pages(client: httpx.Client, obeys: Callable) -> None:
    """Following the next links shows every job once, the newest first."""
    expected = [execute(client).json()["jobID"] for _ in range(3)][::-1]
    address: str | None = "/jobs?limit=2&status=accepted"
    seen: list[str] = []
    while address is not None:
        page = client.get(address).json()
        obeys("jobList.yaml", page)
        seen += [job["jobID"] for job in page["jobs"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert seen[:3] == expected
    assert len(seen) == len(set(seen))


def test_a_full_queue_refuses_more(
    serve: Callable, settings: Settings, tmp_path: Path, obeys: Callable
) -> None:
    """Beyond the limit of waiting jobs the service says to try later, and when."""
    few = settings.model_copy(update={"data": tmp_path, "jobs_waiting": 2})
    with serve(few, run_jobs=False) as client:
        assert [execute(client).status_code for _ in range(2)] == [201, 201]
        reply = execute(client)
        assert (reply.status_code, reply.headers["Retry-After"]) == (503, "30")
        obeys("exception.yaml", reply.json())
        body = {"inputs": {"datetime": "2020-05"}}
        assert client.post(EXECUTION, json=body).status_code == 201, "an equal job is in line"


def test_a_store_that_is_away_is_told(
    serve: Callable, settings: Settings, monkeypatch: pytest.MonkeyPatch, obeys: Callable
) -> None:
    """503 and when to try again, for reading and for executing, without a word of Python."""

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailableError("the password of postgres is wrong")

    with serve(settings, run_jobs=False) as client:
        for name in ("create", "find", "get"):
            monkeypatch.setattr(SqlJobStore, name, away)
        for reply in (client.get("/jobs"), client.get("/jobs/x"), execute(client)):
            assert (reply.status_code, reply.headers["Retry-After"]) == (503, "5")
            obeys("exception.yaml", reply.json())
            assert "password" not in reply.text


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "http://127.0.0.1:5000"),
        ({"host": "0.0.0.0", "port": 80}, "http://localhost:80"),  # noqa: S104  (not to bind)
        ({"host": "::1"}, "http://[::1]:5000"),
        ({"url": "https://maps.test/vadose/"}, "https://maps.test/vadose"),
    ],
)
def test_the_service_knows_its_address(given: dict[str, Any], address: str) -> None:
    """What news of jobs link to, where no request tells: what is set, or where it listens."""
    assert public_address(Settings.load(data=".", **given)) == address


def test_the_landing_page_links_processes_and_catalogue(
    client: httpx.Client, obeys: Callable
) -> None:
    """The landing page of pygeoapi is there, and names the catalogue too."""
    document = client.get("/", headers={"Accept": "application/json"}).json()
    obeys("landingPage.yaml", document)
    addresses = [link["href"] for link in document["links"]]
    assert any(address.endswith("/processes") for address in addresses)
    assert any(address.endswith("/catalog/catalog.json") for address in addresses)


def test_pygeoapi_knows_the_processes(client: httpx.Client) -> None:
    """Its conformance and OpenAPI documents are served, and name our processes."""
    core = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core"
    assert core in client.get("/conformance").json()["conformsTo"]
    openapi = client.get("/openapi?f=json").json()
    assert "/processes/downscale-smap/execution" in openapi["paths"]


@pytest.mark.parametrize("address", ["/", "/processes", "/processes/reconstruct-sif", "/jobs"])
def test_browsers_get_pages(client: httpx.Client, address: str) -> None:
    """A reader of HTML sees pygeoapi's pages, a program gets JSON at the same address."""
    page = client.get(address, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert json.loads(client.get(address).text)


@pytest.mark.parametrize(
    ("address", "asks"), [("/health", "find"), ("/jobs/1/files/catalog.json", "get")]
)
def test_who_waits_for_the_database_holds_up_nobody(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, address: str, asks: str
) -> None:
    """While one request waits for a slow database, others are answered."""
    asked, answers = threading.Event(), threading.Event()
    question = getattr(SqlJobStore, asks)

    def slow(*arguments: Any) -> Any:
        asked.set()
        answers.wait(20)
        return question(*arguments)

    monkeypatch.setattr(SqlJobStore, asks, slow)
    waiting = threading.Thread(target=client.get, args=(address,))
    waiting.start()
    try:
        assert asked.wait(20)
        assert client.get("/conformance", timeout=10).status_code == 200
    finally:
        answers.set()
        waiting.join()


def test_health_is_told(client: httpx.Client, settings: Settings) -> None:
    """A service that can read its jobs says that it is well."""
    assert client.get("/health").json()["status"] == "ok"
    with closing(open_store(settings.job_database)) as store:
        assert store.find(JobFilter())[1] >= 0
