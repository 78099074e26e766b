"""Which route answers: by path, by method, and by whether a reader wants a page or data."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from processes.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    type Handler = Callable[[Request], Response | Awaitable[Response]]

FORMATS = ("json", "html")


class Resource(Route):
    """One path with all of its methods; the others are refused here.

    Were they not, the path would be offered to pygeoapi's routes, which lie behind.

    Parameters
    ----------
    path
        The path.
    handlers
        Who answers, by method.
    pages
        Whether readers of HTML are left to pygeoapi's pages.
    """

    def __init__(self, path: str, *, pages: bool = False, **handlers: Handler) -> None:
        self._handlers = handlers | ({"HEAD": handlers["GET"]} if "GET" in handlers else {})
        self._pages = pages
        super().__init__(path, self._answer)
        self.methods = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a path whatever the method, except a ``GET`` that asks for HTML."""
        reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if self._pages and reads and wants_html(scope):
            return Match.NONE, {}
        return super().matches(scope)

    async def _answer(self, request: Request) -> Response:
        handler = self._handlers.get(request.method)
        if handler is None:
            allowed = ", ".join(sorted(self._handlers))
            detail = f"{request.method:.20} is not offered here; allowed: {allowed}"
            raise HTTPException(405, detail, headers={"Allow": allowed})
        if self._pages and "GET" in self._handlers:
            _check_format(request)
        if inspect.iscoroutinefunction(handler):
            answered: Response = await handler(request)
            return answered
        return await run_in_threadpool(handler, request)  # type: ignore[arg-type]


def wants_html(scope: Scope) -> bool:
    """Whether a request says ``f=html`` or, like a browser, names HTML before JSON."""
    wanted = QueryParams(scope["query_string"]).get("f")
    if wanted is not None:
        return wanted == "html"
    accept = Headers(scope=scope).get("accept", "")
    return accept.lower().startswith(("text/html", "application/xhtml+xml"))


def _check_format(request: Request) -> None:
    wanted = request.query_params.get("f", "json")
    if wanted not in FORMATS:
        raise InvalidRequestError(f"f: {wanted:.20}; allowed: {', '.join(FORMATS)}")
