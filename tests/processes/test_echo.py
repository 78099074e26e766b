"""The forms in which results come, shown by the process ``echo`` over real HTTP."""

from __future__ import annotations

import base64
import email
import json
import time
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

import pytest

from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from email.message import EmailMessage
    from pathlib import Path

    import httpx

EXECUTION = "/processes/echo/execution"
RESULTS = "http://www.opengis.net/def/rel/ogc/1.0/results"
PICTURE = base64.b64encode(b"II*\x00 a picture").decode()
BOX = {"bbox": [113, 34, 114.5, 35], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}
EVERYTHING: dict[str, Any] = {
    "stringInput": "a <b> & c: ü",
    "pause": 0,
    "arrayInput": [1, 2, 3],
    "bboxInput": BOX,
    "objectInput": {"value": "x", "href": "not/an/address"},
    "binaryInput": PICTURE,
    "mixedInput": 1.5,
}


def execute(
    client: httpx.Client,
    inputs: Mapping[str, object],
    *,
    prefer: str | None = None,
    **members: object,
) -> httpx.Response:
    headers = {} if prefer is None else {"Prefer": prefer}
    body = {"inputs": inputs, **members}
    return client.post(EXECUTION, json=body, headers=headers)


def parts(reply: httpx.Response) -> dict[str, EmailMessage]:
    """Read multipart with the standard library's reader of MIME."""
    head = f"Content-Type: {reply.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + reply.content, policy=HTTP)
    assert message.get_content_type() == "multipart/related"
    assert not message.defects
    return {str(part["Content-ID"]).strip("<>"): part for part in message.iter_parts()}


