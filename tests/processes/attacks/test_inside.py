"""Addresses that lead inside: nobody is called, nothing is fetched there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from processes.settings import Settings
from processes.testing_attacks import ASYNC, ECHO, MAPS, SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from processes.access.testing import Issuer

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
