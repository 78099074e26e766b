"""JSON as clients send it, bounded: what is read here can be kept and answered again."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from processes.errors import InvalidRequestError

if TYPE_CHECKING:
    from pydantic import JsonValue

DEEPEST = 64
"""Deepest nesting; a multipolygon needs seven."""
MOST_DIGITS = 300
"""Most digits of a whole number."""


def read_json(content: bytes, name: str = "the body") -> JsonValue:
    """Read JSON that can be answered again: no infinite number, not too deep, real text.

    Parameters
    ----------
    content
        The text.
    name
        What it is called in messages.

    Raises
    ------
    InvalidRequestError
        Says what was wrong, and where.
    """
    try:
        document: JsonValue = json.loads(
            content, parse_constant=_refuse_constant, parse_int=_read_integer
        )
        _check(document)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequestError(f"{name} is no JSON ({where}); allowed: JSON") from None
    except UnicodeDecodeError:
        raise InvalidRequestError(f"{name} is no UTF-8 text; allowed: JSON") from None
    except RecursionError:
        raise InvalidRequestError(
            f"{name} is nested too deeply; allowed: {DEEPEST} levels"
        ) from None
    except _RefusedError as error:
        raise InvalidRequestError(f"{name} has {error}") from None
    return document


class _RefusedError(Exception):
    """What a document has and may not have."""


def _refuse_constant(constant: str) -> None:
    raise _RefusedError(f"{constant}, which JSON has not; allowed: numbers")


def _read_integer(text: str) -> int:
    # int() of a very long text is slow, and Python refuses it.
    if len(text) > MOST_DIGITS:
        raise _RefusedError(
            f"a number of {len(text)} digits; allowed: at most {MOST_DIGITS} digits"
        )
    return int(text)


def _check(document: JsonValue) -> None:
    """Walk a document without recursion and refuse what could not be written again."""
    waiting: list[tuple[JsonValue, int]] = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise RecursionError
        if isinstance(value, dict):
            waiting += [(name, depth) for name in value]
            waiting += [(member, depth + 1) for member in value.values()]
        elif isinstance(value, list):
            waiting += [(member, depth + 1) for member in value]
        elif isinstance(value, str):
            _check_text(value)
        elif isinstance(value, float) and not math.isfinite(value):
            raise _RefusedError("a number that is too large; allowed: up to 1.7e308")


def _check_text(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _RefusedError("half of a surrogate pair; allowed: whole characters") from None
