"""The 54 assertions of the OGC's own test suite, ported; ``make cite`` runs the suite itself.

The suite (``ets-ogcapi-processes10`` 1.3) reads the description of ``echo`` and fills its inputs
from it. Most of its methods send one of few requests, so each request is here once, with the
names of the methods that send it; what they check is checked, schemas included.
"""

from __future__ import annotations

import email
import time
import uuid
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

type Json = dict[str, Any]

TEXT = "teststring"
OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
REL = "http://www.opengis.net/def/rel/ogc/1.0"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
ACCEPT = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def echo(echo_client: httpx.Client) -> Json:
    return dict(echo_client.get("/processes/echo", headers=ACCEPT).json())


def filled(echo: Json) -> Json:
    """Fill the inputs as the suite does: free texts and plain objects, nothing else."""
    inputs: Json = {}
    for name, described in echo["inputs"].items():
        schema = described["schema"]
        for kind in [schema, *schema.get("oneOf", [])]:
            free = not {"format", "contentMediaType"} & set(kind)
            if kind.get("type") == "string" and free:
                inputs[name] = TEXT
            elif kind.get("type") == "object":
                inputs[name] = {"value": TEXT}
    return inputs


def request_of(echo: Json, *, outputs: list[str] | None = None, **inputs: object) -> Json:
    named = list(echo["outputs"]) if outputs is None else outputs
    transmitted = {name: {"transmissionMode": "value"} for name in named}
    return {"inputs": filled(echo) | inputs, "outputs": transmitted}


def post(client: httpx.Client, body: Json, prefer: str | None = None) -> httpx.Response:
    headers = ACCEPT if prefer is None else ACCEPT | {"Prefer": prefer}
    return client.post("/processes/echo/execution", json=body, headers=headers)


def first_of(described: Json, kind: Callable[[Json], bool]) -> str:
    return next(name for name, one in described.items() if kind(one["schema"]))


def is_binary(schema: Json) -> bool:
    return schema.get("contentEncoding") == "binary" or schema.get("format") == "byte"


def is_bbox(schema: Json) -> bool:
    return any(part.get("format") == "ogc-bbox" for part in schema.get("allOf", []))


def test_the_service_speaks_http_1_1(echo_client: httpx.Client) -> None:
    """A.7 testHttp."""
    assert echo_client.get("/").http_version == "HTTP/1.1"


def test_the_landing_page(echo_client: httpx.Client, obeys: Callable) -> None:
    """A.1 testLandingPageRetrieval, A.2 testLandingPageValidation."""
    reply = echo_client.get("/", headers=ACCEPT)
    assert reply.status_code == 200
    obeys("landingPage.yaml", reply.json())
    relations = {link["rel"] for link in reply.json()["links"]}
    assert {"service-desc", "service-doc", f"{REL}/conformance", f"{REL}/processes"} <= relations


def test_the_conformance(echo_client: httpx.Client, obeys: Callable) -> None:
    """A.5 and A.6 testValidateConformanceOperationAndResponse."""
    reply = echo_client.get("/conformance", headers=ACCEPT)
    assert reply.status_code == 200
    obeys("confClasses.yaml", reply.json())
    core = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core"
    assert core in reply.json()["conformsTo"]


def test_the_process_list(echo_client: httpx.Client, obeys: Callable) -> None:
    """A.8 to A.12 testProcessList, PlLimitDefinition, Success, PlLinks, PlLimitResponse."""
    document = echo_client.get("/processes", headers=ACCEPT).json()
    obeys("processList.yaml", document)
    assert document["processes"]
    assert isinstance(document["links"], list)
    assert len(echo_client.get("/processes?limit=1").json()["processes"]) == 1


def test_the_description(echo: Json, obeys: Callable) -> None:
    """A.13, A.14 testProcess, testProcessSuccess; A.48 testOGCProcessDescriptionJSON."""
    obeys("process.yaml", echo)


