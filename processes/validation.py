"""From the inputs of a request to the model of a process, or to what was wrong with them.

An input comes as a plain value or as a qualified one, ``{"value": …, "mediaType": …}``. What is
valid as it stands is taken so; only then is a qualified value looked into, since an input may
itself be an object with a member ``value``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeGuard

from pydantic import BaseModel, JsonValue, ValidationError

from engine.errors import InputError
from processes.description import media_type_of
from processes.errors import InvalidInputsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

JSON_TYPE = "application/json"
MOST_PROBLEMS = 20
"""Most problems that are told at once; a megabyte of them would make twenty of the answer."""
LONGEST_NAME = 120
"""Characters of an input's name that are repeated; what it belongs to is at its beginning."""
_QUALIFIERS: Mapping[str, tuple[type, str]] = {
    "mediaType": (str, "a text"),
    "encoding": (str, "a text"),
    "format": (dict, "an object"),
    "schema": (object, "anything"),
}
"""Members beside ``value``: what they are in Python, and in words."""
_LINK = frozenset({"href", "rel", "type", "hreflang", "title", "format"})
_ALLOWED = {
    "bool_type": "true or false",
    "dict_type": "a JSON object",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a JSON array",
    "model_type": "a JSON object",
    "string_type": "a text",
    "tuple_type": "a JSON array",
}
"""What pydantic's kinds of error allow, in the words of JSON."""


def read_inputs[M: BaseModel](model: type[M], values: object) -> M:
    """Validate the inputs of a process.

    Raises
    ------
    InvalidInputsError
        Names every input at fault, what was wrong and what is allowed.
    """
    values = _checked(values)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        at_fault = _at_fault(error)
        plain = {
            name: _plain(model, name, value) if name in at_fault else value
            for name, value in values.items()
        }
        if plain == values:
            raise InvalidInputsError(_problems(model, error)) from None
    _refuse_null(plain)
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        raise InvalidInputsError(_problems(model, error)) from None


def find_references(model: type[BaseModel], values: object) -> dict[str, Mapping[str, JsonValue]]:
    """Return the inputs in whose place a link stands: those that are not valid as they are.

    Raises
    ------
    InvalidInputsError
        Where the inputs are no object, or one is null.
    """
    values = _checked(values)
    try:
        model.model_validate(values)
    except ValidationError as error:
        at_fault = _at_fault(error) & set(model.model_fields)
        return {n: value for n, value in values.items() if n in at_fault and _is_link(value)}
    return {}


def shown(value: object) -> str:
    """Return the beginning of a value for messages: a text in quotes, the rest as JSON.

    >>> shown(None), shown("rf"), shown([1, "a", True])
    ('null', "'rf'", '[1, "a", true]')
    """
    if isinstance(value, str):
        return f"'{value:.60}'"
    return f"{json.dumps(value, ensure_ascii=False, default=str):.60}"


def check_format(
    model: type[BaseModel], name: str, value: Mapping[str, JsonValue], member: str
) -> None:
    """Refuse a qualified value or a link that says another format than the input's.

    Parameters
    ----------
    model, name
        The input.
    value
        What stands in the place of its value.
    member
        Where that tells its media type, unless in its member ``format``.
    """
    inner = value.get("format")
    given = inner.get("mediaType") if isinstance(inner, dict) else value.get(member)
    expected = media_type_of(model, name)
    if given is None or expected is None or given == expected:
        return
    if given == JSON_TYPE and expected.endswith("+json"):
        return
    at = f"{name}.format.mediaType" if isinstance(inner, dict) else f"{name}.{member}"
    raise InvalidInputsError([InputError(at, shown(given), expected)])


def _checked(values: object) -> dict[str, JsonValue]:
    if not isinstance(values, dict):
        raise InvalidInputsError([InputError("inputs", shown(values), "a JSON object")])
    _refuse_null(values)
    return values


def _at_fault(error: ValidationError) -> set[str]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return {str(details["loc"][0]) for details in found if details["loc"]}


def _is_link(value: object) -> TypeGuard[Mapping[str, JsonValue]]:
    return isinstance(value, dict) and "href" in value and set(value) <= _LINK


def _refuse_null(values: Mapping[str, JsonValue]) -> None:
    """Refuse null, which pydantic takes for an input that was left out."""
    absent = [name for name, value in values.items() if value is None]
    if absent:
        allowed = "a value, or to leave the input out"
        told = [InputError(f"{n:.{LONGEST_NAME}}", "null", allowed) for n in absent[:MOST_PROBLEMS]]
        raise InvalidInputsError(told)


def _plain(model: type[BaseModel], name: str, value: JsonValue) -> JsonValue:
    """Return what a qualified value qualifies, and other values as they are."""
    if not isinstance(value, dict) or name not in model.model_fields:
        return value
    if _is_link(value):
        allowed = "the value itself, in the request"
        raise InvalidInputsError([InputError(name, "it is given by reference", allowed)])
    if "value" not in value or not set(value) <= {"value", *_QUALIFIERS}:
        return value
    _check_qualifiers(name, value)
    check_format(model, name, value, "mediaType")
    return value["value"]


def _check_qualifiers(name: str, value: Mapping[str, JsonValue]) -> None:
    problems = [
        InputError(f"{name}.{member}", shown(value[member]), allowed)
        for member, (kind, allowed) in _QUALIFIERS.items()
        if member in value and not isinstance(value[member], kind)
    ]
    if problems:
        raise InvalidInputsError(problems)


def _problems(model: type[BaseModel], error: ValidationError) -> list[InputError]:
    found = error.errors(include_url=False)
    told = [_problem(model, details) for details in found[:MOST_PROBLEMS]]
    if len(found) > len(told):
        wrong = f"{len(found) - len(told)} more problems"
        told.append(InputError("inputs", wrong, "what the description says"))
    return told


def _problem(model: type[BaseModel], details: ErrorDetails) -> InputError:
    """Say in our words what pydantic found."""
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return cause
    field = f"{'.'.join(str(part) for part in details['loc']):.{LONGEST_NAME}}" or "inputs"
    name = str(details["loc"][0]) if details["loc"] else ""
    if details["type"] == "extra_forbidden":
        return InputError(field, "there is no such input", ", ".join(model.model_fields))
    if details["type"] == "missing":
        known = model.model_fields.get(name)
        return InputError(field, "it is required", (known and known.description) or "a value")
    said = details["msg"].removeprefix("Input should be ").removeprefix("String should ")
    return InputError(field, shown(details["input"]), _ALLOWED.get(details["type"], said))
