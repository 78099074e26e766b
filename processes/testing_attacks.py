"""What tests of attacks share: what is attacked, and requests that no client would send."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

SECRETS = (b"SQLite format 3", b"root:x:0:0", b"the secret")
ASYNC = {"Prefer": "respond-async"}
ECHO = "/processes/echo/execution"
MAPS = "/processes/downscale-smap/execution"
SCRIPT = "<script>alert(1)</script>"


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
    """Ask for a path as it is; return status and answer."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
    return raw(client, "\r\n".join(lines).encode("latin-1"))
