"""A guarded service, keys for it, and an issuer of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from processes.access.callers import Role
from processes.access.keys import KeyFile
from processes.access.testing import Issuer
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import httpx


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Give a running issuer."""
    with Issuer().serving() as running:
        yield running


@pytest.fixture
def key_file(tmp_path: Any) -> KeyFile:
    """Give the file of the keys of the guarded service."""
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def guarded(
    tmp_path: Any, serve: Callable[..., AbstractContextManager[httpx.Client]]
) -> Callable[..., AbstractContextManager[httpx.Client]]:
    """Give the means to serve with access control; jobs stay in line."""

    def start(**values: object) -> AbstractContextManager[httpx.Client]:
        settings = Settings.load(data=tmp_path, access=True, **values)
        return serve(settings, run_jobs=False)

    return start


@pytest.fixture
def bearer(key_file: KeyFile) -> Callable[..., dict[str, str]]:
    """Give the means to make a key and the header that shows it."""

    def make(name: str, role: str = "executor") -> dict[str, str]:
        given = Role.named(role)
        assert given is not None
        return {"Authorization": f"Bearer {key_file.add(name, given)[1]}"}

    return make
