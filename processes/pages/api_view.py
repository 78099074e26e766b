"""The API as its page shows it: the OpenAPI document, flat and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from processes.openapi import openapi_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import JsonValue

    type Document = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A parameter, or a member of a body."""

    name: str
    """Its name."""
    place: str
    """Where it stands: ``path``, ``query``, ``header`` or ``body``."""
    required: bool
    """Whether a request must have it."""
    type: str
    """What a value looks like."""
    description: str
    """What it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What may come back."""

    status: str
    """The HTTP status, or ``default``."""
    description: str
    """What it means."""
    media_types: tuple[str, ...]
    """In which forms it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    id: str
    """Its identifier."""
    method: str
    """The method, in capitals."""
    path: str
    """The path."""
    summary: str
    """What it is for, in a few words."""
    description: str
    """What it does; may be empty."""
    members: tuple[Member, ...]
    """What a request says."""
    answers: tuple[Answer, ...]
    """What comes back."""

    @property
    def opens(self) -> bool:
        """Whether a link can show it: it only reads, and its path is fixed."""
        return self.method == "GET" and "{" not in self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A page that tells more."""

    address: str
    """Its address below that of the service, without a slash at its beginning."""
    title: str
    """What it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Operations that belong together."""

    name: str
    """What they are about."""
    description: str
    """The same, in a sentence."""
    operations: tuple[Operation, ...]
    """The operations; none where something else describes them."""
    elsewhere: Elsewhere | None
    """Where that is."""


def view_api(document: Document | None = None) -> tuple[Group, ...]:
    """Return all operations of an API by their tags; without a document, of the service."""
    return _View(document or cast("Document", openapi_document(""))).groups()


def type_in_words(schema: Document) -> str:
    """Write what a schema allows.

    >>> type_in_words({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}})
    'list of a | b'
    >>> type_in_words({"anyOf": [{"type": "number"}, {"type": "object"}]})
    'number or object'
    >>> type_in_words({"type": "integer", "minimum": 1, "default": 10})
    'integer from 1, by default 10'
    """
    default = f", by default {schema['default']}" if "default" in schema else ""
    return f"{_bare_type(schema)}{default}"


def _bare_type(schema: Document) -> str:
    choices = schema.get("enum")
    if isinstance(choices, list):
        return " | ".join(map(str, choices))
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(alternatives, list):
        words = [_bare_type(cast("Document", one)) for one in alternatives]
        return " or ".join(dict.fromkeys(words))
    if schema.get("type") == "array":
        return f"list of {_bare_type(cast('Document', schema.get('items') or {}))}"
    bounds = [f"{word} {schema[key]}" for word, key in _BOUNDS if key in schema]
    return " ".join([str(schema.get("type", "any value")), *bounds])


_BOUNDS = (("from", "minimum"), ("to", "maximum"))
_UNTAGGED = "core"
"""Tag of operations that have none."""


def _elsewhere(told: JsonValue) -> Elsewhere | None:
    if not isinstance(told, dict):
        return None
    address = str(told["url"]).removeprefix("/")
    return Elsewhere(address=address, title=str(told["description"]))


class _View:
    """Reads a document whose references are all local."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def groups(self) -> tuple[Group, ...]:
        found = list(self._operations())
        named = [{"name": name, "description": ""} for name in dict.fromkeys(n for n, _ in found)]
        tags = cast("Sequence[Document]", self._document.get("tags", named))
        return tuple(
            Group(
                name=str(tag["name"]),
                description=str(tag["description"]),
                operations=tuple(one for name, one in found if name == tag["name"]),
                elsewhere=_elsewhere(tag.get("externalDocs")),
            )
            for tag in tags
        )

    def _operations(self) -> Iterator[tuple[str, Operation]]:
        paths = cast("Mapping[str, Document]", self._document["paths"])
        for path, item in paths.items():
            shared = cast("list[JsonValue]", item.get("parameters", []))
            for method, operation in item.items():
                if method != "parameters":
                    described = cast("Document", operation)
                    tag = str(cast("list[JsonValue]", described.get("tags", [_UNTAGGED]))[0])
                    yield tag, self._operation(method, path, described, shared)

    def _operation(
        self, method: str, path: str, operation: Document, shared: list[JsonValue]
    ) -> Operation:
        own = cast("list[JsonValue]", operation.get("parameters", []))
        parameters = [self._parameter(self._resolved(one)) for one in (*shared, *own)]
        responses = cast("Document", operation["responses"])
        return Operation(
            id=str(operation["operationId"]),
            method=method.upper(),
            path=path,
            summary=str(operation["summary"]),
            description=str(operation.get("description", "")),
            members=(*parameters, *self._body(operation)),
            answers=tuple(self._answer(status, one) for status, one in responses.items()),
        )

    def _parameter(self, parameter: Document) -> Member:
        return Member(
            name=str(parameter["name"]),
            place=str(parameter["in"]),
            required=bool(parameter.get("required", False)),
            type=type_in_words(self._resolved(parameter["schema"])),
            description=str(parameter.get("description", "")),
        )

    def _body(self, operation: Document) -> Iterator[Member]:
        """Give the members of a body; inputs one by one."""
        if "requestBody" not in operation:
            return
        content = cast(
            "Mapping[str, Document]", self._resolved(operation["requestBody"])["content"]
        )
        schema = self._resolved(next(iter(content.values()))["schema"])
        for name, one in self._properties(schema):
            if name != "inputs":
                yield self._member(name, one, schema)
                continue
            inputs = self._resolved(one)
            for inner, value in self._properties(inputs):
                yield self._member(f"inputs.{inner}", value, inputs)

    def _member(self, name: str, value: JsonValue, parent: Document) -> Member:
        schema = self._resolved(value)
        required = cast("list[JsonValue]", parent.get("required", []))
        return Member(
            name=name,
            place="body",
            required=name.rpartition(".")[2] in required,
            type=type_in_words(self._plain(schema)),
            description=str(schema.get("description", "")),
        )

    def _plain(self, schema: Document) -> Document:
        """Return the first form of an input: the value itself, before its qualified forms."""
        forms = schema.get("anyOf")
        return self._resolved(forms[0]) if isinstance(forms, list) else schema

    def _answer(self, status: str, answer: JsonValue) -> Answer:
        response = self._resolved(answer)
        content = cast("Document", response.get("content", {}))
        return Answer(
            status=status,
            description=str(response["description"]),
            media_types=tuple(content),
        )

    def _properties(self, schema: Document) -> Iterator[tuple[str, JsonValue]]:
        yield from cast("Document", schema.get("properties", {})).items()

    def _resolved(self, value: JsonValue) -> Document:
        document = cast("Document", value)
        reference = document.get("$ref")
        if not isinstance(reference, str):
            return document
        found: JsonValue = cast("JsonValue", self._document)
        for step in reference.removeprefix("#/").split("/"):
            found = cast("Document", found)[step]
        return cast("Document", found)