def test_an_unknown_process(echo_client: httpx.Client, obeys: Callable) -> None:
    """A.15 testProcessExceptionNoSuchProcess."""
    reply = echo_client.get(f"/processes/invalid-{uuid.uuid4()}", headers=ACCEPT)
    assert reply.status_code == 404
    obeys("exception.yaml", reply.json())
    assert reply.json()["type"] == f"{OGC}/no-such-process"


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_the_described_inputs_and_outputs(echo: Json, side: str) -> None:
    """A.49 to A.54 InputsDef, InputDef, InputDefinitionOfMixedType, and the same of outputs."""
    assert echo[side]
    assert all("schema" in one for one in echo[side].values())
    assert any("oneOf" in one["schema"] for one in echo[side].values())


def test_a_request_without_preference_is_answered(echo_client: httpx.Client, echo: Json) -> None:
    """A.18 DefaultExecutionMode, A.21 InputInline, A.19 Inputs, A.35 JobOp, A.39 ResultsSync."""
    reply = post(echo_client, request_of(echo))
    assert reply.status_code == 200
    assert "Link" not in reply.headers


def test_outputs_may_be_left_out(echo_client: httpx.Client, echo: Json) -> None:
    """A.20 testJobCreationDefaultOutputs."""
    assert post(echo_client, {"inputs": filled(echo)}).status_code == 200


def test_an_array(echo_client: httpx.Client, echo: Json) -> None:
    """A.23 testJobCreationInputArray."""
    name = first_of(echo["inputs"], lambda schema: schema.get("type") == "array")
    reply = post(echo_client, request_of(echo, outputs=[name], **{name: [1, 2, 3]}))
    assert (reply.status_code, reply.json()) == (200, [1, 2, 3])


def test_a_bounding_box(echo_client: httpx.Client, echo: Json) -> None:
    """A.27 testJobCreationInputInlineBbox."""
    name = first_of(echo["inputs"], is_bbox)
    assert first_of(echo["outputs"], is_bbox) == name
    box = {"bbox": [51.9, 7, 52, 7.1], "crs": CRS84}
    reply = post(echo_client, request_of(echo, outputs=[name], **{name: box}))
    assert (reply.status_code, reply.json()) == (200, box)


def test_a_file_in_the_request(echo_client: httpx.Client, echo: Json) -> None:
    """A.26 testJobCreationInputInlineBinary."""
    name = first_of(echo["inputs"], is_binary)
    value = {"value": "SUkqAA==", "format": {"mediaType": "image/tiff", "encoding": "base64"}}
    assert post(echo_client, request_of(echo, **{name: value})).status_code == 200


def test_an_object(echo_client: httpx.Client, echo: Json) -> None:
    """A.24 InputInlineObject, A.25 InputInlineMixed."""
    assert {"value": TEXT} in filled(echo).values()
    assert post(echo_client, request_of(echo)).status_code == 200


def test_a_file_by_reference(echo_client: httpx.Client, echo: Json) -> None:
    """A.22 testJobCreationInputRef: parts, one of which holds the text."""
    name = first_of(echo["inputs"], is_binary)
    link = {"href": "https://example.org/a.tiff", "format": {"mediaType": "image/tiff"}}
    assert_parts(post(echo_client, request_of(echo, **{name: link})))


def assert_parts(reply: httpx.Response) -> None:
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("multipart/related")
    assert reply.content.startswith(b"--")
    head = f"Content-Type: {reply.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + reply.content, policy=HTTP)
    assert any(TEXT.encode() in part.get_payload(decode=True) for part in message.iter_parts())


def test_inputs_are_validated(echo_client: httpx.Client, echo: Json, obeys: Callable) -> None:
    """A.28 testJobCreationInputValidation: a wrong one is 400 as plain JSON."""
    assert_parts(post(echo_client, request_of(echo)))
    name = first_of(echo["inputs"], lambda schema: "contentMediaType" in schema)
    wrong = {"type": f"wrong/type_{uuid.uuid4()}"}
    reply = post(echo_client, request_of(echo, **{name: wrong}))
    assert (reply.status_code, reply.headers["Content-Type"]) == (400, "application/json")
    obeys("exception.yaml", reply.json())


