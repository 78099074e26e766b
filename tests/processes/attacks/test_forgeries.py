"""Tokens that are not what they say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry

from processes.testing_attacks import ECHO

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from processes.access.testing import Issuer


def encoded(part: object) -> str:
    text = json.dumps(part).encode() if not isinstance(part, bytes) else part
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def decoded(token: str, part: int) -> dict[str, Any]:
    text = token.split(".")[part]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def changed(issuer: Issuer, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a good token with another header or other claims under the same signature."""
    token = issuer.token()
    head, body = decoded(token, 0) | (header or {}), decoded(token, 1) | claims
    return f"{encoded(head)}.{encoded(body)}.{token.split('.')[2]}"


def signed_by_another(issuer: Issuer, **header: Any) -> str:
    """Return a token that another key has signed, in the name of the issuer's."""
    other = RSAKey.generate_key(2048)
    public = other.as_dict(private=False)
    told = {name: public if value == "mine" else value for name, value in header.items()}
    head = {"alg": "RS256", "kid": "one", "typ": "JWT", **told}
    return jwt.encode(head, decoded(issuer.token(), 1), other, algorithms=["RS256"])


def signed_with_the_public_key(issuer: Issuer) -> str:
    """Return a token signed by HMAC with the issuer's public key as if it were a secret."""
    pem = issuer.keys["one"].as_pem(private=False)
    head = encoded({"alg": "HS256", "kid": "one", "typ": "JWT"})
    content = f"{head}.{encoded(decoded(issuer.token(), 1))}"
    signature = hmac.new(pem, content.encode(), hashlib.sha256).digest()
    return f"{content}.{encoded(signature)}"


def really_signed(issuer: Issuer, **header: Any) -> str:
    """Return a token that the issuer's key has signed, with a header that its library refuses."""
    head = encoded({"alg": "RS256", "kid": "one", "typ": "JWT", **header})
    content = f"{head}.{encoded(decoded(issuer.token(), 1))}"
    sign = JWSRegistry.algorithms["RS256"].sign
    return f"{content}.{encoded(sign(content.encode(), issuer.keys['one']))}"


def unsigned(issuer: Issuer, algorithm: str) -> str:
    head = encoded({"alg": algorithm, "kid": "one", "typ": "JWT"})
    return f"{head}.{encoded(decoded(issuer.token(), 1))}."


def by_shared_secret(issuer: Issuer) -> str:
    head = {"alg": "HS256", "kid": "one"}
    secret = OctKey.import_key("secret" * 8)
    return jwt.encode(head, decoded(issuer.token(), 1), secret, algorithms=["HS256"])


NOW = int(time.time())
FORGERIES: dict[str, Callable[[Issuer], str]] = {
    "alg none": lambda i: unsigned(i, "none"),
    "alg NoNe": lambda i: unsigned(i, "NoNe"),
    "alg empty": lambda i: unsigned(i, ""),
    "no signature": lambda i: unsigned(i, "RS256"),
    "public key as secret": signed_with_the_public_key,
    "shared secret": by_shared_secret,
    "another key": signed_by_another,
    "key in the header": lambda i: signed_by_another(i, jwk="mine"),
    "address of keys in the header": lambda i: signed_by_another(i, jku="http://127.0.0.1:1/k"),
    "certificate in the header": lambda i: signed_by_another(i, x5c=["MIIB"]),
    "unknown kid": lambda i: signed_by_another(i, kid="two"),
    "kid as path": lambda i: changed(i, {"kid": "../../../../dev/null"}),
    "kid as SQL": lambda i: changed(i, {"kid": "x' UNION SELECT 'y"}),
    "kid as list": lambda i: changed(i, {"kid": ["one"]}),
    "header as list": lambda i: f"{encoded([1])}.{i.token().partition('.')[2]}",
    "header nested": lambda _: f"{encoded(b'[' * 9000)}.e30.e30",
    "crit": lambda i: really_signed(i, crit=["exp"], exp=NOW + 300),
    "critical encoding": lambda i: really_signed(i, crit=["b64"], b64=False),
    "unencoded payload": lambda i: changed(i, {"b64": False, "crit": ["b64"]}),
    "algorithm of another kind": lambda i: changed(i, {"alg": "ES256"}),
    "logout token": lambda i: i.token(header={"typ": "logout+jwt"}),
    "another subject": lambda i: changed(i, sub="alice"),
    "another role": lambda i: changed(i, roles=["vadose-admin"]),
    "ended": lambda i: i.token(exp=NOW - 3600),
    "without end": lambda i: i.token(exp=None),
    "end as text": lambda i: i.token(exp="never"),
    "not yet": lambda i: i.token(nbf=NOW + 3600),
    "issued in the future": lambda i: i.token(iat=NOW + 3600),
    "another audience": lambda i: i.token(aud="other"),
    "audiences without ours": lambda i: i.token(aud=["other", "vadose2"]),
    "without audience": lambda i: i.token(aud=None),
    "another issuer": lambda i: i.token(iss="https://evil.example.org"),
    "issuer with more": lambda i: i.token(iss=i.address + ".evil.example.org"),
    "without issuer": lambda i: i.token(iss=None),
    "issuers as list": lambda i: i.token(iss=[i.address]),
    "without subject": lambda i: i.token(sub=None),
    "empty subject": lambda i: i.token(sub=""),
    "subject with a line break": lambda i: i.token(sub="a\nb"),
    "subject as number": lambda i: i.token(sub=1),
    "five parts": lambda i: i.token() + ".a.b",
    "two parts": lambda i: i.token().rpartition(".")[0],
    "nothing but dots": lambda _: "..",
    "a key that is none": lambda _: "vdk_.",
    "very long": lambda i: i.token(more="x" * 20_000),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_is_nobodys(guarded: httpx.Client, issuer: Issuer, name: str) -> None:
    """Neither to read nor to execute; a good one is somebody's."""
    good = {"Authorization": f"Bearer {issuer.token()}"}
    assert guarded.get("/jobs", headers=good).status_code == 200
    forged = {"Authorization": f"Bearer {FORGERIES[name](issuer)}"}
    answer = guarded.get("/jobs", headers=forged)
    assert answer.status_code in (400, 401)
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    made = guarded.post(ECHO, json={"inputs": {"stringInput": "x"}}, headers=forged)
    assert made.status_code in (400, 401)


@pytest.mark.parametrize(
    "roles", [["admin"], "vadose-", {"vadose-admin": True}, ["VADOSE-ADMIN"], [["vadose-admin"]], 1]
)
def test_roles_are_those_that_are_written_so(
    guarded: httpx.Client, issuer: Issuer, roles: object
) -> None:
    """Whatever looks like one gives none."""
    who = {"Authorization": f"Bearer {issuer.token(roles=roles)}"}
    assert guarded.get("/jobs", headers=who).status_code == 403
