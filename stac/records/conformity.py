"""What the OGC's own schemas object to in a record, without a network."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema.protocols import Validator

_SCHEMAS = files("stac") / "schemas" / "ogcapi-records" / "v1.0"
_GEOMETRY = (
    "https://schemas.opengis.net/ogcapi/features/part1/1.0/openapi/schemas/geometryGeoJSON.yaml"
)
_ANY_GEOMETRY = {"type": "object", "required": ["type", "coordinates"]}
_LONGEST = 300
"""Characters of a complaint that are shown."""


def record_faults(record: Mapping[str, Any]) -> Iterator[str]:
    """Give what OGC API - Records objects to in a record that is encoded as GeoJSON."""
    for fault in _validator().iter_errors(record):
        yield f"OGC API - Records: {fault.json_path}: {fault.message[:_LONGEST]}"


@cache
def _validator() -> Validator:
    contents = {_GEOMETRY: _ANY_GEOMETRY} | {
        path.name: _in_json_schema(yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in _SCHEMAS.iterdir()
    }
    registry = Registry().with_resources(
        (name, DRAFT202012.create_resource(schema)) for name, schema in contents.items()
    )
    return Draft202012Validator({"$ref": "recordGeoJSON.yaml"}, registry=registry)


def _in_json_schema(schema: Any) -> Any:
    """Return a schema of OpenAPI 3.0 as JSON Schema: what is nullable there is null here."""
    if isinstance(schema, list):
        return [_in_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema == {"type": "object", "nullable": True}:
        return {"type": "null"}
    return {name: _in_json_schema(part) for name, part in schema.items()}