@pytest.mark.parametrize("response", ["document", "raw"])
def test_the_forms_of_a_synchronous_answer(
    echo_client: httpx.Client, echo: Json, response: str
) -> None:
    """A.33 SyncDocument; A.30, A.31, A.32 SyncRawValueMulti, RawRef, RawMixedMulti."""
    assert post(echo_client, request_of(echo) | {"response": response}).status_code == 200


def test_one_raw_value(echo_client: httpx.Client, echo: Json) -> None:
    """A.29 testJobCreationSyncRawValueOne: the first input is an output too."""
    first = next(iter(echo["inputs"]))
    reply = post(echo_client, request_of(echo, outputs=[first]) | {"response": "raw"})
    assert (reply.status_code, reply.text) == (200, TEXT)


@pytest.mark.parametrize("response", ["document", "raw"])
def test_an_asynchronous_job(
    echo_client: httpx.Client, echo: Json, obeys: Callable, response: str
) -> None:
    """A.17 AutoExecutionMode, A.16 Op, A.19 Request, A.34 SuccessAsync, A.36, A.38, A.41-A.44."""
    reply = post(echo_client, request_of(echo) | {"response": response}, "respond-async")
    assert reply.status_code == 201
    status = echo_client.get(reply.headers["Location"], headers=ACCEPT)
    assert status.status_code == 200
    obeys("statusInfo.yaml", status.json())


def test_one_raw_value_of_a_job(echo_client: httpx.Client, echo: Json) -> None:
    """A.40 testJobResultsAsyncRawValueOne: the links lead to the value, without ``Accept``."""
    first = next(iter(echo["inputs"]))
    body = request_of(echo, outputs=[first]) | {"response": "raw"}
    status = post(echo_client, body, "respond-async").json()
    deadline = time.monotonic() + 20
    while f"{REL}/results" not in (links := {link["rel"]: link for link in status["links"]}):
        assert time.monotonic() < deadline
        status = echo_client.get(links["monitor"]["href"]).json()
    reply = echo_client.get(links[f"{REL}/results"]["href"], headers={"Accept": "*/*"})
    assert reply.text == TEXT


@pytest.mark.parametrize("path", ["", "/results"])
def test_an_unknown_job(echo_client: httpx.Client, obeys: Callable, path: str) -> None:
    """A.37 testJobExceptionNoSuchJob, A.45 testJobResultsNoSuchJob."""
    reply = echo_client.get(f"/jobs/invalid-job-{uuid.uuid4()}{path}", headers=ACCEPT)
    assert reply.status_code == 404
    obeys("exception.yaml", reply.json())
    assert reply.json()["type"] == f"{OGC}/no-such-job"


def test_results_that_are_not_ready(echo_client: httpx.Client, echo: Json) -> None:
    """A.46 testJobResultsExceptionResultsNotReady: ``pause`` takes a whole number."""
    first = next(iter(echo["inputs"]))
    body = {"inputs": {first: TEXT, "pause": 5}, "outputs": {first: {}}, "response": "raw"}
    address = post(echo_client, body, "respond-async").headers["Location"]
    reply = echo_client.get(f"{address}/results", headers=ACCEPT)
    assert (reply.status_code, reply.json()["type"]) == (404, f"{OGC}/result-not-ready")
    echo_client.delete(address)


def test_a_request_that_is_none(echo_client: httpx.Client, obeys: Callable) -> None:
    """A.47 testJobResultsFailed."""
    reply = post(echo_client, {"invalid-execute-request": "true)"})
    assert reply.status_code == 400
    obeys("exception.yaml", reply.json())


def test_the_job_list(echo_client: httpx.Client, echo: Json, obeys: Callable) -> None:
    """A.64 testJobList, A.71 testJobListSuccess: jobs in any state, none with a null."""
    post(echo_client, request_of(echo), "respond-async")
    reply = echo_client.get("/jobs", headers=ACCEPT)
    obeys("jobList.yaml", reply.json())
    assert reply.json()["jobs"]
    assert "null" not in reply.text
