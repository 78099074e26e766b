"""From pydantic models to process descriptions of OGC API - Processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel, JsonValue


def describe_inputs(model: type[BaseModel]) -> dict[str, JsonValue]:
    """Return the ``inputs`` of a process description.

    Title and description of each field become the input's; what is left of its JSON Schema,
    with local references inlined and without ``null`` (an input is left out rather than null),
    becomes the input's schema.
    """
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return {
        name: _describe_input(inline_references(prop, schema.get("$defs", {})), name in required)
        for name, prop in schema["properties"].items()
    }


def media_type_of(model: type[BaseModel], name: str) -> str | None:
    """Return the media type that the value of an input must have, if it has one."""
    described = describe_inputs(model)[name]
    schema = described["schema"] if isinstance(described, dict) else {}
    found = schema.get("contentMediaType") if isinstance(schema, dict) else None
    return found if isinstance(found, str) else None


def inline_references(
    schema: Mapping[str, JsonValue], definitions: Mapping[str, Mapping[str, JsonValue]]
) -> dict[str, JsonValue]:
    """Replace every ``$ref`` to a local definition by the definition.

    >>> inline_references({"items": {"$ref": "#/$defs/a"}}, {"a": {"type": "string"}})
    {'items': {'type': 'string'}}
    """

    def inline(value: JsonValue) -> JsonValue:
        if isinstance(value, list):
            return [inline(item) for item in value]
        if not isinstance(value, dict):
            return value
        own = {key: inline(item) for key, item in value.items() if key != "$ref"}
        if "const" in own:
            # The OGC schemas are OpenAPI 3.0's, which has no const.
            own["enum"] = [own.pop("const")]
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return own
        target = inline(dict(definitions[reference.rpartition("/")[2]]))
        return {**target, **own} if isinstance(target, dict) else target

    inlined = inline(dict(schema))
    return inlined if isinstance(inlined, dict) else {}


def _describe_input(schema: dict[str, JsonValue], required: bool) -> dict[str, JsonValue]:
    schema = _without_null(schema)
    title, description = schema.pop("title", ""), schema.pop("description", "")
    return {
        "title": title,
        "description": description,
        "schema": schema,
        "minOccurs": 1 if required else 0,
        "maxOccurs": 1,
    }


def _without_null(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if schema.get("default", "") is None:
        schema = {key: value for key, value in schema.items() if key != "default"}
    options = schema.get("anyOf")
    if not isinstance(options, list):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    kept = [option for option in options if option != {"type": "null"}]
    if len(kept) == 1 and isinstance(kept[0], dict):
        return {**kept[0], **rest}
    return {**rest, "anyOf": kept}
