"""What FastAPI's models object to in a request, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError

from processes.errors import InvalidRequestError
from processes.problems import answer_data

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_MOST = 5


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Answer a request that a part of the service on FastAPI does not understand."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    said = "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'][1:]) or 'body'}: {fault['msg']}"
        for fault in faults[:_MOST]
    )
    told = InvalidRequestError(said or "the request is not understood")
    return await answer_data(request, told)
