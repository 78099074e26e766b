"""Headers that want to be believed, and requests that two servers read differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processes.testing_attacks import ASYNC, ECHO, get_raw, raw

if TYPE_CHECKING:
    import httpx


@pytest.mark.parametrize(
    "headers",
    [
        ["X-Original-URL: /health"],
        ["X-Rewrite-URL: /health"],
        ["X-Forwarded-Prefix: /health"],
        ["X-Forwarded-For: 127.0.0.1"],
        ["X-Remote-User: root", "Remote-User: root", "X-Forwarded-User: root"],
        ["X-Forwarded-Access-Token: root"],
        ["Authorization: Basic cm9vdDpyb290"],
        ["Authorization: Bearer"],
        ["Authorization: Bearer "],
        ["Authorization:"],
        ["Authorization: Bearer null"],
        ["Authorization: Bearer undefined", "X-API-Key: undefined"],
        ["X-API-Key: "],
        ["X-API-Key: ' OR 1=1 --"],
        ["Cookie: api_key={alice}; Authorization=Bearer {alice}"],
        ["Authorization: Bearer {alice}", "Authorization: Bearer {reader}"],
        ["Authorization: Bearer {alice}", "X-API-Key: {alice}"],
        ["Authorization: Bearer {alice},{reader}"],
        ["Authorization: Bearer {alice}x"],
        ["Authorization: Bearer {ALICE}"],
        ["Authorization: Token {alice}"],
        ["Proxy-Authorization: Bearer {alice}"],
        ["Authorization_: Bearer {alice}"],
        ["Authorization: Bearer vdk_" + "0" * 16 + "." + "A" * 43],
        ["Authorization: Bearer vdk_" + "A" * 9000],
        ["Authorization: Bearer \xff\xfe"],
    ],
)
def test_no_header_says_who_asks_but_one(
    guarded: httpx.Client, keys: dict[str, str], headers: list[str]
) -> None:
    """Once, and whole: all else is nobody."""
    filled = [
        line.replace("{alice}", keys["alice"])
        .replace("{ALICE}", keys["alice"].upper())
        .replace("{reader}", keys["reader"])
        for line in headers
    ]
    status, answer = get_raw(guarded, "/jobs", *filled)
    assert status in (400, 401)
    assert b'"jobs"' not in answer


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/jobs/",
            "//jobs",
            "/./jobs",
            "/%6a%6f%62%73",
            "/jobs;x",
            "/JOBS",
            "/jobs%00",
            "/jobs%20",
        ),
        *("/health/../jobs", "/static/../jobs", "/openapi/..%2fjobs", "/jobs?api_key={alice}"),
        *("/jobs?access_token={alice}", "/catalog/catalog.json", "/metrics", "/stac/search"),
        "http://localhost/jobs",
    ],
)
def test_no_way_of_writing_a_path_opens_it(
    guarded: httpx.Client, keys: dict[str, str], path: str
) -> None:
    """What is closed stays closed, however it is spelt; nor is a key in an address one."""
    status, answer = get_raw(guarded, path.replace("{alice}", keys["alice"]))
    assert status in (307, 400, 401, 404)
    assert b'"jobs"' not in answer
    assert b"vadose_requests" not in answer


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"X-HTTP-Method-Override": "DELETE"}),
        ("POST", {"X-HTTP-Method-Override": "DELETE"}),
        ("PATCH", {}),
        ("PUT", {}),
        ("TRACE", {}),
        ("GET", {"X-Method-Override": "DELETE"}),
    ],
)
def test_a_method_is_the_one_of_the_request(
    guarded: httpx.Client, keys: dict[str, str], method: str, headers: dict[str, str]
) -> None:
    """No header makes another of it; a job is dismissed by DELETE alone."""
    who = {"Authorization": f"Bearer {keys['alice']}"}
    body = {"inputs": {"stringInput": method + str(headers)}}
    job = guarded.post(ECHO, json=body, headers=who | ASYNC).json()["jobID"]
    guarded.request(method, f"/jobs/{job}", headers=who | headers)
    assert guarded.get(f"/jobs/{job}", headers=who).json()["status"] == "accepted"


@pytest.mark.parametrize(
    "request_lines",
    [
        [
            "POST /jobs HTTP/1.1",
            "Content-Length: 6",
            "Transfer-Encoding: chunked",
            "",
            "0",
            "",
            "X",
        ],
        ["GET /jobs HTTP/1.1", "Content-Length: 5", "Content-Length: 6", "", "hello"],
        ["GET /jobs HTTP/1.1", "Transfer-Encoding: xchunked", "", ""],
        ["GET /jobs HTTP/1.1", " Authorization: Bearer x", "", ""],
        ["GET /jobs HTTP/1.1", "X: " + "a" * 100_000, "", ""],
        ["GET /jobs\x01 HTTP/1.1", "", ""],
        ["GET /jobs HTTP/9.9", "", ""],
    ],
)
def test_requests_that_two_servers_would_read_differently_are_refused(
    guarded: httpx.Client, request_lines: list[str]
) -> None:
    """None of them is answered with more than a refusal."""
    first, *rest = request_lines
    lines = [first, "Host: localhost", "Connection: close", *rest]
    status, answer = raw(guarded, "\r\n".join(lines).encode("latin-1"))
    assert status in (400, 401, 403, 404, 405, 431, 505)
    assert answer.count(b"HTTP/1.1 ") <= 1
