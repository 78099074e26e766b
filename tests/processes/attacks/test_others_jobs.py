"""Jobs of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processes.testing_attacks import ASYNC, ECHO

if TYPE_CHECKING:
    import httpx

    from processes.access.testing import Issuer


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
