"""The body of an execution request: read, bounded, and checked around the inputs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

from processes.errors import (
    InvalidRequestError,
    RefusedAddressError,
    RequestTooLargeError,
    UnreachableError,
    UnsupportedMediaTypeError,
)
from processes.jobs.model import Delivery, Response, Subscriber, Transmission
from processes.strict_json import read_json
from processes.validation import find_references, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel, JsonValue
    from starlette.requests import Request

    from processes.definitions import Output, Process
    from processes.outgoing import Outgoing

_MEMBERS = ("inputs", "outputs", "response", "subscriber")
_OF_OUTPUT = ("transmissionMode", "format")
_RESPONSES = ("document", "raw")
_TRANSMISSIONS = ("value", "reference")
_SUCCESS, _MISSPELT = "successUri", "successUrl"
"""The standard's schema demands the second where it describes the first; either is taken."""
_SUBSCRIBER = {_SUCCESS: "success", "inProgressUri": "in_progress", "failedUri": "failed"}
"""Members of a subscriber, and what they are in the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequest:
    """What a client asks of a process; its inputs are still to be validated."""

    inputs: Mapping[str, JsonValue]
    """Inputs as they were sent."""
    references: Mapping[str, Mapping[str, JsonValue]]
    """Those of them that are links in the place of values."""
    delivery: Delivery
    """How the results are wanted."""
    subscriber: Subscriber | None
    """Who wants to be told of the job."""


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
        Where the inputs are not even an object of values.
    """
    document = read_json(body)
    if not isinstance(document, dict):
        raise InvalidRequestError('the body is no JSON object; allowed: {"inputs": {…}}')
    _refuse_unknown("", document, _MEMBERS)
    response = document.get("response", "raw")
    if response not in _RESPONSES:
        raise InvalidRequestError(f"response: {shown(response)}; allowed: {_listed(_RESPONSES)}")
    outputs = _outputs(process, document.get("outputs", {}))
    subscriber = _subscriber(document["subscriber"]) if "subscriber" in document else None
    inputs = document.get("inputs", {})
    references = find_references(process.inputs, inputs)
    return ExecuteRequest(
        inputs=cast("dict[str, JsonValue]", inputs),
        references=references,
        delivery=Delivery(response=cast("Response", response), outputs=outputs),
        subscriber=subscriber,
    )


async def check_subscriber(subscriber: Subscriber, outgoing: Outgoing) -> None:
    """Refuse a subscriber whose addresses the service would not go to.

    A host that nobody can look up at present may be there when the job has ended.

    Raises
    ------
    InvalidRequestError
        Names the member, what was wrong and what is allowed.
    """
    for member, name in _SUBSCRIBER.items():
        address: str | None = getattr(subscriber, name)
        try:
            if address is not None:
                await outgoing.check(address)
        except RefusedAddressError as error:
            raise InvalidRequestError(f"subscriber.{member}: {error}") from None
        except UnreachableError:
            continue


def request_hash(
    process: Process,
    inputs: BaseModel,
    delivery: Delivery,
    subscriber: Subscriber | None,
    owner: str | None = None,
) -> str:
    """Return what requests have in common that one job can answer.

    It covers all that a client could tell the difference of: the process and its version, the
    inputs as they are meant (their order, and defaults written out, make none), the form of the
    results, who is told, and whose the job is.
    """
    told = None if subscriber is None else asdict(subscriber)
    meant = inputs.model_dump(mode="json")
    document = [process.id, process.version, meant, asdict(delivery), told, owner]
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _subscriber(value: JsonValue) -> Subscriber:
    """Read who wants to be told, and where; where that is, is checked later."""
    if not isinstance(value, dict):
        allowed = f"an object with {_listed(tuple(_SUBSCRIBER))}"
        raise InvalidRequestError(f"subscriber: {shown(value)}; allowed: {allowed}")
    _refuse_unknown("subscriber.", value, (*_SUBSCRIBER, _MISSPELT))
    for member, address in value.items():
        if not isinstance(address, str):
            raise InvalidRequestError(f"subscriber.{member}: {shown(address)}; allowed: an address")
    given = cast("dict[str, str]", value)
    success = given.get(_SUCCESS, given.get(_MISSPELT))
    if success is None:
        raise InvalidRequestError(f"subscriber.{_SUCCESS}: it is required; allowed: an address")
    told = {name: given[member] for member, name in _SUBSCRIBER.items() if member in given}
    return Subscriber(**told | {"success": success})


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
