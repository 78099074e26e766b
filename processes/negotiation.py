"""Which route answers: by path, by method, and by whether a reader wants a page or data."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    type Handler = Callable[[Request], Response | Awaitable[Response]]


class Resource(Route):
    """One path with all of its methods; the others are refused here.

    Were they not, the path would be offered to pygeoapi's routes, which lie behind.

    Parameters
    ----------
    path
        The path.
    page
        Reads the query of a ``GET``, where readers of HTML get pygeoapi's page of the same path;
        raises where the query is wrong.
    handlers
        Who answers, by method.
    """

    def __init__(
        self,
        path: str,
        *,
        page: Callable[[QueryParams], object] | None = None,
        **handlers: Handler,
    ) -> None:
        self._handlers = handlers | ({"HEAD": handlers["GET"]} if "GET" in handlers else {})
        self._page = page
        super().__init__(path, self._answer)
        self.methods = None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let pygeoapi answer with a page."""
        if self._page is not None and scope["method"] in ("GET", "HEAD"):
            query = QueryParams(scope["query_string"])
            self._page(query)
            if _wants_html(query, Headers(scope=scope)):
                await scope["app"].state.pages(scope, receive, send)
                return
        await super().handle(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        handler = self._handlers.get(request.method)
        if handler is None:
            allowed = ", ".join(sorted(self._handlers))
            detail = f"{request.method:.20} is not offered here; allowed: {allowed}"
            raise HTTPException(405, detail, headers={"Allow": allowed})
        if inspect.iscoroutinefunction(handler):
            answered: Response = await handler(request)
            return answered
        return await run_in_threadpool(handler, request)  # type: ignore[arg-type]


def _wants_html(query: QueryParams, headers: Headers) -> bool:
    """Whether a request says ``f=html`` or, like a browser, names HTML before JSON."""
    if "f" in query:
        return query["f"] == "html"
    return headers.get("accept", "").lower().startswith(("text/html", "application/xhtml+xml"))
