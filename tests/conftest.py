"""Fixtures of all tests."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, settings

from engine.testing import tiny_world_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.world import World

_S3_SERVER = """
import logging, sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""
_SIGNED = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request"

# How fast a draw is says more about the machine's other work than about us.
settings.register_profile("vadose", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vadose")


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give the ``tiny`` synthetic world, built once a session; read only."""
    return tiny_world_in(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """Start a server that speaks S3, in a process of its own; give its address."""
    command = [sys.executable, "-W", "ignore", "-c", _S3_SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        yield f"http://127.0.0.1:{port}"
        server.kill()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a bucket, and let the environment say how it is reached."""
    name = f"maps-{uuid4().hex[:12]}"
    deadline = time.monotonic() + 30
    while (
        httpx.put(f"{s3}/{name}", headers={"Authorization": _SIGNED}, timeout=60).status_code != 200
    ):
        assert time.monotonic() < deadline
    for variable, value in {
        "AWS_ENDPOINT_URL": s3,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(variable, value)
    return name
