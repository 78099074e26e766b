"""The OGC's schemas for a Java program that asks schemas.opengis.net for them.

A proxy on loopback takes the program's requests, whatever the host, and answers them from a
folder; those inside ``CONNECT`` with a certificate that only a trust store beside it knows. Java
is told of both by system properties, so neither a hosts file nor the machine's own trust is
touched.
"""

from __future__ import annotations

import socketserver
import ssl
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "schemas.opengis.net"
STORE_PASSWORD = "for-tests-only"


@contextmanager
def serve_schemas(schemas: Path, folder: Path) -> Iterator[tuple[int, Path]]:
    """Serve a folder as schemas.opengis.net; give the proxy's port and the trust store."""
    folder.mkdir(parents=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*_certificate(folder))
    trust = _trust_store(folder)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            method, target = _read_head(self.rfile).split()[:2]
            if method != "CONNECT":
                self.wfile.write(_answer(schemas, target))
                return
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with (
                context.wrap_socket(self.connection, server_side=True) as tunnel,
                tunnel.makefile("rwb") as stream,
            ):
                stream.write(_answer(schemas, _read_head(stream).split()[1]))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1], trust
        finally:
            server.shutdown()
            thread.join()


def _answer(schemas: Path, target: str) -> bytes:
    """Return the whole answer to a request for an address or a path."""
    found = (schemas / urlsplit(target).path.lstrip("/")).resolve()
    known = found.is_relative_to(schemas.resolve()) and found.is_file()
    body = found.read_bytes() if known else b""
    status = "200 OK" if known else "404 Not Found"
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"{head}\r\nContent-Type: application/yaml\r\n\r\n".encode() + body


def _read_head(stream: object) -> str:
    """Read up to the empty line; return the first line."""
    lines = iter(stream.readline, b"\r\n")  # type: ignore[attr-defined]
    first = next(lines).decode("latin-1")
    for line in lines:
        if not line:
            break
    return first


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of the host and its key."""
    certificate, key = folder / "host.pem", folder / "host.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
            *("-out", str(certificate), "-keyout", str(key)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def _trust_store(folder: Path) -> Path:
    """Make a store in which Java finds that certificate alone."""
    store = folder / "trust.p12"
    subprocess.run(
        [
            *("keytool", "-importcert", "-noprompt", "-alias", "host", "-storetype", "PKCS12"),
            *("-file", str(folder / "host.pem")),
            *("-keystore", str(store), "-storepass", STORE_PASSWORD),
        ],
        check=True,
        capture_output=True,
    )
    return store
