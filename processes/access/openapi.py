"""How the API's document says that callers must tell who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from processes.access.rules import need_of

if TYPE_CHECKING:
    from pydantic import JsonValue

    from processes.settings import Settings

    type Json = dict[str, JsonValue]

_PROBLEMS: Json = {
    "401": "Nobody knows who asks.",
    "403": "Who asks may not do this.",
    "429": "Who asks does so too often, or for too much; `Retry-After` says when to come back.",
}
_RETRY_AFTER: Json = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}


def secure(document: Json, settings: Settings) -> None:
    """Add the security schemes to an OpenAPI document, and to each operation what it needs."""
    components = cast("Json", document["components"])
    components["securitySchemes"] = _schemes(settings)
    components["responses"] = cast("Json", components["responses"]) | _responses()
    anyhow: list[JsonValue] = [{name: []} for name in cast("Json", components["securitySchemes"])]
    document["security"] = anyhow
    for path, operations in cast("Json", document["paths"]).items():
        for method, operation in cast("Json", operations).items():
            if isinstance(operation, dict) and "responses" in operation:
                _secure_one(operation, method.upper(), path)


def _secure_one(operation: Json, method: str, path: str) -> None:
    if need_of(method, path).role is None:
        operation["security"] = []
        return
    for status in _PROBLEMS:
        found: JsonValue = {"$ref": f"#/components/responses/Access{status}"}
        cast("Json", operation["responses"]).setdefault(status, found)


def _schemes(settings: Settings) -> Json:
    schemes: Json = {
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key or a token."},
    }
    if settings.oidc_issuer is not None:
        issuer = str(settings.oidc_issuer).rstrip("/")
        address = f"{issuer}/.well-known/openid-configuration"
        schemes["oidc"] = {"type": "openIdConnect", "openIdConnectUrl": address}
    return schemes


def _responses() -> Json:
    content: Json = {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/exception"}}
    }
    return {
        f"Access{status}": {
            "description": description,
            "content": content,
            **({"headers": _RETRY_AFTER} if status == "429" else {}),
        }
        for status, description in _PROBLEMS.items()
    }
