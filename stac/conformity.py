"""What STAC's own schemas and those of its extensions object to, without a network."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema.validators import validator_for
from pystac.stac_object import STACObjectType
from pystac.validation.schema_uri_map import DefaultSchemaUriMap
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from referencing import Registry, Resource

from stac.extensions import Extension, schemas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema.protocols import Validator

    type Document = Mapping[str, Any]

VERSION = "1.1.0"
"""Of STAC."""

_TYPES = {
    "Catalog": STACObjectType.CATALOG,
    "Collection": STACObjectType.COLLECTION,
    "Feature": STACObjectType.ITEM,
}
_LONGEST = 300
"""Characters of a complaint that are shown."""


def schema_faults(document: Mapping[str, Any]) -> Iterator[str]:
    """Give what the schemas object to in a document: the core's, and its extensions'."""
    kind = _TYPES.get(str(document.get("type", "")))
    if kind is None or document.get("stac_version") != VERSION:
        yield f"no STAC {VERSION} document"
        return
    yield from _faults("STAC", str(_core().get_object_schema_uri(kind, VERSION)), document)
    for extension in document.get("stac_extensions", []):
        if extension in set(Extension):
            yield from _faults(extension, extension, document)
        else:
            yield f"extension {extension} is not one that vadose writes"


def schema(address: str) -> Document:
    """Return a schema of STAC, or of an extension in use, by its address."""
    found: Document = _registry().contents(address)
    return found


def _faults(name: str, address: str, document: Mapping[str, Any]) -> Iterator[str]:
    for fault in _validator(address).iter_errors(document):
        yield f"{name}: {fault.json_path}: {fault.message[:_LONGEST]}"


@cache
def _core() -> DefaultSchemaUriMap:
    return DefaultSchemaUriMap()


@cache
def _registry() -> Registry[Any]:
    """Return every schema; none is fetched that is not here."""
    known = {**JsonSchemaSTACValidator().schema_cache, **schemas()}
    return Registry().with_resources(
        (address, Resource.from_contents(schema)) for address, schema in known.items()
    )


@cache
def _validator(address: str) -> Validator:
    found = schema(address)
    return validator_for(found)(found, registry=_registry())
