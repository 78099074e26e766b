"""From the description of a process to the fields of a form.

A field has a kind, which the template draws and ``static/fields.js`` reads. A schema that no
kind fits becomes a box for JSON, so every process has a form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import JsonValue

    from processes.definitions import Process

    type Schema = Mapping[str, JsonValue]

type Kind = Literal[
    "text", "number", "choice", "flag", "months", "box", "list", "mixed", "file", "geojson", "json"
]

MONTHS = "month-interval"
"""Format of a text that names months, such as ``2020-05/2020-07``."""
MOST_SHOWN = 4
"""Choices that are shown side by side; more of them go into a list."""
_BOX = "ogc-bbox"
_GEOJSON = "application/geo+json"
_SCALARS: Mapping[str, Kind] = {
    "string": "text",
    "number": "number",
    "integer": "number",
    "boolean": "flag",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input as a part of a form."""

    name: str
    """Identifier of the input."""
    title: str
    """Its short name."""
    description: str
    """What it means, and what is allowed."""
    required: bool
    """Whether a request must have it."""
    kind: Kind
    """How it is asked for."""
    schema: Schema
    """What a value looks like."""
    choices: tuple[str, ...] = ()
    """Values to choose from, or to suggest."""

    @property
    def default(self) -> JsonValue:
        """What an input means that is left out, if that is a plain value."""
        return self.schema.get("default")

    @property
    def example(self) -> str:
        """A value as one would type it."""
        example = self.schema.get("example", "")
        return ", ".join(map(str, example)) if isinstance(example, list) else str(example)

    @property
    def grouped(self) -> bool:
        """Whether it has several controls, which share a name."""
        few = self.kind == "choice" and len(self.choices) <= MOST_SHOWN
        return few or self.kind in ("months", "box", "file")

    @property
    def hint(self) -> str:
        """What this form adds to the description: how to write the value here."""
        if self.kind == "months":
            return "Without a last month, the first one alone."
        if self.kind == "number" and {"minimum", "maximum"} <= set(self.schema):
            return f"From {self.schema['minimum']} to {self.schema['maximum']}."
        kinds = [kind_of(one) for one in _alternatives(self.schema)]
        return "Several are separated by commas." if "list" in (self.kind, *kinds) else ""


def form_fields(process: Process) -> tuple[Field, ...]:
    """Return the fields of the form that executes a process, in the order of its inputs."""
    inputs = cast("Mapping[str, Schema]", process.describe()["inputs"])
    return tuple(_field(name, described) for name, described in inputs.items())


def kind_of(schema: Schema) -> Kind:
    """Return how a value is asked for.

    >>> kind_of({"type": "number", "minimum": 0})
    'number'
    >>> kind_of({"oneOf": [{"type": "string"}, {"type": "number"}]})
    'mixed'
    >>> kind_of({"type": "array", "items": {"type": "object"}})
    'json'
    """
    return _special(schema) or _composed(schema) or _SCALARS.get(str(schema.get("type")), "json")


_OF_LISTS: Sequence[Kind] = ("text", "number", "choice")
_OF_MIXED: Sequence[Kind] = (*_OF_LISTS, "list")


def _special(schema: Schema) -> Kind | None:
    """Return the kind of a value that is more than its type, or None."""
    if "enum" in schema:
        return "choice"
    if schema.get("format") == MONTHS:
        return "months"
    if _is_box(schema):
        return "box"
    if schema.get("contentEncoding") in ("binary", "base64"):
        return "file"
    return "geojson" if schema.get("contentMediaType") == _GEOJSON else None


def _composed(schema: Schema) -> Kind | None:
    """Return the kind of a value with parts or alternatives, or None."""
    alternatives = _alternatives(schema)
    if alternatives:
        return "mixed" if all(kind_of(one) in _OF_MIXED for one in alternatives) else "json"
    if schema.get("type") == "array":
        return "list" if kind_of(_items(schema)) in _OF_LISTS else "json"
    return None


def _field(name: str, described: Schema) -> Field:
    schema = cast("Schema", described["schema"])
    return Field(
        name=name,
        title=str(described["title"]) or name,
        description=str(described["description"]),
        required=bool(described["minOccurs"]),
        kind=kind_of(schema),
        schema=schema,
        choices=_choices(schema),
    )


def _choices(schema: Schema) -> tuple[str, ...]:
    """Return the named values of a schema, of its members, or of its alternatives."""
    named = schema.get("enum")
    if isinstance(named, list):
        return tuple(str(value) for value in named)
    inner = [*_alternatives(schema), *([_items(schema)] if schema.get("type") == "array" else [])]
    return tuple(choice for one in inner for choice in _choices(one))


def _is_box(schema: Schema) -> bool:
    """Whether a schema is the OGC's box, or an array of four numbers."""
    parts = cast("Sequence[Schema]", schema.get("allOf") or ())
    if any(part.get("format") == _BOX for part in (schema, *parts)):
        return True
    four = schema.get("minItems") == schema.get("maxItems") == 4
    return four and _items(schema).get("type") == "number"


def _alternatives(schema: Schema) -> Sequence[Schema]:
    return cast("Sequence[Schema]", schema.get("oneOf") or schema.get("anyOf") or ())


def _items(schema: Schema) -> Schema:
    return cast("Schema", schema.get("items") or {})
