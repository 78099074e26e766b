"""Tokens of an issuer: its own are good, forged ones are not, and it may change its keys."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from joserfc.jwk import OctKey

from processes.access import jwks
from processes.access.callers import Role
from processes.access.tokens import TokenReader
from processes.errors import IdentityUnavailableError, UnauthenticatedError
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def reader(issuer: Any) -> TokenReader:
    """Give a reader of the issuer's tokens."""
    return reader_of(issuer)


def reader_of(issuer: Any, **values: object) -> TokenReader:
    settings = Settings.load(
        access=True, oidc_issuer=issuer.address, oidc_audience="vadose", **values
    )
    found = TokenReader.of(settings)
    assert found is not None
    return found


def test_a_token_is_its_subjects(issuer: Any, reader: TokenReader) -> None:
    """Its name is the issuer's, its role the highest that the token lists."""
    caller = reader.caller(issuer.token(roles=["vadose-reader", "other", "vadose-admin"]))
    assert (caller.name, caller.role) == ("oidc:4f1c", Role.ADMIN)
    assert reader.caller(issuer.token(roles="vadose-reader openid")).role is Role.READER
    assert reader.caller(issuer.token(roles=["admin"])).role is None
    assert reader.caller(issuer.token(roles=None)).role is None


def test_an_issuer_may_say_more_in_the_header(issuer: Any, reader: TokenReader) -> None:
    """As some do; it is not believed, only borne."""
    assert reader.caller(issuer.token(header={"nonce": "x", "x5t": "abc"})).name == "oidc:4f1c"


def test_roles_may_lie_deeper(issuer: Any) -> None:
    """As Keycloak has them."""
    reader = reader_of(issuer, oidc_roles_claim="realm_access.roles")
    token = issuer.token(realm_access={"roles": ["vadose-executor"]})
    assert reader.caller(token).role is Role.EXECUTOR
    assert reader.caller(issuer.token(realm_access=["vadose-admin"])).role is None


def test_the_keys_may_be_named(issuer: Any) -> None:
    """Without a discovery document."""
    reader = reader_of(issuer, oidc_jwks=f"{issuer.address}/keys")
    assert reader.caller(issuer.token()).name == "oidc:4f1c"
    assert issuer.asked == 1


def test_keys_are_asked_for_once(issuer: Any, reader: TokenReader) -> None:
    """However many tokens come, and however many name keys that there are not."""
    for _ in range(5):
        reader.caller(issuer.token())
    asked = issuer.asked
    for number in range(5):
        with pytest.raises(UnauthenticatedError, match="not the issuer's"):
            reader.caller(issuer.token(header={"kid": f"other-{number}"}))
    assert issuer.asked == asked == 2


def test_the_issuer_may_change_its_keys(
    issuer: Any, reader: TokenReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new key is found when a token names it; tokens of the old one are not good any more."""
    monkeypatch.setattr(jwks, "PAUSE_SECONDS", 0.0)
    old = issuer.token()
    reader.caller(old)
    name = issuer.rotate()
    assert reader.caller(issuer.token(key=name)).name == "oidc:4f1c"
    with pytest.raises(UnauthenticatedError):
        reader.caller(old)


def test_an_issuer_that_is_away_is_told_apart_from_a_bad_token(
    issuer: Any, reader: TokenReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its keys nobody can say; when it is back, all is well without a restart."""
    monkeypatch.setattr(jwks, "PAUSE_SECONDS", 0.0)
    issuer.down = True
    with pytest.raises(IdentityUnavailableError):
        reader.caller(issuer.token())
    issuer.down = False
    assert reader.caller(issuer.token()).name == "oidc:4f1c"
    issuer.down = True
    monkeypatch.setattr(jwks, "FRESH_SECONDS", 0.0)
    assert reader.caller(issuer.token()).name == "oidc:4f1c"


def test_a_secret_among_the_keys_is_none(issuer: Any, reader: TokenReader) -> None:
    """Nor is a key for another use; the others are used."""
    issuer.more = [
        OctKey.generate_key(256, {"kid": "shared"}).as_dict(),
        issuer.keys["one"].as_dict(private=False) | {"kid": "enc", "use": "enc"},
    ]
    assert reader.caller(issuer.token()).name == "oidc:4f1c"
    assert reader.keys.refresh() == 1


def test_a_token_opens_the_service(issuer: Any, guarded: Callable) -> None:
    """Over HTTP: it executes, sees its job, and is nobody's when it has ended."""
    with guarded(oidc_issuer=issuer.address, oidc_audience="vadose") as client:
        who = {"Authorization": f"Bearer {issuer.token()}"}
        body = {"inputs": {"stringInput": "here"}}
        made = client.post("/processes/echo/execution", json=body, headers=who | ASYNC)
        assert made.status_code == 201
        job = made.json()["jobID"]
        assert client.get(f"/jobs/{job}", headers=who).status_code == 200
        other = {"Authorization": f"Bearer {issuer.token(sub='another')}"}
        assert client.get(f"/jobs/{job}", headers=other).status_code == 404
        ended = {"Authorization": f"Bearer {issuer.token(exp=int(time.time()) - 3600)}"}
        answer = client.get(f"/jobs/{job}", headers=ended)
        assert answer.status_code == 401
        assert "ended" in answer.json()["detail"]
        without = {"Authorization": f"Bearer {issuer.token(roles=[])}"}
        assert client.get("/jobs", headers=without).status_code == 403


def test_an_issuer_that_is_away_is_503(issuer: Any, guarded: Callable) -> None:
    """With when to come back; keys of our own are good meanwhile."""
    issuer.down = True
    with guarded(oidc_issuer=issuer.address, oidc_audience="vadose") as client:
        who = {"Authorization": f"Bearer {issuer.token()}"}
        answer = client.get("/processes", headers=who)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert issuer.address not in ready.text