def finished(client: httpx.Client, address: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while (status := client.get(address).json())["status"] in ("accepted", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return dict(status)


def test_a_document_holds_every_output(echo_client: httpx.Client, obeys: Callable) -> None:
    """Values stand as they came: no character is changed, no member is added."""
    reply = execute(echo_client, EVERYTHING, response="document")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert "Link" not in reply.headers
    document = reply.json()
    # The OGC's schema allows neither whole numbers nor base64: each is of two kinds there.
    obeys("results.yaml", {n: v for n, v in document.items() if n not in ("pause", "binaryInput")})
    assert document == {
        **EVERYTHING,
        "objectInput": {"value": EVERYTHING["objectInput"], "mediaType": "application/json"},
        "binaryInput": {"value": PICTURE, "encoding": "base64", "mediaType": "image/tiff"},
    }


def test_a_document_holds_only_what_was_asked_for(echo_client: httpx.Client) -> None:
    """``outputs`` chooses; what was not given cannot be given back."""
    outputs = {"stringInput": {}, "arrayInput": {}}
    inputs = {"stringInput": "a", "mixedInput": "b"}
    reply = execute(echo_client, inputs, outputs=outputs, response="document")
    assert reply.json() == {"stringInput": "a"}


@pytest.mark.parametrize(
    ("output", "media_type", "content"),
    [
        ("stringInput", "text/plain; charset=utf-8", "a <b> & c: ü".encode()),
        ("arrayInput", "application/json", b"[1, 2, 3]"),
        ("bboxInput", "application/json", json.dumps(BOX).encode()),
        ("binaryInput", "image/tiff", b"II*\x00 a picture"),
        ("mixedInput", "application/json", b"1.5"),
    ],
)
def test_one_raw_output_comes_as_it_is(
    echo_client: httpx.Client, output: str, media_type: str, content: bytes
) -> None:
    """The body is the value, in its media type; raw is what a request without ``response`` gets."""
    reply = execute(echo_client, EVERYTHING, outputs={output: {"transmissionMode": "value"}})
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == media_type
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.content == content


def test_several_raw_outputs_come_as_parts(echo_client: httpx.Client) -> None:
    """``multipart/related`` that a reader of MIME understands, a part per output with its id."""
    reply = execute(echo_client, EVERYTHING, response="raw")
    assert reply.content.startswith(b"--")
    found = parts(reply)
    assert list(found) == list(EVERYTHING)
    assert found["stringInput"].get_content_type() == "text/plain"
    assert found["stringInput"].get_payload(decode=True) == EVERYTHING["stringInput"].encode()
    assert found["binaryInput"].get_content_type() == "image/tiff"
    assert found["binaryInput"].get_payload(decode=True) == b"II*\x00 a picture"
    assert json.loads(found["objectInput"].get_payload(decode=True)) == EVERYTHING["objectInput"]


def test_raw_references_come_as_links(echo_client: httpx.Client) -> None:
    """204, a Link header per output, behind which the output lies; the job is linked too."""
    outputs = {name: {"transmissionMode": "reference"} for name in ("stringInput", "arrayInput")}
    reply = execute(echo_client, EVERYTHING, outputs=outputs, response="raw")
    assert (reply.status_code, reply.content) == (204, b"")
    links = [link for link in reply.headers.get_list("Link") if 'rel="item"' in link]
    assert ['title="stringInput"' in links[0], 'title="arrayInput"' in links[1]] == [True, True]
    first = echo_client.get(links[0].partition(">")[0].strip("<"))
    assert (first.text, first.headers["Content-Type"]) == (
        EVERYTHING["stringInput"],
        "text/plain; charset=utf-8",
    )
    assert echo_client.get(links[1].partition(">")[0].strip("<")).json() == [1, 2, 3]
    assert any('rel="monitor"' in link for link in reply.headers.get_list("Link"))


def test_values_and_references_come_mixed(echo_client: httpx.Client) -> None:
    """A part that is a reference has a Content-Location, and no body."""
    outputs = {"stringInput": {}, "arrayInput": {"transmissionMode": "reference"}}
    found = parts(execute(echo_client, EVERYTHING, outputs=outputs))
    assert found["stringInput"].get_payload(decode=True) == EVERYTHING["stringInput"].encode()
    assert found["arrayInput"].get_payload(decode=True) == b""
    assert echo_client.get(found["arrayInput"]["Content-Location"]).json() == [1, 2, 3]


def test_references_in_a_document_are_links(echo_client: httpx.Client, obeys: Callable) -> None:
    """A member is a value or a link, as was asked for each."""
    outputs = {"stringInput": {}, "binaryInput": {"transmissionMode": "reference"}}
    document = execute(echo_client, EVERYTHING, outputs=outputs, response="document").json()
    obeys("results.yaml", document)
    assert document["binaryInput"]["type"] == "image/tiff"
    assert echo_client.get(document["binaryInput"]["href"]).content == b"II*\x00 a picture"


def test_a_link_is_echoed_and_not_followed(echo_client: httpx.Client) -> None:
    """An input by reference comes back as the reference; a header cannot be smuggled in by it."""
    href = "http://127.0.0.1:1/nothing.tif\r\nX-Evil: 1"
    inputs = {"stringInput": "a", "binaryInput": {"href": href, "type": "image/tiff"}}
    document = execute(echo_client, inputs, response="document").json()
    assert document["binaryInput"]["href"] == href
    assert "binaryInput" in parts(execute(echo_client, inputs))
    reply = execute(echo_client, inputs, outputs={"binaryInput": {}})
    assert reply.status_code == 204
    assert "X-Evil" not in reply.headers
    assert reply.headers["Link"].startswith("<http://127.0.0.1:1/nothing.tif%0D%0AX-Evil:")


def test_qualified_values_are_unwrapped(echo_client: httpx.Client) -> None:
    """A value may say its format, in itself or in a member; another format is refused."""
    for said in ({"mediaType": "image/tiff"}, {"format": {"mediaType": "image/tiff"}}):
        inputs = {"stringInput": {"value": "a"}, "binaryInput": {"value": PICTURE, **said}}
        document = execute(echo_client, inputs, response="document").json()
        assert (document["stringInput"], document["binaryInput"]["value"]) == ("a", PICTURE)
    inputs = {"stringInput": "a", "binaryInput": {"value": PICTURE, "mediaType": "image/png"}}
    reply = execute(echo_client, inputs)
    assert reply.status_code == 400
    assert reply.json()["detail"] == ("binaryInput.mediaType: 'image/png'; allowed: image/tiff")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "stringInput: it is required"),
        ({"stringInput": 1}, "stringInput: 1; allowed: a text"),
        ({"stringInput": "a", "pause": -1}, "pause: -1; allowed: a number of seconds from 0 to 60"),
        ({"stringInput": "a", "pause": "5"}, "pause: '5'; allowed"),
        ({"stringInput": "a", "pause": True}, "pause: true; allowed"),
        ({"stringInput": "a", "pause": None}, "pause: null; allowed"),
        ({"stringInput": "a", "arrayInput": [1, "2"]}, "arrayInput.1: '2'; allowed: a whole"),
        ({"stringInput": "a", "arrayInput": {}}, "arrayInput: {}; allowed: a JSON array"),
        ({"stringInput": "a", "bboxInput": {"bbox": [1, 2, 3, 4, 5]}}, "bboxInput: "),
        ({"stringInput": "a", "bboxInput": {"bbox": [1, 2, 3, 4], "crs": []}}, "bboxInput: "),
        ({"stringInput": "a", "objectInput": {"type": "x"}}, "objectInput: "),
        ({"stringInput": "a", "binaryInput": {"type": "wrong/type"}}, "binaryInput: "),
        ({"stringInput": "a", "binaryInput": "~"}, "binaryInput: it is not base64"),
        ({"stringInput": "a", "mixedInput": []}, "mixedInput: []; allowed: a text or a number"),
        ({"stringInput": "a", "colour": 1}, "colour: there is no such input"),
        ({"stringInput": {"value": "a", "mediaType": 1}}, "stringInput.mediaType: 1; allowed: a"),
        ({"stringInput": "a", "arrayInput": {"value": None}}, "arrayInput: null; allowed: a value"),
        ({"stringInput": {"value": "a", "format": []}}, "stringInput.format: []; allowed: an"),
    ],
)
def test_inputs_are_validated(
    echo_client: httpx.Client, inputs: Mapping[str, object], message: str
) -> None:
    """400 that names the input, what was sent as JSON, and what is allowed."""
    reply = execute(echo_client, inputs)
    assert reply.status_code == 400
    assert reply.headers["Content-Type"] == "application/json"
    assert message in reply.json()["detail"]


