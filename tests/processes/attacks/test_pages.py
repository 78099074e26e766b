"""Text that wants to be a page: it never is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from processes.testing_attacks import ASYNC, ECHO, SCRIPT

if TYPE_CHECKING:
    import httpx


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
