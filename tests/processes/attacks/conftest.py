"""A service with access control, its issuer of tokens and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from processes.access.callers import Role
from processes.access.keys import KeyFile
from processes.access.testing import AUDIENCE, Issuer
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """Give an issuer of tokens."""
    with Issuer().serving() as running:
        yield running


@pytest.fixture(scope="module")
def guarded_settings(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Settings:
    """Give settings with access control."""
    return Settings.load(
        data=tmp_path_factory.mktemp("guarded"),
        access=True,
        oidc_issuer=issuer.address,
        oidc_audience=AUDIENCE,
        requests_per_minute=100_000,
    )


@pytest.fixture(scope="module")
def guarded(guarded_settings: Settings, serve: Callable[..., Any]) -> Iterator[httpx.Client]:
    """Give a client of a service with access control."""
    with pytest.MonkeyPatch.context() as patch:
        # Each of them is to be seen refused for what it is.
        patch.setattr("processes.access.gate.FAILURES_PER_MINUTE", 100_000)
        with serve(guarded_settings, run_jobs=False) as found:
            yield found


@pytest.fixture(scope="module")
def keys(guarded_settings: Settings) -> dict[str, str]:
    """Give keys: of two executors, of a reader."""
    file = KeyFile(guarded_settings.key_file)
    roles = {"alice": Role.EXECUTOR, "mallory": Role.EXECUTOR, "reader": Role.READER}
    return {name: file.add(name, role)[1] for name, role in roles.items()}
