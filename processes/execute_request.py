"""The body of an execution request: read, bounded, and checked around the inputs."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from processes.errors import (
    InvalidRequestError,
    RequestTooLargeError,
    UnsupportedMediaTypeError,
)
from processes.jobs.model import Delivery, Response, Transmission
from processes.validation import read_inputs, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue
    from starlette.requests import Request

    from processes.definitions import Output, Process

DEEPEST = 64
"""Deepest nesting of a body; a multipolygon needs seven."""
MOST_DIGITS = 300
"""Most digits of a whole number."""

_MEMBERS = ("inputs", "outputs", "response")
_OF_OUTPUT = ("transmissionMode", "format")
_RESPONSES = ("document", "raw")
_TRANSMISSIONS = ("value", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequest:
    """What a client asks of a process, valid."""

    inputs: Mapping[str, JsonValue]
    """Inputs as they were sent."""
    delivery: Delivery
    """How the results are wanted."""


async def read_body(request: Request, limit: int) -> bytes:
    """Read a JSON body up to a limit.

    Raises
    ------
    UnsupportedMediaTypeError
        Where the request says that it is something else.
    RequestTooLargeError
        Beyond the limit; the rest is not read.
    """
    media_type = request.headers.get("content-type", "application/json")
    kind = media_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaTypeError(media_type)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise RequestTooLargeError(limit)
    return bytes(body)


def read_request(process: Process, body: bytes) -> ExecuteRequest:
    """Read an execution request.

    Raises
    ------
    InvalidRequestError
        Where something around the inputs is wrong.
    InvalidInputsError
        Where inputs break the process's description.
    """
    document = read_json(body)
    if not isinstance(document, dict):
        raise InvalidRequestError('the body is no JSON object; allowed: {"inputs": {…}}')
    if "subscriber" in document:
        raise InvalidRequestError("subscriber: callbacks are not offered; allowed: to leave it out")
    _refuse_unknown("", document, _MEMBERS)
    response = document.get("response", "raw")
    if response not in _RESPONSES:
        raise InvalidRequestError(f"response: {shown(response)}; allowed: {_listed(_RESPONSES)}")
    outputs = _outputs(process, document.get("outputs", {}))
    inputs = document.get("inputs", {})
    read_inputs(process.inputs, inputs)
    return ExecuteRequest(
        inputs=cast("dict[str, JsonValue]", inputs),
        delivery=Delivery(response=cast("Response", response), outputs=outputs),
    )


def read_json(body: bytes) -> JsonValue:
    """Read JSON that can be answered again: no infinite number, not too deep, real text."""
    try:
        document: JsonValue = json.loads(
            body, parse_constant=_refuse_constant, parse_int=_read_integer
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequestError(
            f"the body is no JSON ({where}); allowed: a JSON object"
        ) from None
    except UnicodeDecodeError:
        raise InvalidRequestError("the body is no UTF-8 text; allowed: a JSON object") from None
    except RecursionError:
        raise _too_deep() from None
    _check(document)
    return document


def _refuse_constant(constant: str) -> None:
    raise InvalidRequestError(f"the body is no JSON, which has no {constant}; allowed: numbers")


def _read_integer(text: str) -> int:
    # int() of a very long text is slow, and Python refuses it.
    if len(text) > MOST_DIGITS:
        raise InvalidRequestError(
            f"a number of {len(text)} digits; allowed: at most {MOST_DIGITS} digits"
        )
    return int(text)


def _check(document: JsonValue) -> None:
    """Walk a document without recursion and refuse what could not be written again."""
    waiting: list[tuple[JsonValue, int]] = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise _too_deep()
        if isinstance(value, dict):
            waiting += [(name, depth) for name in value]
            waiting += [(member, depth + 1) for member in value.values()]
        elif isinstance(value, list):
            waiting += [(member, depth + 1) for member in value]
        elif isinstance(value, str):
            _check_text(value)
        elif isinstance(value, float) and not math.isfinite(value):
            raise InvalidRequestError("a number is too large; allowed: up to 1.7e308")


def _check_text(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(
            "a text has half of a surrogate pair; allowed: whole characters"
        ) from None


def _too_deep() -> InvalidRequestError:
    return InvalidRequestError(f"the body is nested too deeply; allowed: {DEEPEST} levels")


def _outputs(process: Process, asked: JsonValue) -> dict[str, Transmission]:
    """Read which outputs a request asks for, and how."""
    if not isinstance(asked, dict):
        raise InvalidRequestError(
            f"outputs: {shown(asked)}; allowed: an object with {_listed(process.outputs)}"
        )
    for name in asked:
        if name not in process.outputs:
            raise InvalidRequestError(
                f"outputs.{name:.60}: no such output; allowed: {_listed(process.outputs)}"
            )
    return {name: _transmission(name, process.outputs[name], how) for name, how in asked.items()}


def _transmission(name: str, output: Output, how: JsonValue) -> Transmission:
    if not isinstance(how, dict):
        allowed = 'an object such as {"transmissionMode": "value"}'
        raise InvalidRequestError(f"outputs.{name}: {shown(how)}; allowed: {allowed}")
    _refuse_unknown(f"outputs.{name}.", how, _OF_OUTPUT)
    wanted = how.get("format", {})
    media_type = wanted.get("mediaType", output.written_as) if isinstance(wanted, dict) else wanted
    if media_type != output.written_as:
        at = f"outputs.{name}.format.mediaType"
        raise InvalidRequestError(f"{at}: {shown(media_type)}; allowed: {output.written_as}")
    mode = how.get("transmissionMode", "value")
    if mode not in _TRANSMISSIONS:
        at = f"outputs.{name}.transmissionMode"
        raise InvalidRequestError(f"{at}: {shown(mode)}; allowed: {_listed(_TRANSMISSIONS)}")
    return cast("Transmission", mode)


def _refuse_unknown(where: str, given: Mapping[str, JsonValue], known: tuple[str, ...]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        names = ", ".join(f"{where}{name:.60}" for name in unknown[:5])
        raise InvalidRequestError(f"unknown member {names}; allowed: {', '.join(known)}")


def _listed(names: Mapping[str, object] | tuple[str, ...]) -> str:
    return ", ".join(names)
