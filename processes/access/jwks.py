"""The public keys of an issuer of tokens: fetched when they are needed, and kept for a while.

A key that is not known is asked for again, at most every few seconds, so an issuer can change its
keys at any time. Where the issuer is away, keys that were fetched are trusted for some hours more.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from processes.errors import IdentityUnavailableError, UnauthenticatedError
from processes.start import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from joserfc.jwk import Key

LOGGER = logging.getLogger(__name__)

FRESH_SECONDS = 600.0
"""How long keys are used before they are asked for again."""
TRUSTED_SECONDS = 6 * 3600.0
"""How long keys are used while the issuer does not answer."""
PAUSE_SECONDS = 5.0
"""Least time between two questions."""
ANSWER_SECONDS = 5.0
"""Longest time of one question."""
MOST_BYTES = 1 << 20
"""Largest document of an issuer."""
_ASYMMETRIC = ("RSA", "EC", "OKP")
_DISCOVERY = "/.well-known/openid-configuration"


@dataclass(slots=True, kw_only=True)
class IssuerKeys:
    """The keys of one issuer."""

    issuer: str
    """Its address, without a slash at its end."""
    address: str | None = None
    """Where the keys are; None: as the issuer's discovery document says."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _keys: dict[str | None, Key] = field(default_factory=dict)
    _fetched: float | None = None
    _asked: float | None = None

    def find(self, key_id: str | None) -> Key:
        """Return a key by its identifier; without one, the only key that there is.

        Raises
        ------
        UnauthenticatedError
            Where there is no such key.
        IdentityUnavailableError
            Where the issuer cannot be asked, and was not lately.
        """
        self._renew(wait=self._among(self._keys, key_id) is None)
        if (found := self._among(self._keys, key_id)) is None:
            raise UnauthenticatedError("the token is signed by a key that is not the issuer's")
        return found

    def refresh(self) -> int:
        """Ask the issuer, unless that was just done; return how many keys can be used.

        Raises
        ------
        IdentityUnavailableError
            Where there is none.
        """
        self._renew(wait=False)
        return len(self._keys)

    def _renew(self, *, wait: bool) -> None:
        """Ask for keys that are wanted now, or are old; of those who can go on, one asks."""
        if wait or self._age() > FRESH_SECONDS:
            blocking = wait or self._age() > TRUSTED_SECONDS
            if self._lock.acquire(blocking=blocking):
                try:
                    self._ask()
                finally:
                    self._lock.release()
        if self._age() > TRUSTED_SECONDS:
            raise IdentityUnavailableError("the issuer of tokens does not answer")

    @staticmethod
    def _among(keys: Mapping[str | None, Key], key_id: str | None) -> Key | None:
        if key_id is not None:
            return keys.get(key_id)
        return next(iter(keys.values())) if len(keys) == 1 else None

    def _age(self) -> float:
        return float("inf") if self._fetched is None else time.monotonic() - self._fetched

    def _ask(self) -> None:
        now = time.monotonic()
        if self._asked is not None and now - self._asked < PAUSE_SECONDS:
            return
        self._asked = now
        try:
            address = self.address or self._discovered()
            self._keys = _usable(_document(address))
            self._fetched = time.monotonic()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, JoseError) as error:
            LOGGER.warning("the keys of the issuer %s cannot be had: %s", self.issuer, error)

    def _discovered(self) -> str:
        document = _document(self.issuer + _DISCOVERY)
        if str(document["issuer"]).rstrip("/") != self.issuer:
            raise ValueError(f"its discovery document is of {document['issuer']!r:.100}")
        address = str(document["jwks_uri"])
        if not address.startswith("https://") and not is_loopback(httpx.URL(address).host):
            raise ValueError("it names an address of its keys that is not safe")
        return address


def _document(address: str) -> dict[str, Any]:
    """Fetch a JSON object; no redirect is followed."""
    content = bytearray()
    here = is_loopback(httpx.URL(address).host)
    with (
        httpx.Client(timeout=ANSWER_SECONDS, trust_env=not here) as client,
        client.stream("GET", address, headers={"Accept": "application/json"}) as answer,
    ):
        if answer.status_code != 200:
            raise ValueError(f"{address} answered with status {answer.status_code}")
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > MOST_BYTES:
                raise ValueError(f"{address} is larger than {MOST_BYTES} bytes")
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError(f"{address} is no JSON object")  # noqa: TRY004  (of what was read)
    return document


def _usable(document: dict[str, Any]) -> dict[str | None, Key]:
    """Return the keys that may verify a signature: no shared secrets, none for other uses."""
    wanted = [
        one
        for one in document["keys"]
        if one.get("kty") in _ASYMMETRIC and one.get("use", "sig") == "sig"
    ]
    if not wanted:
        raise ValueError("it has no key that can verify a signature")
    keys = KeySet.import_key_set({"keys": wanted}).keys
    return {key.kid: key for key in keys}
