"""What a browser may do with our answers: take them for what they say they are, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Scripts, styles, pictures and requests of our own origin; nothing inline, no foreign frame."""

PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Of what may hold scripts although it is no page: none of them runs."""

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_PAGES = ("text/html", "application/xhtml+xml")
_SCRIPTABLE = ("image/svg+xml", "application/xml", "text/xml")
_TRANSPORT = "max-age=31536000; includeSubDomains"


class PageSecurity:
    """Middleware that gives every answer its policy, whoever made it.

    Parameters
    ----------
    app
        What answers.
    encrypted
        Whether the service's public address is one by https: then browsers are told to use no
        other.
    """

    def __init__(self, app: ASGIApp, *, encrypted: bool = False) -> None:
        self._application = app
        self._always = _ALWAYS | ({"Strict-Transport-Security": _TRANSPORT} if encrypted else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._always.items():
                    headers.setdefault(name, value)
                media_type = headers.get("content-type", "")
                if media_type.startswith(_PAGES):
                    headers.setdefault("Content-Security-Policy", POLICY)
                elif media_type.startswith(_SCRIPTABLE):
                    headers.setdefault("Content-Security-Policy", PICTURE_POLICY)
            await send(message)

        await self._application(scope, receive, send_secured)
