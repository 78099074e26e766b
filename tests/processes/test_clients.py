"""Clients that others wrote do the whole life of a job against the whole service, unmodified."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cuiman import Client
from cuiman.api.exceptions import ClientError
from gavicore.models import ProcessRequest, Subscriber
from owslib.ogcapi.processes import Processes

from processes.definitions import PROCESSES
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from engine.world import World

ENDED = ("successful", "failed", "dismissed")
PATIENCE = 240
SLOW = {"timeout": 60}
"""For cuiman, which by default waits five seconds for an answer; a busy machine may take longer."""
MONTH = {"datetime": "2020-04", "training": "2020-03/2020-05"}


@pytest.fixture(scope="module")
def service(
    tiny_world: World, tmp_path_factory: pytest.TempPathFactory, serve: Callable
) -> Iterator[httpx.Client]:
    """Give the whole service, with a world to map."""
    settings = Settings.load(
        data=tmp_path_factory.mktemp("clients"),
        archive=tiny_world.archive,
        regions=tiny_world.region.parent,
        region=tiny_world.region.stem,
        allowed_hosts="127.0.0.1",
    )
    with serve(settings) as client:
        yield client


@pytest.fixture(scope="module")
def address(service: httpx.Client) -> str:
    """Give the service's address."""
    return str(service.base_url).rstrip("/")


@pytest.fixture
def mailbox() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give the address of a subscriber, and what it has been sent."""
    received: list[dict[str, Any]] = []

    class Mailbox(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Mailbox) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/news", received
        server.shutdown()


@pytest.fixture(scope="module")
def cuiman(address: str) -> Iterator[Client]:
    """Give the Python client of cuiman."""
    client = Client(api_url=address, auth={"auth_type": "none"})
    yield client
    client.close()


@pytest.fixture(scope="module")
def command(address: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Give the command line of cuiman; it returns what was printed."""
    home = tmp_path_factory.mktemp("home")
    configuration = home / "config.yaml"
    configuration.write_text(yaml.safe_dump({"api_url": address, "auth": {"auth_type": "none"}}))
    program = Path(sys.executable).with_name("cuiman")

    def run(*arguments: str) -> Any:
        ran = subprocess.run(
            [program, *arguments, "--config", configuration, "--format", "json"],
            env={"HOME": str(home), "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


def until_ended(status: Callable[[], str]) -> str:
    """Ask for a status until it is the last."""
    deadline = time.monotonic() + PATIENCE
    while (last := status()) not in ENDED:
        assert time.monotonic() < deadline, last
        time.sleep(0.2)
    return last


def test_cuiman_finds_its_way(cuiman: Client) -> None:
    """Landing page, conformance, list and descriptions are read by its strict models."""
    assert cuiman.get_capabilities().title == "Vadose"
    assert any(uri.endswith("/conf/callback") for uri in cuiman.get_conformance().conformsTo)
    listed = [process.id for process in cuiman.get_processes().processes]
    assert listed == list(PROCESSES)
    for process_id in listed:
        described = cuiman.get_process(process_id, **SLOW)
        assert set(described.inputs or {}) == set(PROCESSES[process_id].inputs.model_fields)


def test_cuiman_makes_maps(
    cuiman: Client, mailbox: tuple[str, list[dict[str, Any]]], wait_for: Callable
) -> None:
    """Execute, watch, be called back, read the results, find the job in the list, dismiss it."""
    address, received = mailbox
    subscriber = Subscriber(successUri=address)
    request = ProcessRequest(inputs=MONTH, response="document", subscriber=subscriber)
    job = cuiman.execute_process("reconstruct-sif", request, **SLOW)
    assert until_ended(lambda: str(cuiman.get_job(job.jobID).status.value)) == "successful"
    results = cuiman.get_job_results(job.jobID).root
    wait_for(lambda: [set(news) for news in received] == [set(results)])
    (item,) = results["items"].value["features"]
    assert item["properties"]["start_datetime"].startswith("2020-04")
    assert job.jobID in [one.jobID for one in cuiman.get_jobs().jobs]
    assert cuiman.dismiss_job(job.jobID).status.value == "dismissed"
    with pytest.raises(ClientError, match="410"):
        cuiman.get_job_results(job.jobID)


def test_cuiman_is_answered_at_once_and_dismisses_what_runs(cuiman: Client) -> None:
    """A process that may be waited for gives its document; a job in the middle is ended."""
    request = ProcessRequest(inputs={"stringInput": "a"}, response="document")
    assert cuiman.execute_process("echo", request, **SLOW) == {"stringInput": "a"}
    request = ProcessRequest(inputs={"stringInput": "a", "pause": 60})
    job = cuiman.execute_process("echo", request, headers={"Prefer": "respond-async"}, **SLOW)
    assert cuiman.dismiss_job(job.jobID).status.value == "dismissed"
    assert cuiman.get_job(job.jobID).status.value == "dismissed"


def test_cuiman_is_told_what_was_wrong(cuiman: Client) -> None:
    """Errors are read as what they are: their type, their detail."""
    request = ProcessRequest(inputs={"datetime": "soon"})
    with pytest.raises(ClientError) as caught:
        cuiman.execute_process("reconstruct-sif", request, **SLOW)
    assert "datetime: " in str(caught.value.api_error.detail)
    with pytest.raises(ClientError) as caught:
        cuiman.get_job("nothing")
    assert caught.value.api_error.type.endswith("/1.0/no-such-job")


def test_cuiman_works_from_the_command_line(
    command: Callable[..., Any], service: httpx.Client, tmp_path: Path
) -> None:
    """The same life, typed; the request is a file that asks for a document."""
    assert [one["id"] for one in command("list-processes")["processes"]] == list(PROCESSES)
    request = tmp_path / "request.yaml"
    asked = {"process_id": "reconstruct-sif", "inputs": MONTH, "response": "document"}
    request.write_text(yaml.safe_dump(asked))
    job_id = command("execute-process", "--request", str(request))["jobID"]
    until_ended(lambda: str(service.get(f"/jobs/{job_id}").json()["status"]))
    assert command("get-job", job_id)["status"] == "successful"
    assert command("get-job-results", job_id)["items"]["value"]["type"] == "FeatureCollection"
    assert job_id in [one["jobID"] for one in command("list-jobs")["jobs"]]
    assert command("dismiss-job", job_id)["status"] == "dismissed"


def test_owslib_executes(address: str, service: httpx.Client) -> None:
    """It lists, describes and executes, at once and later; of jobs it knows no more."""
    processes = Processes(address)
    assert [one["id"] for one in processes.processes()] == list(PROCESSES)
    assert set(processes.process("echo")["inputs"]) == set(PROCESSES["echo"].inputs.model_fields)
    inputs = {"stringInput": "a", "arrayInput": [1, 2]}
    assert processes.execute("echo", inputs) == inputs
    chosen = processes.execute("echo", inputs, outputs={"arrayInput": {}})
    assert chosen == {"arrayInput": [1, 2]}
    job = processes.execute("echo", inputs, async_=True)
    at = f"/jobs/{job['jobID']}"
    assert until_ended(lambda: str(service.get(at).json()["status"])) == "successful"
    assert service.get(f"{at}/results").json() == inputs
    with pytest.raises(RuntimeError, match="colour: there is no such input"):
        processes.execute("echo", {"stringInput": "a", "colour": 1})
