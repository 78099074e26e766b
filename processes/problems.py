"""From errors to HTTP: the one table, and RFC 7807 bodies."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from processes.errors import (
    AlreadyDismissedError,
    ForbiddenError,
    IdentityUnavailableError,
    InvalidInputsError,
    InvalidRequestError,
    NoResultsError,
    NoSuchJobError,
    NoSuchOutputError,
    NoSuchProcessError,
    QueueFullError,
    RequestTooLargeError,
    ResultsNotReadyError,
    StoreUnavailableError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnsupportedMediaTypeError,
)
from processes.negotiation import wants_html
from processes.pages.rendering import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue
    from starlette.requests import Request
    from starlette.responses import Response

    from engine.errors import VadoseError

LOGGER = logging.getLogger(__name__)

_OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
_PLAIN = "about:blank"
PROBLEM = "application/problem+json"

_TABLE: Mapping[type[VadoseError], tuple[HTTPStatus, str, str]] = {
    InvalidInputsError: (HTTPStatus.BAD_REQUEST, _PLAIN, "Invalid inputs"),
    InvalidRequestError: (HTTPStatus.BAD_REQUEST, _PLAIN, "Invalid request"),
    RequestTooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _PLAIN, "Request too large"),
    UnsupportedMediaTypeError: (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        _PLAIN,
        "Media type not supported",
    ),
    UnauthenticatedError: (HTTPStatus.UNAUTHORIZED, _PLAIN, "Not authenticated"),
    ForbiddenError: (HTTPStatus.FORBIDDEN, _PLAIN, "Not allowed"),
    TooManyRequestsError: (HTTPStatus.TOO_MANY_REQUESTS, _PLAIN, "Too many requests"),
    IdentityUnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, _PLAIN, "Sign-in not available"),
    NoSuchProcessError: (HTTPStatus.NOT_FOUND, f"{_OGC}/no-such-process", "No such process"),
    NoSuchJobError: (HTTPStatus.NOT_FOUND, f"{_OGC}/no-such-job", "No such job"),
    NoSuchOutputError: (HTTPStatus.NOT_FOUND, _PLAIN, "No such output"),
    AlreadyDismissedError: (HTTPStatus.GONE, _PLAIN, "Job already dismissed"),
    ResultsNotReadyError: (HTTPStatus.NOT_FOUND, f"{_OGC}/result-not-ready", "Results not ready"),
    QueueFullError: (HTTPStatus.SERVICE_UNAVAILABLE, _PLAIN, "Queue full"),
    StoreUnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, _PLAIN, "Jobs not available"),
}
"""Status, type and title of every error that may reach a client over HTTP."""

_RETRY_SECONDS: Mapping[type[Exception], str] = {
    QueueFullError: "30",
    StoreUnavailableError: "5",
    IdentityUnavailableError: "5",
}
"""After how long it may be worth trying again."""


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer a request that ended in an error.

    Execution requests get ``application/json``, as the OGC test suite demands, readers of HTML a
    page, all others ``application/problem+json``. What we do not know is logged, and the client
    sees no internals.
    """
    status, _, title, detail = _explain(request, error)
    _log_unknown(request, error)
    on_execution = request.url.path.endswith("/execution")
    if not on_execution and wants_html(request):
        shown = {"title": title, "detail": detail}
        return render(request, "problem.html", status=status, headers=_headers(error), **shown)
    return _problem(request, error, "application/json" if on_execution else PROBLEM)


async def answer_data(request: Request, error: Exception) -> Response:
    """Answer with data whatever the reader likes, for a part of the service without pages."""
    _log_unknown(request, error)
    return _problem(request, error, PROBLEM)


def _problem(request: Request, error: Exception, media_type: str) -> Response:
    status, kind, title, detail = _explain(request, error)
    said: dict[str, JsonValue] = {"type": kind, "title": title, "status": int(status)}
    return JSONResponse(
        said | {"detail": detail} | _by_input(error),
        status_code=status,
        headers=_headers(error),
        media_type=media_type,
    )


def _log_unknown(request: Request, error: Exception) -> None:
    if not isinstance(error, (*_TABLE, NoResultsError, HTTPException)):
        LOGGER.error("%s %s failed", request.method, request.url.path, exc_info=error)


def _by_input(error: Exception) -> dict[str, JsonValue]:
    """Return what was wrong with each input, for whoever shows it beside its field."""
    if not isinstance(error, InvalidInputsError):
        return {}
    return {
        "errors": [
            {"input": one.field, "detail": f"{one.wrong}; allowed: {one.allowed}"}
            for one in error.problems
        ]
    }


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, UnauthenticatedError):
        return {"WWW-Authenticate": 'Bearer realm="vadose"'}
    if isinstance(error, ForbiddenError):
        challenge = 'Bearer realm="vadose", error="insufficient_scope"'
        return {"WWW-Authenticate": challenge}
    if isinstance(error, TooManyRequestsError):
        return {"Retry-After": str(error.seconds)}
    for known, seconds in _RETRY_SECONDS.items():
        if isinstance(error, known):
            return {"Retry-After": seconds}
    return dict(getattr(error, "headers", None) or {})


def _explain(request: Request, error: Exception) -> tuple[HTTPStatus, str, str, str]:
    for known, (status, kind, title) in _TABLE.items():
        if isinstance(error, known):
            return status, kind, title, str(error)
    if isinstance(error, NoResultsError):
        status = HTTPStatus.BAD_REQUEST if error.by_client else HTTPStatus.INTERNAL_SERVER_ERROR
        status = HTTPStatus.GONE if error.status == "dismissed" else status
        return status, _PLAIN, "Job without results", str(error)
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return status, _PLAIN, status.phrase, _detail(request, error)
    internal = HTTPStatus.INTERNAL_SERVER_ERROR
    return internal, _PLAIN, internal.phrase, "the service failed; its log says why"


def _detail(request: Request, error: HTTPException) -> str:
    """Return why a request was refused, also where the one who refused it gave no reason."""
    if error.detail != HTTPStatus(error.status_code).phrase:
        return error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        return "there is nothing at this address; allowed: what /openapi names"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = dict(error.headers or {}).get("Allow", "another method")
        return f"{request.method:.20} is not offered here; allowed: {allowed}"
    return error.detail