def test_an_asynchronous_job_delivers_the_form_that_was_asked_for(
    echo_client: httpx.Client, obeys: Callable
) -> None:
    """201 with a job; its results come raw, in parts, by reference or as a document."""
    one, two = {"stringInput": {}}, {"stringInput": {}, "arrayInput": {}}
    far = {"stringInput": {"transmissionMode": "reference"}}
    replies = []
    for outputs, response in ((one, "raw"), (two, "raw"), (far, "raw"), (one, "document")):
        reply = execute(
            echo_client, EVERYTHING, outputs=outputs, response=response, prefer="respond-async"
        )
        assert (reply.status_code, reply.headers["Preference-Applied"]) == (201, "respond-async")
        status = finished(echo_client, reply.headers["Location"])
        obeys("statusInfo.yaml", status)
        (address,) = [link["href"] for link in status["links"] if link["rel"] == RESULTS]
        replies.append(echo_client.get(address))
    assert replies[0].text == EVERYTHING["stringInput"]
    assert set(parts(replies[1])) == set(two)
    assert replies[2].status_code == 204
    assert replies[3].json() == {"stringInput": EVERYTHING["stringInput"]}


def test_a_job_has_each_output_at_an_address(echo_client: httpx.Client) -> None:
    """An output that the job does not have is not found, and the others are named."""
    reply = execute(echo_client, {"stringInput": "a"}, prefer="respond-async")
    address = reply.headers["Location"]
    finished(echo_client, address)
    assert echo_client.get(f"{address}/results/stringInput").text == "a"
    missing = echo_client.get(f"{address}/results/arrayInput")
    assert missing.status_code == 404
    assert missing.json()["detail"].endswith("allowed: stringInput")


