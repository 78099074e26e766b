"""Inputs by reference: what lies at an address counts as if it had been sent."""

from __future__ import annotations

import json
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from processes.jobs.store import open_store
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

SQUARE = {
    "type": "Polygon",
    "coordinates": [[[113, 34], [114, 34], [114, 35], [113, 35], [113, 34]]],
}
GEOJSON = "application/geo+json"
FILES: dict[str, tuple[str, bytes]] = {
    "/square": (GEOJSON, json.dumps(SQUARE).encode()),
    "/square.txt": ("text/plain; charset=utf-8", json.dumps(SQUARE).encode()),
    "/month": ("text/plain", b"2020-05\n"),
    "/month.json": ("application/json", b'"2020-05"'),
    "/box": ("", b"[113, 34, 114, 35]"),
    "/line": (GEOJSON, b'{"type": "LineString", "coordinates": []}'),
    "/page": ("text/html", b"<html>sign in</html>"),
    "/binary": ("text/plain", b"\xff\xfe"),
    "/nan": ("application/json", b"[NaN, 1, 2, 3]"),
    "/deep": ("application/json", b"[" * 1000 + b"]" * 1000),
    "/link": ("application/json", b'{"href": "http://127.0.0.1:1/"}'),
    "/large": (GEOJSON, b" " * 3000),
    "/object": ("application/json", b'{"value": "x"}'),
}


class Files(BaseHTTPRequestHandler):
    """Files at their paths."""

    def do_GET(self) -> None:
        """Send one."""
        kind, content = FILES.get(self.path, ("text/plain", b"nothing"))
        self.send_response(200 if self.path in FILES else 404)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def files() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with files() as address:
        yield address


@pytest.fixture
def settings(tmp_path: Path, host: str) -> Settings:
    allowed = host.removeprefix("http://")
    return Settings.load(data=tmp_path, allowed_hosts=allowed, body_limit=2048)


@pytest.fixture
def client(settings: Settings, serve: Callable) -> Iterator[httpx.Client]:
    with serve(settings, run_jobs=False) as found:
        yield found


def execute(client: httpx.Client, process: str, **inputs: Any) -> httpx.Response:
    return client.post(
        f"/processes/{process}/execution",
        json={"inputs": inputs},
        headers={"Prefer": "respond-async"},
    )


@pytest.mark.parametrize(
    "link",
    [
        {"href": "/square", "type": GEOJSON},
        {"href": "/square"},
        {"href": "/square", "type": "application/json"},
        {"href": "/square", "format": {"mediaType": GEOJSON}},
        {"href": "/square.txt", "rel": "item", "title": "A square", "hreflang": "en"},
    ],
)
def test_a_polygon_by_reference_is_the_polygon(
    client: httpx.Client, settings: Settings, host: str, link: dict[str, Any]
) -> None:
    """The job has the value; whoever sends the value itself means the same job."""
    link = link | {"href": host + link["href"]}
    reply = execute(client, "downscale-smap", datetime="2020-05", geometry=link)
    assert reply.status_code == 201, reply.text
    job_id = reply.json()["jobID"]
    with closing(open_store(settings.job_database)) as store:
        assert store.get(job_id).inputs["geometry"] == SQUARE
    same = execute(client, "downscale-smap", datetime="2020-05", geometry=SQUARE)
    assert same.json()["jobID"] == job_id


def test_texts_lists_and_objects_come_by_reference(
    client: httpx.Client, settings: Settings, host: str
) -> None:
    """A text as it is or as JSON, an array, and an object, each as its input takes it."""
    inputs = {"datetime": {"href": f"{host}/month"}, "bbox": {"href": f"{host}/box"}}
    reply = execute(client, "downscale-smap", **inputs)
    with closing(open_store(settings.job_database)) as store:
        kept = store.get(reply.json()["jobID"]).inputs
    assert kept == {"datetime": "2020-05", "bbox": [113, 34, 114, 35]}
    inputs = {"datetime": {"href": f"{host}/month.json"}, "bbox": [113, 34, 114, 35]}
    again = execute(client, "downscale-smap", **inputs)
    assert again.json()["jobID"] == reply.json()["jobID"]
    assert execute(
        client, "echo", stringInput="a", objectInput={"href": f"{host}/object"}
    ).is_success


def test_a_link_that_is_a_value_stays_a_link(client: httpx.Client, settings: Settings) -> None:
    """The picture of ``echo`` may be a link, so nothing is fetched, wherever it leads."""
    link = {"href": "http://127.0.0.1:1/a.tif", "type": "image/tiff"}
    reply = execute(client, "echo", stringInput="a", binaryInput=link)
    with closing(open_store(settings.job_database)) as store:
        assert store.get(reply.json()["jobID"]).inputs["binaryInput"] == link


@pytest.mark.parametrize(
    ("name", "link", "message"),
    [
        ("geometry", {"href": "/nothing"}, "geometry.href: it answered with status 404"),
        ("geometry", {"href": "/large"}, "geometry.href: it is larger than 2048 bytes"),
        ("geometry", {"href": "/page"}, "geometry.href: what lies there is no JSON (line 1"),
        ("geometry", {"href": "/line"}, "geometry: it is no polygon"),
        ("geometry", {"href": "/link"}, "geometry: it is given by reference"),
        ("geometry", {"href": "/nan"}, "geometry.href: what lies there has NaN"),
        ("geometry", {"href": "/deep"}, "geometry.href: what lies there is nested too deeply"),
        ("geometry", {"href": "/square", "type": "text/csv"}, "geometry.type: 'text/csv'"),
        ("geometry", {"href": "/square", "type": 5}, "geometry.type: 5; allowed: a text"),
        ("datetime", {"href": "/binary"}, "datetime.href: it is no UTF-8 text; allowed: a text"),
        ("datetime", {"href": "/page"}, "datetime: "),
        ("geometry", {"href": "http://localhost:1/a"}, "geometry.href: its host is loopback"),
        ("geometry", {"href": "http://[::1]/a"}, "geometry.href: its host is loopback"),
        ("geometry", {"href": "file:///etc/passwd"}, "geometry.href: it is no web address"),
        ("geometry", {"href": ["x"]}, 'geometry.href: ["x"]; allowed: the address of a value'),
        ("colour", {"href": "/square"}, "colour: there is no such input"),
    ],
)
def test_what_cannot_be_had_is_told(
    client: httpx.Client, host: str, name: str, link: dict[str, Any], message: str
) -> None:
    """400 that names the input, with nothing of what lies at an address that is refused."""
    href = link["href"]
    if isinstance(href, str) and href.startswith("/"):
        link = link | {"href": host + href}
    inputs: dict[str, Any] = {"datetime": "2020-05"} | {name: link}
    reply = execute(client, "downscale-smap", **inputs)
    assert reply.status_code == 400
    assert message in reply.json()["detail"]
    assert "sign in" not in reply.text or name == "datetime"
