"""Providers for tests: servers on loopback that speak as the true ones do.

Three hosts, as there are in truth: one with catalogue, listings and data (127.0.0.1), one where a
person logs in (localhost), and a store that only knows signed addresses (127.0.0.2).
"""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

from processes.fetch.sources import load_sources
from processes.fetch.testing_answers import entry, index, matches, year_of
from processes.fetch.testing_shelves import cut_out

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from processes.fetch.testing_shelves import Item, Shelf

TOKEN = "the-token-of-a-test"  # noqa: S105  (of no real login)
USER, PASSWORD = "somebody", "the-password-of-a-test"
SIGNATURE = "the-signature-of-a-test"

_CHANGED = "Wed, 01 Jan 2025 00:00:00 GMT"
_UMM = "application/vnd.nasa.cmr.umm_results+json"
_HTML = {"Content-Type": "text/html; charset=utf-8"}
_BINARY = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
_PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"

type Kind = Literal["status", "cut", "page", "corrupt"]
type Host = Literal["data", "login", "store"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one answer."""

    kind: Kind
    """An error's status, a body that breaks off, a web page, wrong bytes."""
    status: int = 503
    """Status, where that is the fault."""
    retry_after: str | None = None
    """What it says of when to come back."""
    renews: bool = False
    """Whether every file is another edition afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request, and how much was sent."""

    host: str
    path: str
    status: int
    sent: int
    authorization: str | None
    range: str | None


@dataclass(slots=True, kw_only=True)
class Providers:
    """The servers; a context manager that starts and stops them.

    Parameters
    ----------
    shelves
        What they have, by product.
    page
        Most granules of one answer of the catalogue.
    """

    shelves: Mapping[str, Shelf]
    page: int = 100
    seen: list[Seen] = field(default_factory=list)
    faults: dict[tuple[Host | None, str], list[Fault]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    etags: bool = True
    edition: int = 1
    opendap: bool = True
    _servers: dict[str, ThreadingHTTPServer] = field(default_factory=dict)

    def __enter__(self) -> Self:
        for name, host in (("data", "127.0.0.1"), ("login", "localhost"), ("store", "127.0.0.2")):
            server = _Server((host, 0), _Handler)
            server.providers, server.role = self, name
            self._servers[name] = server
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def address(self, name: str) -> str:
        """Return the address of one of the three."""
        host = {"data": "127.0.0.1", "login": "localhost", "store": "127.0.0.2"}[name]
        return f"http://{host}:{self._servers[name].server_address[1]}"

    def misbehave(self, fragment: str, *faults: Fault, host: Host | None = None) -> None:
        """Let the next answers to paths with a fragment go wrong, of one host or of any."""
        self.faults.setdefault((host, fragment), []).extend(faults)

    def fault(self, host: str, path: str) -> Fault | None:
        """Take the next fault for a path."""
        for (where, fragment), faults in self.faults.items():
            if where in (None, host) and fragment in path and faults:
                return faults.pop(0)
        return None

    def answers(self, name: str, host: Host = "store") -> list[Seen]:
        """Return the requests for a file."""
        return [one for one in self.seen if one.host == host and name in one.path]

    def item(self, name: str) -> Item | None:
        """Return a file by its name."""
        return next((shelf[name] for shelf in self.shelves.values() if name in shelf), None)

    def sent(self) -> int:
        """Return how many bytes of files were sent so far."""
        return sum(seen.sent for seen in self.seen if not seen.path.startswith("/search"))

    def write_sources(self, folder: Path) -> Path:
        """Write the facts that lead to these servers instead of the true ones."""
        folder.mkdir(parents=True, exist_ok=True)
        data = self.address("data")
        for name, source in load_sources().items():
            if source.protocol == "cmr":
                (folder / f"{name}.toml").write_text(f'url = "{data}/search"\n')
        (folder / "CHIRPS.toml").write_text(f'url = "{data}/list/CHIRPS/{{year}}/"\n')
        (folder / "eSIF.toml").write_text(f'url = "{data}/list/eSIF/{{year}}/"\n')
        (folder / "TROPOSIF.toml").write_text(f'url = "{data}/list/soundings/{{year}}/"\n')
        (folder / "GLO90.toml").write_text(
            f'url = "{data}/open/Copernicus_{{south}}_00_{{west}}_00_DEM.tif"\n'
        )
        (folder / "SoilGrids.toml").write_text(f'url = "{data}/open/{{variable}}_0-5cm_mean.vrt"\n')
        (folder / "logins.toml").write_text(
            '[earthdata]\ntitle = "Earthdata Login"\naccounts = "https://urs.example/"\n'
            'host = "localhost"\ntrusted = ["127.0.0.1"]\n'
        )
        return folder


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    providers: Providers
    role: str

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away: tests kill them."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""

    def do_GET(self) -> None:
        """Answer."""
        parts = urlsplit(self.path)
        self._path, self._query = unquote(parts.path), parts.query
        fault = self.server.providers.fault(self.server.role, self._path)
        if fault is not None and fault.kind == "status":
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            self._send(b"try again later", status=fault.status, headers=headers)
        elif fault is not None and fault.kind == "page":
            self._send(_PAGE, headers=_HTML)
        else:
            self._fault = fault
            getattr(self, f"_as_{self.server.role}")()

    # The host of catalogue, listings and data

    def _as_data(self) -> None:
        for prefix, answer in (
            ("/search/granules.umm_json", self._search),
            ("/list/", self._list),
            ("/open/", self._open),
            ("/data/", self._protected),
            ("/opendap/", self._protected),
            ("/login", self._welcome),
        ):
            if self._path.startswith(prefix):
                answer()
                return
        self._send(b"", status=404)

    def _search(self) -> None:
        query = parse_qs(self._query)
        product = {"SRTMGL3": "SRTM"}.get(query["short_name"][0], query["short_name"][0])
        shelf = self.server.providers.shelves.get(product, {})
        found = [item for item in shelf.values() if matches(item, query)]
        found.sort(key=lambda item: item.name)
        start = int(self.headers.get("CMR-Search-After", "[0]").strip("[]"))
        size = min(int(query.get("page_size", ["10"])[0]), self.server.providers.page)
        page = found[start : start + size]
        headers = {
            "CMR-Hits": str(len(found)),
            "Content-Type": "application/vnd.nasa.cmr.umm_results+json",
        }
        if page:
            headers["CMR-Search-After"] = f"[{start + len(page)}]"
        data = self.server.providers.address("data")
        answer = {
            "hits": len(found),
            "took": 7,
            "items": [entry(one, data, opendap=self.server.providers.opendap) for one in page],
        }
        self._send(json.dumps(answer).encode(), headers=headers)

    def _list(self) -> None:
        _, _, product, *rest = self._path.split("/")
        shelf = self.server.providers.shelves.get(product, {})
        if rest[-1]:
            self._file(shelf.get(rest[-1]))
            return
        items = [one for one in shelf.values() if year_of(one) == rest[0]]
        if items:
            self._send(
                index(self._path, items, apache=product == "CHIRPS"),
                headers={"Content-Type": "text/html"},
            )
        else:
            self._send(b"<html>not found</html>", status=404)

    def _open(self) -> None:
        self._file(self.server.providers.item(self._path.rpartition("/")[2]))

    def _protected(self) -> None:
        """Serve, or lead to the login those who did not say who they are."""
        given = self.headers.get("Authorization", "")
        known = "session=open" in self.headers.get("Cookie", "")
        if given.startswith("Bearer ") and given[7:] not in self.server.providers.tokens:
            self._send(b'{"error":"invalid_token"}', status=401)
        elif known or given.startswith("Bearer "):
            self._serve()
        else:
            login, data = (self.server.providers.address(name) for name in ("login", "data"))
            back, state = quote(f"{data}/login", safe=""), quote(self.path, safe="")
            self._redirect(
                f"{login}/oauth/authorize?client_id=x&response_type=code&redirect_uri={back}&state={state}"
            )

    def _serve(self) -> None:
        name = self._path.rpartition("/")[2]
        if self._path.startswith("/data/"):
            store = self.server.providers.address("store")
            self._redirect(f"{store}/{quote(name)}?A-userid={USER}&X-Amz-Signature={SIGNATURE}")
            return
        item = self.server.providers.item(name.removesuffix(".dap.nc4"))
        constraint = dict(parse_qsl(self._query, separator="&")).get("dap4.ce", "")
        if item is None:
            self._send(b"", status=404)
            return
        try:
            content = cut_out(item.content(), constraint)
        except KeyError:
            self._send(b"<html>syntax error</html>", status=400)
            return
        self._send_chunked(content)

    def _welcome(self) -> None:
        state = parse_qs(self._query)["state"][0]
        self._redirect(state, {"Set-Cookie": "session=open; Path=/; HttpOnly"})

    # The login

    def _as_login(self) -> None:
        query = parse_qs(self._query)
        given = self.headers.get("Authorization", "")
        right = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if given == f"Basic {right}":
            back, state = query["redirect_uri"][0], quote(query["state"][0], safe="")
            self._redirect(f"{back}?code=one-time-code&state={state}")
        elif given:
            self._send(b"denied", status=401, headers={"WWW-Authenticate": "Basic"})
        else:
            self._send(_PAGE, headers=_HTML)

    # The store

    def _as_store(self) -> None:
        if f"X-Amz-Signature={SIGNATURE}" not in self._query:
            self._send(b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", status=403)
        else:
            self._file(self.server.providers.item(self._path.removeprefix("/")))

    # Answers

    def _file(self, item: Item | None) -> None:
        if item is None:
            self._send(b"<html>not found</html>", status=404)
            return
        content, etag = item.content(), f'"{item.name}-{self.server.providers.edition}"'
        headers = {
            "Accept-Ranges": "bytes",
            "Last-Modified": _CHANGED,
            "Content-Type": "application/octet-stream",
        }
        if self.server.providers.etags:
            headers["ETag"] = etag
        wanted = self.headers.get("Range", "")
        condition = self.headers.get("If-Range", etag)
        if not wanted.startswith("bytes=") or condition not in {etag, _CHANGED}:
            self._send(content, headers=headers)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last or item.size - 1), item.size - 1)
        if start >= item.size:
            self._send(b"", status=416, headers={"Content-Range": f"bytes */{item.size}"})
            return
        headers["Content-Range"] = f"bytes {start}-{stop}/{item.size}"
        self._send(content[start : stop + 1], status=206, headers=headers)

    def _send(
        self, content: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        fault = getattr(self, "_fault", None)
        body = content
        if fault is not None and fault.kind == "corrupt":
            body = content[:-1] + bytes([content[-1] ^ 0xFF]) if content else content
        if fault is not None and fault.kind == "cut":
            body = content[: len(content) // 2]
            self.close_connection = True
        if fault is not None and fault.renews:
            self.server.providers.edition += 1
        self._note(status, len(body))
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(body)

    def _send_chunked(self, content: bytes) -> None:
        fault = getattr(self, "_fault", None)
        half = fault is not None and fault.kind == "cut"
        body = content[: len(content) // 2] if half else content
        self._note(200, len(body))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-netcdf;ver=4")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(body), 8192):
            block = body[start : start + 8192]
            self.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
        if half:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _redirect(self, address: str, headers: Mapping[str, str] | None = None) -> None:
        self._send(b"", status=302, headers={"Location": address, **(headers or {})})

    def _note(self, status: int, sent: int) -> None:
        self.server.providers.seen.append(
            Seen(
                host=self.server.role,
                path=self._path,
                status=status,
                sent=sent,
                authorization=self.headers.get("Authorization"),
                range=self.headers.get("Range"),
            )
        )
