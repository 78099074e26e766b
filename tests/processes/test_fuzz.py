"""The API is fuzzed by its own description: no server error, nothing undocumented or bad taken."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

CASES = os.environ.get("CASES")
"""Cases per operation, beside those that cover its description; ``make fuzz`` sets it."""


@pytest.fixture(autouse=True)
def _nobody_looks_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service, which is in this process, find no host that a request names."""
    look_up = socket.getaddrinfo

    def find(host: Any, *arguments: Any, **options: Any) -> Any:
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "no host is looked up in tests")
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", find)


def test_the_api_is_as_it_is_described(impatient_client: httpx.Client, tmp_path: Path) -> None:
    """Every check of schemathesis but one passes, in some hundred cases.

    The one left out demands that whatever obeys the schema is taken; no schema can say that a
    month must be in the archive or that an interval must not end before it begins.
    """
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{impatient_client.base_url}/openapi",
        *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),
        *("--max-examples", CASES or "15", "--seed", "20", "--no-color"),
        *("--phases", "examples,coverage,fuzzing" if CASES else "examples,fuzzing"),
        *("--warnings", "off", "--continue-on-failure"),
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    sys.stdout.write(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-10_000:]
    generated = re.search(r"(\d+) generated", ran.stdout)
    assert generated is not None
    assert int(generated[1]) >= (1000 if CASES else 150)
