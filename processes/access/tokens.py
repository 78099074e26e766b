"""Tokens of an OpenID Connect issuer (JWT): verified by its public keys, never by what they say.

Only signatures with asymmetric keys are taken, whatever the token asks for; the key is one that
the issuer publishes, never one that the token brings or points to.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jws import JWSRegistry

from processes.access.callers import Caller, Role
from processes.access.jwks import IssuerKeys
from processes.errors import UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import JsonValue

    from processes.settings import Settings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""How tokens may be signed."""
LONGEST = 16_384
"""Characters of the longest token that is looked at."""
LEEWAY_SECONDS = 60
"""How far the clocks of issuer and service may be apart."""
_REGISTRY = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
"""Issuers may say more in the header than the standard knows, unless it is critical."""
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
_LONGEST_SUBJECT = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReader:
    """Reads the tokens of one issuer."""

    keys: IssuerKeys
    """The issuer's."""
    audience: str
    """What tokens for this service say as ``aud``."""
    roles_claim: str
    """The claim that lists roles; dots lead into it."""
    role_prefix: str
    """What precedes our roles there."""

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the reader of some settings; None without an issuer."""
        if settings.oidc_issuer is None:
            return None
        address = None if settings.oidc_jwks is None else str(settings.oidc_jwks)
        return cls(
            keys=IssuerKeys(issuer=str(settings.oidc_issuer).rstrip("/"), address=address),
            audience=settings.oidc_audience or "",
            roles_claim=settings.oidc_roles_claim,
            role_prefix=settings.oidc_role_prefix,
        )

    def caller(self, token: str) -> Caller:
        """Return whose a token is.

        Raises
        ------
        UnauthenticatedError
            Where it is forged, of another issuer or service, or has ended.
        IdentityUnavailableError
            Where the issuer's keys cannot be had.
        """
        header = _header(token)
        key = self.keys.find(_key_id(header))
        try:
            claims = jwt.decode(token, key, registry=_REGISTRY).claims
            self._registry().validate(claims)
        except ExpiredTokenError:
            raise UnauthenticatedError("the token has ended") from None
        except (JoseError, ValueError, TypeError) as error:
            raise UnauthenticatedError(f"the token is not valid ({_named(error)})") from None
        if str(claims["iss"]).rstrip("/") != self.keys.issuer:
            raise UnauthenticatedError("the token is of another issuer")
        return Caller(name=f"oidc:{_subject(claims)}", role=self._role(claims))

    def _registry(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True},
            sub={"essential": True},
            exp={"essential": True},
            aud={"essential": True, "value": self.audience},
        )

    def _role(self, claims: Mapping[str, JsonValue]) -> Role | None:
        """Return the highest of our roles that a token lists."""
        listed = (_without(self.role_prefix, name) for name in _names(claims, self.roles_claim))
        roles = (Role.named(name) for name in listed if name is not None)
        return max((role for role in roles if role is not None), default=None)


def _header(token: str) -> Mapping[str, JsonValue]:
    """Read what a token says of itself; nothing of it is believed but which key to look for."""
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != 3 or not token.isascii():
        raise UnauthenticatedError("what was sent is no API key and no token")
    try:
        padded = parts[0] + "=" * (-len(parts[0]) % 4)
        header = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise UnauthenticatedError("what was sent is no API key and no token") from None
    if not isinstance(header, dict):
        raise UnauthenticatedError("what was sent is no API key and no token")
    if str(header.get("typ", "JWT")).lower() not in _TYPES:
        raise UnauthenticatedError("the token is of another kind than one for access")
    if header.get("alg") not in ALGORITHMS:
        raise UnauthenticatedError("the token is not signed as it has to be")
    return header


def _key_id(header: Mapping[str, JsonValue]) -> str | None:
    key_id = header.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise UnauthenticatedError("the token names no key as it should")
    return key_id


def _subject(claims: Mapping[str, JsonValue]) -> str:
    subject = str(claims["sub"])
    if not subject or len(subject) > _LONGEST_SUBJECT or not subject.isprintable():
        raise UnauthenticatedError("the token names nobody as it should")
    return subject


def _names(claims: Mapping[str, JsonValue], path: str) -> Iterable[str]:
    """Return the roles that a claim lists: an array, or a text with spaces between them."""
    value: JsonValue = dict(claims)
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, str):
        return value.split()
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else ()


def _without(prefix: str, name: str) -> str | None:
    return name.removeprefix(prefix) if name.startswith(prefix) else None


def _named(error: Exception) -> str:
    """Say what was wrong in the library's short word for it."""
    claim = getattr(error, "claim", None)
    return f"its {claim}" if claim else "its signature or its form"
