"""What attackers try: each is refused, and nothing of what they were after is in the answer."""

from __future__ import annotations

import ast
import base64
import hashlib
import hmac
import json
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry

import engine
import processes
import stac
from processes.access.callers import Role
from processes.access.keys import KeyFile
from processes.access.testing import AUDIENCE, Issuer
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRETS = (b"SQLite format 3", b"root:x:0:0", b"the secret")
ASYNC = {"Prefer": "respond-async"}
ECHO = "/processes/echo/execution"
MAPS = "/processes/downscale-smap/execution"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """Give an issuer of tokens."""
    with Issuer().serving() as running:
        yield running


@pytest.fixture(scope="module")
def guarded_settings(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Settings:
    """Give settings with access control."""
    return Settings.load(
        data=tmp_path_factory.mktemp("guarded"),
        access=True,
        oidc_issuer=issuer.address,
        oidc_audience=AUDIENCE,
        requests_per_minute=100_000,
    )


@pytest.fixture(scope="module")
def guarded(guarded_settings: Settings, serve: Callable[..., Any]) -> Iterator[httpx.Client]:
    """Give a client of a service with access control."""
    with pytest.MonkeyPatch.context() as patch:
        # Each of them is to be seen refused for what it is.
        patch.setattr("processes.access.gate.FAILURES_PER_MINUTE", 100_000)
        with serve(guarded_settings, run_jobs=False) as found:
            yield found


@pytest.fixture(scope="module")
def keys(guarded_settings: Settings) -> dict[str, str]:
    """Give keys: of two executors, of a reader."""
    file = KeyFile(guarded_settings.key_file)
    roles = {"alice": Role.EXECUTOR, "mallory": Role.EXECUTOR, "reader": Role.READER}
    return {name: file.add(name, role)[1] for name, role in roles.items()}


def raw(client: httpx.Client, request: bytes) -> tuple[int, bytes]:
    """Send a request as it is, which no client would; return status and answer."""
    url = client.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    if not answer:
        return 400, b""
    return int(answer.split(b" ", 2)[1]), answer


def get_raw(client: httpx.Client, path: str, *headers: str) -> tuple[int, bytes]:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
    return raw(client, "\r\n".join(lines).encode("latin-1"))


# Addresses that lead inside

INSIDE = [
    "http://127.0.0.1/",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://127.1/",
    "http://127.0.1.3:6379/",
    "http://0.0.0.0/",
    "http://0/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://017700000001/",
    "http://①②⑦.⓪.⓪.①/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.100.100.200/latest/meta-data/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://8.8.8.8@127.0.0.1/",
    "http://127.0.0.1@8.8.8.8/",
    "http://8.8.8.8:0/",
    "http://8.8.8.8:65536/",
    "http:///etc/passwd",
    "file:///etc/passwd",
    "ftp://8.8.8.8/",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "data:text/plain,here",
    "javascript:alert(1)",
    "unix:/run/docker.sock",
    "//127.0.0.1/",
    "http://8.8.8.8/\r\nX-Forged: yes",
    "http://" + "a" * 5000 + "/",
    "",
]


@pytest.mark.parametrize("address", INSIDE)
def test_nobody_is_called_back_inside(client: httpx.Client, address: str) -> None:
    """A subscriber's address is refused before there is a job."""
    body = {"inputs": {"stringInput": "here"}, "subscriber": {"successUri": address}}
    before = client.get("/jobs?status=accepted").json()["jobs"]
    answer = client.post(ECHO, json=body, headers=ASYNC)
    assert answer.status_code == 400
    assert "subscriber.successUri" in answer.json()["detail"]
    assert client.get("/jobs?status=accepted").json()["jobs"] == before


@pytest.mark.parametrize("address", INSIDE)
def test_no_input_is_fetched_from_inside(client: httpx.Client, address: str) -> None:
    """An input by reference is refused by its name, and nothing of what lies there is told."""
    inputs = {"datetime": "2020-05", "geometry": {"href": address}}
    answer = client.post(MAPS, json={"inputs": inputs}, headers=ASYNC)
    assert answer.status_code == 400
    assert "geometry" in answer.json()["detail"]
    assert not any(secret in answer.content for secret in SECRETS)


def test_a_redirect_inside_is_not_followed(
    tmp_path: Path, serve: Callable[..., Any], issuer: Issuer
) -> None:
    """Nor is what an allowed host answers told, if it is no JSON of the right kind."""
    allowed = issuer.address.removeprefix("http://")
    settings = Settings.load(data=tmp_path, allowed_hosts=allowed)
    with serve(settings, run_jobs=False) as found:
        inputs = {"datetime": "2020-05", "geometry": {"href": f"{issuer.address}/keys"}}
        answer = found.post(MAPS, json={"inputs": inputs}, headers=ASYNC)
        assert answer.status_code == 400
        assert "kty" not in answer.text


# Paths that lead outside

PATHS = [
    "/catalog/../jobs.sqlite",
    "/catalog/%2e%2e/jobs.sqlite",
    "/catalog/..%2fjobs.sqlite",
    "/catalog/%2e%2e%2fjobs.sqlite",
    "/catalog/.%2e/jobs.sqlite",
    "/catalog/....//jobs.sqlite",
    "/catalog/%252e%252e%252fjobs.sqlite",
    "/catalog/..%5cjobs.sqlite",
    "/catalog/..\\jobs.sqlite",
    "/catalog/x/../../jobs.sqlite",
    "/catalog//etc/passwd",
    "/catalog/%2fetc%2fpasswd",
    "/catalog/%00",
    "/catalog/catalog.json%00.png",
    "/catalog/file:%2f%2f%2fetc%2fpasswd",
    "/catalog/..;/jobs.sqlite",
    "/catalog/%c0%ae%c0%ae/jobs.sqlite",
    "/catalog/" + "a/" * 3000,
    "/catalog/" + "b" * 5000,
    "/catalog/link",
    "/catalog/.hidden",
    "/models/../jobs.sqlite",
    "/models/..%2fjobs.sqlite",
    "/static/../settings.py",
    "/static/..%2f..%2fsettings.py",
    "/jobs/..%2f..%2fjobs.sqlite",
    "/jobs/%2e%2e/files/jobs.sqlite",
    "/jobs/../files/..%2f..%2fjobs.sqlite",
    "/jobs/4711/files/..%2f..%2f..%2fjobs.sqlite",
    "/models/..%2f..%2fetc%2fpasswd/report",
    "/collections/..%2f..%2fjobs.sqlite/items",
    "/stac/collections/..%2f..%2fjobs.sqlite",
    "/processes/..%2f..%2fjobs.sqlite",
    "http://127.0.0.1:1/catalog/../jobs.sqlite",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leaves_its_root(client: httpx.Client, settings: Settings, path: str) -> None:
    """Whatever is written between the slashes."""
    folder = settings.catalog_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".hidden").write_text("the secret")
    if not (folder / "link").is_symlink():
        (folder / "link").symlink_to("/etc/passwd")
    status, answer = get_raw(client, path)
    assert 300 <= status < 500
    assert not any(secret in answer for secret in SECRETS)


@pytest.mark.parametrize(
    "region", ["../../etc/passwd", "/etc/passwd", "henan/../x", "henan\x00", "..", "C:\\x", "%2e"]
)
def test_no_name_of_a_region_is_a_path(client: httpx.Client, region: str) -> None:
    """Nor is that of a model."""
    for inputs in ({"region": region}, {"model": region}):
        body = {"inputs": {"datetime": "2020-05", **inputs}}
        answer = client.post(MAPS, json=body, headers=ASYNC)
        assert answer.status_code == 400
        assert not any(secret in answer.content for secret in SECRETS)


# Text that wants to be a page


@pytest.mark.parametrize(
    "path",
    [
        f"/{SCRIPT}",
        f"/jobs/{SCRIPT}",
        f"/processes/{SCRIPT}",
        f"/jobs?status={SCRIPT}",
        f"/jobs?{SCRIPT}=1",
        f"/jobs?f={SCRIPT}",
        f"/jobs?processID={SCRIPT}",
        f"/jobs?datetime={SCRIPT}",
        f"/models/{SCRIPT}/report",
        f"/collections/{SCRIPT}",
        f"/stac/collections/{SCRIPT}",
        f"/catalog/{SCRIPT}",
    ],
)
def test_what_is_asked_for_is_never_part_of_a_page(client: httpx.Client, path: str) -> None:
    """For readers of HTML it is escaped, for others no page; scripts of others never run."""
    for accept in ("text/html", "*/*"):
        answer = client.get(path, headers={"Accept": accept})
        if "html" in answer.headers.get("Content-Type", ""):
            assert SCRIPT not in answer.text
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("text", [SCRIPT, "'\"><img src=x onerror=alert(1)>", "{{7*7}}", "${7*7}"])
def test_what_a_job_echoes_is_never_part_of_a_page(echo_client: httpx.Client, text: str) -> None:
    """Neither on the pages of the job, nor where the output is asked for as it is."""
    body = {"inputs": {"stringInput": text}, "response": "document"}
    made = echo_client.post(ECHO, json=body, headers=ASYNC)
    job = made.json()["jobID"]
    deadline = time.monotonic() + 30
    while echo_client.get(f"/jobs/{job}").json()["status"] != "successful":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    html = {"Accept": "text/html"}
    for path in ("", "/results", "/log"):
        page = echo_client.get(f"/jobs/{job}{path}", headers=html)
        assert page.headers["Content-Type"].startswith("text/html")
        assert SCRIPT not in page.text
        assert "<img src=x" not in page.text
        assert "{{7*7}}" in page.text or ">49<" not in page.text
    plain = echo_client.get(f"/jobs/{job}/results/stringInput", headers=html)
    assert plain.headers["Content-Type"].startswith(("text/plain", "application/json"))
    assert plain.headers["X-Content-Type-Options"] == "nosniff"


# Bodies that are too much


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


# Headers that want to be believed


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


# Tokens that are not what they say


def encoded(part: object) -> str:
    text = json.dumps(part).encode() if not isinstance(part, bytes) else part
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def decoded(token: str, part: int) -> dict[str, Any]:
    text = token.split(".")[part]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def changed(issuer: Issuer, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a good token with another header or other claims under the same signature."""
    token = issuer.token()
    head, body = decoded(token, 0) | (header or {}), decoded(token, 1) | claims
    return f"{encoded(head)}.{encoded(body)}.{token.split('.')[2]}"


def signed_by_another(issuer: Issuer, **header: Any) -> str:
    """Return a token that another key has signed, in the name of the issuer's."""
    other = RSAKey.generate_key(2048)
    public = other.as_dict(private=False)
    told = {name: public if value == "mine" else value for name, value in header.items()}
    head = {"alg": "RS256", "kid": "one", "typ": "JWT", **told}
    return jwt.encode(head, decoded(issuer.token(), 1), other, algorithms=["RS256"])


def signed_with_the_public_key(issuer: Issuer) -> str:
    """Return a token signed by HMAC with the issuer's public key as if it were a secret."""
    pem = issuer.keys["one"].as_pem(private=False)
    head = encoded({"alg": "HS256", "kid": "one", "typ": "JWT"})
    content = f"{head}.{encoded(decoded(issuer.token(), 1))}"
    signature = hmac.new(pem, content.encode(), hashlib.sha256).digest()
    return f"{content}.{encoded(signature)}"


def really_signed(issuer: Issuer, **header: Any) -> str:
    """Return a token that the issuer's key has signed, with a header that its library refuses."""
    head = encoded({"alg": "RS256", "kid": "one", "typ": "JWT", **header})
    content = f"{head}.{encoded(decoded(issuer.token(), 1))}"
    sign = JWSRegistry.algorithms["RS256"].sign
    return f"{content}.{encoded(sign(content.encode(), issuer.keys['one']))}"


def unsigned(issuer: Issuer, algorithm: str) -> str:
    head = encoded({"alg": algorithm, "kid": "one", "typ": "JWT"})
    return f"{head}.{encoded(decoded(issuer.token(), 1))}."


def by_shared_secret(issuer: Issuer) -> str:
    head = {"alg": "HS256", "kid": "one"}
    secret = OctKey.import_key("secret" * 8)
    return jwt.encode(head, decoded(issuer.token(), 1), secret, algorithms=["HS256"])


NOW = int(time.time())
FORGERIES: dict[str, Callable[[Issuer], str]] = {
    "alg none": lambda i: unsigned(i, "none"),
    "alg NoNe": lambda i: unsigned(i, "NoNe"),
    "alg empty": lambda i: unsigned(i, ""),
    "no signature": lambda i: unsigned(i, "RS256"),
    "public key as secret": signed_with_the_public_key,
    "shared secret": by_shared_secret,
    "another key": signed_by_another,
    "key in the header": lambda i: signed_by_another(i, jwk="mine"),
    "address of keys in the header": lambda i: signed_by_another(i, jku="http://127.0.0.1:1/k"),
    "certificate in the header": lambda i: signed_by_another(i, x5c=["MIIB"]),
    "unknown kid": lambda i: signed_by_another(i, kid="two"),
    "kid as path": lambda i: changed(i, {"kid": "../../../../dev/null"}),
    "kid as SQL": lambda i: changed(i, {"kid": "x' UNION SELECT 'y"}),
    "kid as list": lambda i: changed(i, {"kid": ["one"]}),
    "header as list": lambda i: f"{encoded([1])}.{i.token().partition('.')[2]}",
    "header nested": lambda _: f"{encoded(b'[' * 9000)}.e30.e30",
    "crit": lambda i: really_signed(i, crit=["exp"], exp=NOW + 300),
    "critical encoding": lambda i: really_signed(i, crit=["b64"], b64=False),
    "unencoded payload": lambda i: changed(i, {"b64": False, "crit": ["b64"]}),
    "algorithm of another kind": lambda i: changed(i, {"alg": "ES256"}),
    "logout token": lambda i: i.token(header={"typ": "logout+jwt"}),
    "another subject": lambda i: changed(i, sub="alice"),
    "another role": lambda i: changed(i, roles=["vadose-admin"]),
    "ended": lambda i: i.token(exp=NOW - 3600),
    "without end": lambda i: i.token(exp=None),
    "end as text": lambda i: i.token(exp="never"),
    "not yet": lambda i: i.token(nbf=NOW + 3600),
    "issued in the future": lambda i: i.token(iat=NOW + 3600),
    "another audience": lambda i: i.token(aud="other"),
    "audiences without ours": lambda i: i.token(aud=["other", "vadose2"]),
    "without audience": lambda i: i.token(aud=None),
    "another issuer": lambda i: i.token(iss="https://evil.example.org"),
    "issuer with more": lambda i: i.token(iss=i.address + ".evil.example.org"),
    "without issuer": lambda i: i.token(iss=None),
    "issuers as list": lambda i: i.token(iss=[i.address]),
    "without subject": lambda i: i.token(sub=None),
    "empty subject": lambda i: i.token(sub=""),
    "subject with a line break": lambda i: i.token(sub="a\nb"),
    "subject as number": lambda i: i.token(sub=1),
    "five parts": lambda i: i.token() + ".a.b",
    "two parts": lambda i: i.token().rpartition(".")[0],
    "nothing but dots": lambda _: "..",
    "a key that is none": lambda _: "vdk_.",
    "very long": lambda i: i.token(more="x" * 20_000),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_is_nobodys(guarded: httpx.Client, issuer: Issuer, name: str) -> None:
    """Neither to read nor to execute; a good one is somebody's."""
    good = {"Authorization": f"Bearer {issuer.token()}"}
    assert guarded.get("/jobs", headers=good).status_code == 200
    forged = {"Authorization": f"Bearer {FORGERIES[name](issuer)}"}
    answer = guarded.get("/jobs", headers=forged)
    assert answer.status_code in (400, 401)
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    made = guarded.post(ECHO, json={"inputs": {"stringInput": "x"}}, headers=forged)
    assert made.status_code in (400, 401)


@pytest.mark.parametrize(
    "roles", [["admin"], "vadose-", {"vadose-admin": True}, ["VADOSE-ADMIN"], [["vadose-admin"]], 1]
)
def test_roles_are_those_that_are_written_so(
    guarded: httpx.Client, issuer: Issuer, roles: object
) -> None:
    """Whatever looks like one gives none."""
    who = {"Authorization": f"Bearer {issuer.token(roles=roles)}"}
    assert guarded.get("/jobs", headers=who).status_code == 403


# Jobs of others


@pytest.fixture(scope="module")
def job(guarded: httpx.Client, keys: dict[str, str]) -> str:
    """Give a job of alice's."""
    who = {"Authorization": f"Bearer {keys['alice']}"}
    body = {"inputs": {"stringInput": "the secret"}}
    made = guarded.post(ECHO, json=body, headers=who | ASYNC)
    job_id: str = made.json()["jobID"]
    return job_id


@pytest.mark.parametrize("who", ["mallory", "reader", "token"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs/{job}"),
        ("HEAD", "/jobs/{job}"),
        ("GET", "/jobs/{job}?f=html"),
        ("GET", "/jobs/{job}/"),
        ("GET", "//jobs/{job}"),
        ("GET", "/jobs//{job}"),
        ("GET", "/jobs/{job}/results"),
        ("GET", "/jobs/{job}/results/stringInput"),
        ("GET", "/jobs/{job}/results?f=html"),
        ("GET", "/jobs/{job}/log"),
        ("GET", "/jobs/{job}/log?f=html"),
        ("GET", "/jobs/{job}/files/catalog.json"),
        ("GET", "/jobs/{job}%2fresults"),
        ("GET", "/jobs/{JOB}"),
        ("DELETE", "/jobs/{job}"),
        ("GET", "/jobs?status=accepted&limit=10000"),
        ("GET", "/jobs?processID=echo&status=accepted"),
        ("GET", "/?f=html"),
    ],
)
def test_the_jobs_of_others_are_not_there(  # noqa: PLR0917  (four fixtures)
    guarded: httpx.Client,
    keys: dict[str, str],
    issuer: Issuer,
    job: str,
    who: str,
    method: str,
    path: str,
) -> None:
    """Neither to be seen nor listed nor ended, by callers who may have jobs of their own."""
    credentials = issuer.token() if who == "token" else keys[who]
    address = path.replace("{job}", job).replace("{JOB}", job.upper())
    headers = {"Authorization": f"Bearer {credentials}"}
    answer = guarded.request(method, address, headers=headers)
    assert answer.status_code in ((200,) if "{" not in path else (307, 403, 404))
    assert "the secret" not in answer.text
    if "{" not in path:
        assert job not in answer.text
    alice = {"Authorization": f"Bearer {keys['alice']}"}
    assert guarded.get(f"/jobs/{job}", headers=alice).json()["status"] == "accepted"


# Code in the place of data

_LOADERS = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"})
_OWN_CHILD = "engine/world/writers/process.py"
"""It speaks with a child of its own, through a pipe that nobody else has."""


def sources() -> list[Path]:
    roots = (Path(str(package.__file__)).parent for package in (engine, stac, processes))
    return [path for root in roots for path in root.rglob("*.py")]


def test_nothing_that_can_run_code_is_loaded_from_storage() -> None:
    """No pickle and its like, no YAML with objects, no arrays of objects."""
    for path in sources():
        if path.as_posix().endswith(_OWN_CHILD):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None)
                named = [module or "", *(alias.name for alias in node.names)]
                assert _LOADERS.isdisjoint(name.split(".")[0] for name in named), path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "yaml.load", "yaml.unsafe_load"), path
                assert "allow_pickle=True" not in ast.unparse(node), path


def test_no_secret_of_the_machine_is_told(client: httpx.Client) -> None:
    """The configuration, the environment and the server's name are nobody's business."""
    for path in ("/.env", "/.git/config", "/admin/config", "/server-status", "/debug", "/docs"):
        assert client.get(path).status_code == 404
    answer = client.get("/health/ready")
    assert os.environ.get("HOME", "/root") not in answer.text
