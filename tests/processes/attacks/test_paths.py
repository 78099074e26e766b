"""Paths that lead outside: nothing leaves its root."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processes.testing_attacks import ASYNC, MAPS, SECRETS, get_raw

if TYPE_CHECKING:
    import httpx

    from processes.settings import Settings

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
