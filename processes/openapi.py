"""The service's own OpenAPI document: each process with its inputs, nothing from elsewhere."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, cast

import yaml

from processes.access.openapi import secure
from processes.definitions import JSON, PROCESSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import JsonValue

    from processes.definitions import Output, Process
    from processes.settings import Settings

type Json = dict[str, JsonValue]

OPENAPI_TYPE = "application/vnd.oai.openapi+json;version=3.0"
"""Media type of the document."""

_TEMPLATE = Path(__file__).with_name("openapi.yaml")
_NOT_OPENAPI = ("contentMediaType", "contentEncoding", "contentSchema")
"""Keywords of process descriptions that OpenAPI 3.0 does not know."""
_TEXT: Json = {"schema": {"type": "string"}}
_FILE: Json = {"schema": {"type": "string", "format": "binary"}}


def openapi_document(base: str, settings: Settings | None = None) -> Json:
    """Return the OpenAPI document of the service at some address.

    Parameters
    ----------
    base
        Address of the service, without a slash at its end.
    settings
        Say whether callers must tell who they are; without them they need not.
    """
    document = deepcopy(_document()) | {"servers": [{"url": base}]}
    for tag in cast("list[dict[str, Json]]", document["tags"]):
        if "externalDocs" in tag:
            tag["externalDocs"]["url"] = f"{base}{tag['externalDocs']['url']}"
    if settings is not None and settings.access:
        secure(document, settings)
    return document


@cache
def _document() -> Json:
    document: Json = yaml.safe_load(_TEMPLATE.read_text(encoding="utf-8"))
    cast("Json", document["info"])["version"] = version("vadose")
    paths = cast("Json", document["paths"])
    schemas = cast("Json", cast("Json", document["components"])["schemas"])
    for process in PROCESSES.values():
        paths[f"/processes/{process.id}"] = {"get": _description(process)}
        paths[f"/processes/{process.id}/execution"] = {"post": _execution(process)}
        schemas[f"{process.id}-inputs"] = _inputs(process)
        schemas[f"{process.id}-execute"] = _execute(process)
        schemas[f"{process.id}-results"] = _results(process)
    return document


def _description(process: Process) -> Json:
    content: Json = {JSON: {"schema": _local("schemas/process")}, "text/html": _TEXT}
    problem = _local("responses/Problem")
    return {
        "operationId": f"describe-{process.id}",
        "summary": f"{process.title}: description",
        "tags": ["processes"],
        "parameters": [_local("parameters/f")],
        "responses": {
            "200": {"description": "The description.", "content": content},
            "400": problem,
            "default": problem,
        },
    }


def _execution(process: Process) -> Json:
    problem = _local("responses/ExecutionProblem")
    problems: Json = dict.fromkeys(("400", "413", "415", "default"), problem)
    at_once: Json = {
        "200": {"description": "The results.", "content": _forms(process)},
        "204": _local("responses/References"),
        "410": problem,
        "500": problem,
    }
    return {
        "operationId": f"execute-{process.id}",
        "summary": process.title,
        "description": process.description,
        "tags": ["processes"],
        "parameters": [_local("parameters/Prefer"), _local("parameters/CacheControl")],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": _local(f"schemas/{process.id}-execute")}},
        },
        "responses": {
            **(at_once if process.synchronous else {}),
            "201": _local("responses/Job"),
            "503": _local("responses/Busy"),
            **problems,
        },
        "callbacks": _callbacks(process),
    }


def _callbacks(process: Process) -> Json:
    """Return what the service posts to the subscriber of a request."""
    news = {
        "successUri": ("Results of a job", f"schemas/{process.id}-results"),
        "inProgressUri": ("Status of a job that was started", "schemas/statusInfo"),
        "failedUri": ("Status of a job that ended without results", "schemas/statusInfo"),
    }
    return {
        member: {f"{{$request.body#/subscriber/{member}}}": {"post": _callback(title, schema)}}
        for member, (title, schema) in news.items()
    }


def _callback(title: str, schema: str) -> Json:
    headers = ("Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Content-Digest")
    return {
        "summary": title,
        "parameters": [{"name": name, "in": "header", **_TEXT} for name in headers],
        "requestBody": {"required": True, "content": {JSON: {"schema": _local(schema)}}},
        "responses": {"2XX": _local("responses/Told")},
    }


def _forms(process: Process) -> Json:
    """Return what results look like by media type: as a document, as parts, or one as it is."""
    outputs = process.outputs.values()
    plain: list[JsonValue] = [
        _schema(output.schema) for output in outputs if output.written_as == JSON
    ]
    files: Json = {output.written_as: _FILE for output in outputs if output.written_as != JSON}
    document = _local(f"schemas/{process.id}-results")
    return {
        JSON: {"schema": {"anyOf": [document, *plain]}},
        "text/plain": {"schema": {"type": "string"}},
        "multipart/related": _FILE,
        **files,
    }


def _inputs(process: Process) -> Json:
    described = cast("Mapping[str, Json]", process.describe()["inputs"])
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _input(one) for name, one in described.items()},
        **_required(name for name, one in described.items() if one["minOccurs"]),
    }


def _required(names: Iterable[str]) -> Json:
    """Return the keyword, which OpenAPI 3.0 forbids where nothing is required."""
    required: list[JsonValue] = list(names)
    return {"required": required} if required else {}


def _input(described: Json) -> Json:
    """Return the schema of an input: the value, the value with its format, or a link to it."""
    schema = cast("Json", described["schema"])
    value = _schema(schema)
    qualified: Json = {
        "type": "object",
        "required": ["value"],
        "additionalProperties": False,
        "properties": {
            "value": value,
            "mediaType": {"type": "string"},
            "encoding": {"type": "string"},
            "schema": {},
            "format": {"type": "object"},
        },
    }
    forms: list[JsonValue] = [value, qualified, _local("schemas/reference")]
    return {"title": described["title"], "description": described["description"], "anyOf": forms}


def _execute(process: Process) -> Json:
    outputs: Json = {name: _wanted(output) for name, output in process.outputs.items()}
    # A process whose inputs are all optional can be executed without any.
    needs_inputs = "required" in _inputs(process)
    return {
        "type": "object",
        **_required(["inputs"] if needs_inputs else []),
        "additionalProperties": False,
        "properties": {
            "inputs": _local(f"schemas/{process.id}-inputs"),
            "outputs": {
                "type": "object",
                "description": "Outputs to hand over; all by default.",
                "additionalProperties": False,
                "properties": outputs,
            },
            "response": _local("schemas/response"),
            "subscriber": _local("schemas/subscriber"),
        },
    }


def _wanted(output: Output) -> Json:
    media_type: Json = {"type": "string", "enum": [output.written_as]}
    return {
        "type": "object",
        "title": output.title,
        "description": output.description,
        "additionalProperties": False,
        "properties": {
            "transmissionMode": {
                "type": "string",
                "enum": ["value", "reference"],
                "default": "value",
            },
            "format": {"type": "object", "properties": {"mediaType": media_type}},
        },
    }


def _results(process: Process) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _result(output) for name, output in process.outputs.items()},
    }


def _result(output: Output) -> Json:
    """Return what an output is in a results document: a value, qualified or not, or a link."""
    value = _schema(output.schema)
    text: Json = {"type": "string"}
    qualified: Json = {
        "type": "object",
        "required": ["value", "mediaType"],
        "properties": {"value": value, "mediaType": text, "encoding": text},
    }
    forms: list[JsonValue] = [value, qualified, _local("schemas/link")]
    return {"title": output.title, "description": output.description, "anyOf": forms}


def _schema(schema: Mapping[str, JsonValue]) -> Json:
    """Return a schema of a process description with the keywords that OpenAPI 3.0 knows."""
    kept = {name: _value(value) for name, value in schema.items() if name not in _NOT_OPENAPI}
    if schema.get("contentEncoding") == "binary":
        kept["format"] = "byte"
    return kept


def _value(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_value(one) for one in value]
    return _schema(value) if isinstance(value, dict) else value


def _local(name: str) -> Json:
    return {"$ref": f"#/components/{name}"}
