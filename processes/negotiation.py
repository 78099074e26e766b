"""Which route answers: by path, by method, and by whether a reader wants a page or data."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    type Handler = Callable[[Request], Response | Awaitable[Response]]

_HTML = ("text/html", "application/xhtml+xml")


class Resource(Route):
    """One path with all of its methods; the others are refused here, in our words.

    Parameters
    ----------
    path
        The path.
    page
        Reads the query of a ``GET`` of a path that has a page too; raises where the query is
        wrong.
    html
        Answers readers of HTML, where ``page`` is given.
    handlers
        Who answers, by method.
    """

    def __init__(
        self,
        path: str,
        *,
        page: Callable[[QueryParams], object] | None = None,
        html: Handler | None = None,
        **handlers: Handler,
    ) -> None:
        self._handlers = handlers | ({"HEAD": handlers["GET"]} if "GET" in handlers else {})
        self._page, self._html = page, html
        super().__init__(path, self._answer)
        self.methods = None

    async def _answer(self, request: Request) -> Response:
        if self._page is not None and request.method in ("GET", "HEAD"):
            self._page(request.query_params)
        handler = self._handler(request)
        if inspect.iscoroutinefunction(handler):
            response: Response = await handler(request)
        else:
            response = await run_in_threadpool(handler, request)  # type: ignore[arg-type]
        if self._page is not None:
            response.headers.append("Vary", "Accept")
        return response

    def _handler(self, request: Request) -> Handler:
        handler = self._handlers.get(request.method)
        if handler is None:
            allowed = ", ".join(sorted(self._handlers))
            detail = f"{request.method:.20} is not offered here; allowed: {allowed}"
            raise HTTPException(405, detail, headers={"Allow": allowed})
        if self._html is not None and handler is self._handlers.get("GET") and wants_html(request):
            return self._html
        return handler


def wants_html(request: Request) -> bool:
    """Whether a request says ``f=html`` or, like a browser, names HTML before JSON."""
    if "f" in request.query_params:
        return request.query_params["f"] == "html"
    return request.headers.get("accept", "").lower().startswith(_HTML)
