"""Inputs by reference: where a link stands for a value, what lies there is the value.

It is fetched when the request comes, once, through the guard, and from then on it is as if the
client had sent it: bounded like a body, validated like a value, and kept with the job.
"""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from engine.errors import InputError
from processes.description import describe_inputs
from processes.errors import InvalidInputsError, OutgoingError
from processes.strict_json import read_json
from processes.validation import check_format, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel, JsonValue

    from processes.outgoing import Fetched, Outgoing

type Link = Mapping[str, JsonValue]


async def fetch_references(
    model: type[BaseModel], links: Mapping[str, Link], outgoing: Outgoing, limit: int
) -> dict[str, JsonValue]:
    """Return the values to which links lead, by input.

    Parameters
    ----------
    model
        Model of the process's inputs.
    links
        The links that stand in the place of values, by input.
    outgoing
        Fetches through the guard.
    limit
        Largest value, bytes.

    Raises
    ------
    InvalidInputsError, InvalidRequestError
        Names the input, and what was wrong with the link or with what lies there.
    """
    values = await asyncio.gather(
        *(_fetch(model, name, link, outgoing, limit) for name, link in links.items())
    )
    return dict(zip(links, values, strict=True))


async def _fetch(
    model: type[BaseModel], name: str, link: Link, outgoing: Outgoing, limit: int
) -> JsonValue:
    href = link["href"]
    if not isinstance(href, str):
        raise _problem(name, shown(href), "the address of a value")
    kind = link.get("type", "")
    if not isinstance(kind, str):
        raise InvalidInputsError([InputError(f"{name}.type", shown(kind), "a text")])
    check_format(model, name, link, "type")
    try:
        fetched = await outgoing.get(href, limit)
    except OutgoingError as error:
        raise _problem(name, error.wrong, error.allowed) from None
    # A megabyte of JSON takes a moment, in which others are answered.
    return await run_in_threadpool(_read, model, name, kind.lower(), fetched)


def _read(model: type[BaseModel], name: str, said: str, fetched: Fetched) -> JsonValue:
    """Read what was fetched as what the input takes: a file, a text, or JSON."""
    schema = _schema(model, name)
    if schema.get("contentEncoding") == "binary":
        return base64.b64encode(fetched.content).decode()
    is_json = (said or fetched.media_type).endswith("json")
    if is_json or not _takes_text(schema):
        return read_json(fetched.content, f"{name}.href: what lies there")
    try:
        return fetched.content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise _problem(name, "it is no UTF-8 text", "a text") from None


def _takes_text(schema: Mapping[str, JsonValue]) -> bool:
    """Whether a text will do, alone or as one of several kinds of value."""
    alternatives = schema.get("oneOf")
    kinds = [schema, *(alternatives if isinstance(alternatives, list) else [])]
    return any(isinstance(kind, dict) and kind.get("type") == "string" for kind in kinds)


def _schema(model: type[BaseModel], name: str) -> Mapping[str, JsonValue]:
    described = describe_inputs(model)[name]
    schema = described["schema"] if isinstance(described, dict) else {}
    return schema if isinstance(schema, dict) else {}


def _problem(name: str, wrong: str, allowed: str) -> InvalidInputsError:
    return InvalidInputsError([InputError(f"{name}.href", wrong, allowed)])
