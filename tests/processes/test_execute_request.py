"""What a request to execute says, over real HTTP: refused with a reason, or known again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from processes.jobs.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from processes.settings import Settings

EXECUTION = "/processes/downscale-smap/execution"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is no JSON"),
        (b"[1, 2]", "the body is no JSON object"),
        (b"null", "the body is no JSON object"),
        (b'{"inputs": {"datetime": NaN}}', "the body has NaN, which JSON has not"),
        (b"[" * 100_000, "the body is nested too deeply; allowed: 64 levels"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "the body is nested too deeply; allowed: 64 levels"),
        (
            b'{"inputs": {"datetime": ' + b"1" * 5000 + b"}}",
            "a number of 5000 digits; allowed",
        ),
        (b'{"inputs": {"datetime": 1e999}}', "a number that is too large"),
        (b'{"inputs": {"datetime": "\\ud800"}}', "half of a surrogate pair"),
        (b'{"inputs": {"datetime": "\xff"}}', "the body is no UTF-8 text"),
        (b'{"inputs": {"datetime": "2020-05"', "the body is no JSON (line 1, column 34)"),
        (b'{"inputs": null}', "inputs: null; allowed: a JSON object"),
        (b'{"inputs": [1]}', "inputs: [1]; allowed: a JSON object"),
        (b'{"inputs": {"datetime": null}}', "datetime: null; allowed: a value"),
        (
            b'{"inputs": {"datetime": {"href": "http://127.0.0.1/b"}}}',
            "datetime.href: its host is loopback; allowed: a public address by http or https",
        ),
        (b'{"inputs": {"datetime": {"href": 5}}}', "datetime.href: 5; allowed: the address"),
        (b'{"inputs": {}}', "datetime: it is required"),
        (b'{"inputs": {"datetime": "2020-05"}, "mode": "async"}', "unknown member mode"),
        (b'{"inputs": {"datetime": "2020-05"}, "response": "bogus"}', "response: 'bogus'"),
        (b'{"inputs": {"datetime": "2020-05"}, "outputs": {"maps": {}}}', "outputs.maps"),
        (b'{"inputs": {"datetime": "2020-05"}, "outputs": ["items"]}', 'outputs: ["items"]'),
        (b'{"inputs": {"datetime": "2020-05"}, "outputs": null}', "outputs: null"),
        (b'{"inputs": {"datetime": "2020-05"}, "response": null}', "response: null"),
        (
            b'{"inputs": {"datetime": "2020-05"}, "subscriber": {}}',
            "subscriber.successUri: it is required; allowed: an address",
        ),
        (
            b'{"inputs": {"datetime": "2020-05"}, "subscriber": "http://a/"}',
            "subscriber: 'http://a/'; allowed: an object with successUri, inProgressUri, failedUri",
        ),
        (
            b'{"inputs": {"datetime": "2020-05"}, "subscriber": {"successUri": null}}',
            "subscriber.successUri: null; allowed: an address",
        ),
        (
            b'{"inputs": {"datetime": "2020-05"}, "subscriber": {"mailto": "a"}}',
            "unknown member subscriber.mailto; allowed: successUri, inProgressUri, failedUri",
        ),
        (
            b'{"inputs": {"datetime": "2020-05"}, "subscriber": {"successUri": "ftp://a/"}}',
            "subscriber.successUri: it is no web address; allowed: a public address by http",
        ),
        (
            (
                b'{"inputs": {"datetime": "2020-05"}, "subscriber":'
                b' {"successUri": "http://8.8.8.8/", "failedUri": "http://169.254.169.254/"}}'
            ),
            "subscriber.failedUri: its host is link-local; allowed: a public address",
        ),
        (
            b'{"inputs": {"datetime": "2020-05"}, "outputs": {"items": 5}}',
            "outputs.items: 5; allowed: an object",
        ),
        (
            b'{"inputs": {"datetime": "2020-05"}, "outputs": {"items": {"transmissionMode": 1}}}',
            "outputs.items.transmissionMode: 1; allowed: value, reference",
        ),
        (
            (
                b'{"inputs": {"datetime": "2020-05"},'
                b' "outputs": {"items": {"format": {"mediaType": "text/csv"}}}}'
            ),
            "outputs.items.format.mediaType: 'text/csv'; allowed: application/geo+json",
        ),
        (
            b'{"inputs": {"datetime": "2020-05", "bbox": [170, 0, -170, 5]}}',
            "bbox: [170.0, 0.0, -170.0, 5.0] crosses the antimeridian or is inside out",
        ),
        (b'{"inputs": {"datetime": "2020-07/2020-05"}}', "ends before it starts"),
        (b'{"inputs": {"datetime": "2020-05", "colour": 1}}', "colour: there is no such input"),
    ],
)
def test_bad_requests_are_refused_with_a_reason(
    client: httpx.Client, obeys: Callable, body: bytes, message: str
) -> None:
    """400 as application/json, a body that obeys the schema, and the reason in our words."""
    reply = client.post(EXECUTION, content=body)
    assert reply.status_code == 400
    assert reply.headers["Content-Type"] == "application/json"
    obeys("exception.yaml", reply.json())
    assert message in reply.json()["detail"]


def test_large_bodies_are_refused(client: httpx.Client) -> None:
    """A body beyond the limit is not read to its end."""
    assert client.post(EXECUTION, content=b" " * 1_100_000).status_code == 413


def test_equal_requests_share_a_job(client: httpx.Client) -> None:
    """The order of inputs, defaults written out and another spelling of a month change nothing."""
    asked = {"datetime": "2020-11", "bbox": [113, 34, 114, 35]}
    again = {"bbox": {"bbox": [113.0, 34.0, 114.0, 35.0]}, "datetime": "2020-11/2020-11"}
    bodies = [
        {"inputs": asked},
        {"inputs": again, "response": "raw", "outputs": {}},
        {"inputs": asked | {"sif": "with", "publish": True}},
    ]
    replies = [client.post(EXECUTION, json=body) for body in bodies]
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.headers["Location"] for reply in replies}) == 1
    client.delete(f"/jobs/{replies[0].json()['jobID']}")
    anew = client.post(EXECUTION, json=bodies[0])
    assert anew.headers["Location"] != replies[0].headers["Location"], "a dismissed job is over"


def test_what_differs_is_another_job(client: httpx.Client) -> None:
    """Other inputs, another process, another form of the results, another subscriber."""
    asked = {"datetime": "2020-12"}
    bodies: list[dict[str, Any]] = [
        {"inputs": asked},
        {"inputs": asked | {"publish": False}},
        {"inputs": asked, "response": "document"},
        {"inputs": asked, "outputs": {"items": {}}},
        {"inputs": asked, "outputs": {"items": {"transmissionMode": "reference"}}},
        {"inputs": asked, "subscriber": {"successUri": "http://8.8.8.8/"}},
    ]
    jobs = {client.post(EXECUTION, json=body).json()["jobID"] for body in bodies}
    other = client.post(EXECUTION.replace("downscale-smap", "reconstruct-sif"), json=bodies[0])
    assert len(jobs | {other.json()["jobID"]}) == len(bodies) + 1


@pytest.mark.parametrize(
    ("header", "same"), [("no-cache", False), ("max-age=0, No-Cache", False), ("max-age=0", True)]
)
def test_work_can_be_asked_for_anew(
    client: httpx.Client, settings: Settings, header: str, same: bool
) -> None:
    """``Cache-Control: no-cache`` makes a job of its own, which makes everything again."""
    body = {"inputs": {"datetime": "2021-01"}}
    first = client.post(EXECUTION, json=body).json()["jobID"]
    second = client.post(EXECUTION, json=body, headers={"Cache-Control": header}).json()["jobID"]
    assert (second == first) is same
    with closing(open_store(settings.job_database)) as store:
        assert store.get(second).force is not same
    client.delete(f"/jobs/{second}")
