"""Bodies and requests that are wrong or too much."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from processes.testing_attacks import ASYNC, ECHO, MAPS

if TYPE_CHECKING:
    from collections.abc import Iterator


def nested(depth: int) -> bytes:
    return b'{"inputs":{"stringInput":' + b"[" * depth + b"]" * depth + b"}}"


BODIES: list[tuple[bytes, dict[str, str]]] = [
    (nested(100_000), {}),
    (nested(100), {}),
    (b'{"inputs":{"doubleInput":NaN}}', {}),
    (b'{"inputs":{"doubleInput":Infinity}}', {}),
    (b'{"inputs":{"doubleInput":1e999}}', {}),
    (b'{"inputs":{"doubleInput":' + b"9" * 5000 + b"}}", {}),
    (b'{"inputs":{"stringInput":"\xff"}}', {}),
    (b'{"inputs":{"stringInput":"\\ud800"}}', {}),
    (b'\xef\xbb\xbf{"inputs":{}}x', {}),
    (b"[" * 500_000, {}),
    (b"null", {}),
    (b'"text"', {}),
    (b"[]", {}),
    (b"", {}),
    (b'{"inputs":[]}', {}),
    (b'{"inputs":{"__proto__":{"admin":true}}}', {}),
    (b'{"inputs":{},"owner":"alice"}', {}),
    (b'{"inputs":{"stringInput":"' + b"a" * 2_000_000 + b'"}}', {}),
    (
        base64.b64decode("H4sIAAAAAAAAA6tWyswrKC1RslKqrgUAXG6OVA0AAAA="),
        {"Content-Encoding": "gzip"},
    ),
    (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        {"Content-Type": "text/xml"},
    ),
    (b"cos\nsystem\n(S'id'\ntR.", {"Content-Type": "application/python-pickle"}),
    (b"inputs=1", {"Content-Type": "application/x-www-form-urlencoded"}),
    (b"--x\r\n\r\n--x--", {"Content-Type": "multipart/form-data; boundary=x"}),
    (b"{}", {"Content-Type": "application/jsonp"}),
]


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_bodies_that_are_wrong_or_too_much_are_refused(client: httpx.Client, number: int) -> None:
    """By 400, 413 or 415, at once, without the words of a library, and before there is a job."""
    content, headers = BODIES[number]
    started = time.monotonic()
    answer = client.post(
        ECHO, content=content, headers={"Content-Type": "application/json", **ASYNC, **headers}
    )
    assert answer.status_code in (400, 413, 415)
    assert "Traceback" not in answer.text
    assert "root:" not in answer.text
    assert time.monotonic() - started < 10


def test_a_body_without_a_length_is_bounded_too(client: httpx.Client) -> None:
    """It is read up to the limit and no further."""

    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 65536

    try:
        status = client.post(ECHO, content=endless()).status_code
    except httpx.TransportError:
        return  # Answered and closed before all of it was sent.
    assert status == 413


@pytest.mark.parametrize(
    "inputs",
    [
        {"datetime": "1900-01/2999-12"},
        {"datetime": "2020-05", "bbox": [-180, -85, 180, 85]},
        {"datetime": "2020-05", "bbox": [1e308, 0, -1e308, 1]},
        {"datetime": "2020-05", "geometry": {"type": "Polygon", "coordinates": []}},
        {
            "datetime": "2020-05",
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [9, 9], [0, 9], [9, 0]]]},
        },
        {
            "datetime": "2020-05",
            "geometry": {"type": "GeometryCollection", "geometries": [{}] * 1000},
        },
        {"datetime": "2020-05", "features": ["ndvi"] * 20_000 + ["x" * 65]},
        {"datetime": "2020-05' OR '1'='1"},
        {"datetime": "2020-05", "model": "x'; DROP TABLE jobs; --"},
        {"datetime": "2020-05", "settings": {"data": "/"}},
    ],
)
def test_requests_for_too_much_are_refused(client: httpx.Client, inputs: dict[str, Any]) -> None:
    """While the client waits, and by the name of the input."""
    answer = client.post(MAPS, json={"inputs": inputs}, headers=ASYNC)
    assert answer.status_code == 400
    assert answer.json()["errors"] or answer.json()["detail"]
    assert client.get("/jobs").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=1e9",
        "limit=" + "9" * 400,
        "offset=-1",
        "limit=1&limit=x",
        "owner=alice",
        "status=accepted'--",
        "datetime=0000-00-00",
        "minDuration=NaN",
        "f=xml",
    ],
)
def test_queries_that_are_wrong_are_refused(client: httpx.Client, query: str) -> None:
    """A page is never longer than it may be, and a filter is never a piece of SQL."""
    answer = client.get(f"/jobs?{query}")
    if query.startswith("limit=999"):
        assert len(answer.json()["jobs"]) <= 10_000
    else:
        assert answer.status_code == 400