@pytest.mark.parametrize(
    ("prefer", "status", "applied"),
    [
        (None, 200, None),
        ("respond-async", 201, "respond-async"),
        ("Respond-Async; foo=1", 201, "respond-async"),
        ("handling=lenient, respond-async", 201, "respond-async"),
        ("respond-async, wait=10", 200, "wait=10"),
        ('wait="10"', 200, "wait=10"),
        ("respond-sync", 200, None),
        ("wait=soon", 200, None),
    ],
)
def test_preferences_are_followed(
    echo_client: httpx.Client, prefer: str | None, status: int, applied: str | None
) -> None:
    """Names in any case, with parameters, in a list; what is not known is ignored."""
    reply = execute(echo_client, {"stringInput": "a"}, prefer=prefer)
    assert reply.status_code == status
    assert reply.headers.get("Preference-Applied") == applied


def test_what_takes_longer_than_the_client_waits_becomes_a_job(echo_client: httpx.Client) -> None:
    """After ``wait`` the answer is the job, which goes on and can be dismissed."""
    inputs = {"stringInput": "a", "pause": 30}
    begin = time.monotonic()
    reply = execute(echo_client, inputs, prefer="wait=1")
    assert 1 <= time.monotonic() - begin < 5
    assert (reply.status_code, reply.json()["status"]) == (201, "running")
    address = reply.headers["Location"]
    results = echo_client.get(f"{address}/results")
    assert results.status_code == 404
    assert results.json()["type"].endswith("/1.0/result-not-ready")
    assert echo_client.delete(address).json()["status"] == "dismissed"


def test_the_service_limits_the_wait(serve: Callable, tmp_path: Path) -> None:
    """A request without preference becomes a job too, where nothing is done in time."""
    settings = Settings.load(data=tmp_path, sync_limit=0.1)
    with serve(settings, run_jobs=False) as client:
        assert execute(client, {"stringInput": "a"}).status_code == 201


def test_who_goes_away_no_longer_wants_the_job(echo_client: httpx.Client) -> None:
    """A client that closes its connection while it waits leaves no work behind."""
    inputs = {"stringInput": "gone", "pause": 40}
    with pytest.raises(Exception, match="timed out"):
        echo_client.post(EXECUTION, json={"inputs": inputs}, timeout=0.5)
    deadline = time.monotonic() + 10
    while True:
        (last,) = echo_client.get("/jobs?limit=1&processID=echo").json()["jobs"]
        if last["status"] == "dismissed":
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_answered_request_leaves_no_job(echo_client: httpx.Client) -> None:
    """Who got the results was told of no job, so there is none in the list."""
    before = echo_client.get("/jobs?status=successful").json()["jobs"]
    assert execute(echo_client, {"stringInput": "a"}).status_code == 200
    assert echo_client.get("/jobs?status=successful").json()["jobs"] == before


@pytest.mark.parametrize("media_type", ["text/xml", "application/x-www-form-urlencoded", "json"])
def test_other_bodies_than_json_are_refused(echo_client: httpx.Client, media_type: str) -> None:
    """415 says what is read."""
    body = b'{"inputs": {"stringInput": "a"}}'
    reply = echo_client.post(EXECUTION, content=body, headers={"Content-Type": media_type})
    assert (reply.status_code, reply.headers["Content-Type"]) == (415, "application/json")
    assert reply.json()["detail"].endswith("allowed: application/json")
