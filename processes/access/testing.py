"""What tests of access control need: an issuer of tokens, with real keys behind real HTTP."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joserfc.jwk import Key

AUDIENCE = "vadose"


class Issuer:
    """An OpenID Connect issuer on loopback: discovery document, keys, and tokens."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {"one": RSAKey.generate_key(2048, {"kid": "one"})}
        self.more: list[dict[str, Any]] = []
        """Further members of the key set, as they are."""
        self.down = False
        self.asked = 0
        self.address = ""

    def token(
        self, *, key: str = "one", header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """Return a token that is good, but for what is said otherwise; None leaves a claim out."""
        now = int(time.time())
        said = {
            "iss": self.address,
            "sub": "4f1c",
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 300,
            "roles": ["vadose-executor"],
        } | claims
        signed = self.keys[key]
        algorithm = "ES256" if signed.key_type == "EC" else "RS256"
        head = {"alg": algorithm, "kid": key, "typ": "JWT"} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        said = {name: value for name, value in said.items() if value is not None}
        registry = JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
        return jwt.encode(head, said, signed, registry=registry)

    def rotate(self) -> str:
        """Put another key, of another kind, in the place of all."""
        name = f"key-{len(self.keys)}"
        self.keys = {name: ECKey.generate_key("P-256", {"kid": name})}
        return name

    def answer(self, path: str) -> dict[str, Any] | None:
        """Return the document at a path, or None where there is none."""
        if self.down:
            return None
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.address, "jwks_uri": f"{self.address}/keys"}
        public = [key.as_dict(private=False) for key in self.keys.values()]
        return {"keys": [*self.more, *public]} if path == "/keys" else None

    @contextmanager
    def serving(self) -> Iterator[Issuer]:
        """Answer on loopback."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                document = issuer.answer(self.path)
                self.send_response(503 if document is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(document or {}).encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.address = f"http://127.0.0.1:{server.server_port}"
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield self
            server.shutdown()
