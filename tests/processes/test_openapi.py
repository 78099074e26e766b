"""The service's OpenAPI document: valid offline, true to the routes, linked from the landing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from processes.definitions import PROCESSES
from processes.openapi import OPENAPI_TYPE, openapi_document

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

DOCUMENT = openapi_document("http://localhost:5000")


def test_the_document_is_valid_and_needs_nothing_from_elsewhere() -> None:
    """An independent validator finds no error, and every reference is local."""
    assert list(OpenAPIV30SpecValidator(DOCUMENT).iter_errors()) == []
    text = json.dumps(DOCUMENT)
    assert text.count('"$ref": ') == text.count('"$ref": "#/components/')


@pytest.mark.parametrize("process_id", PROCESSES)
def test_each_process_has_its_own_inputs_and_outputs(process_id: str) -> None:
    """Every input and output is in the schemas of the execution; nothing else is allowed."""
    described = PROCESSES[process_id].describe()
    schemas = DOCUMENT["components"]["schemas"]  # type: ignore[index,call-overload]
    inputs = schemas[f"{process_id}-inputs"]
    assert set(inputs["properties"]) == set(described["inputs"])  # type: ignore[arg-type]
    assert inputs["additionalProperties"] is False
    wanted = schemas[f"{process_id}-execute"]["properties"]["outputs"]["properties"]
    results = schemas[f"{process_id}-results"]["properties"]
    assert set(wanted) == set(results) == set(described["outputs"])  # type: ignore[arg-type]


def test_every_documented_method_is_offered_and_no_other(client: httpx.Client) -> None:
    """What is not documented is 405, with what is allowed, as a problem."""
    fill = {"{jobID}": "x", "{outputID}": "x"}
    for path, item in DOCUMENT["paths"].items():  # type: ignore[union-attr]
        if path == "/conformance":
            continue
        address = path
        for name, value in fill.items():
            address = address.replace(name, value)
        for method in ("get", "post", "put", "patch", "delete"):
            reply = client.request(method, address)
            assert (reply.status_code != 405) == (method in item), (method, address)
            if reply.status_code == 405:
                assert reply.json()["status"] == 405
                assert "allowed: " in reply.json()["detail"]
                assert reply.headers["Allow"]


def test_the_document_is_served_and_linked(client: httpx.Client, obeys: Callable) -> None:
    """The landing page leads to it by ``service-desc``; it names the service's own address."""
    landing = client.get("/").json()
    obeys("landingPage.yaml", landing)
    (link,) = [link for link in landing["links"] if link["rel"] == "service-desc"]
    reply = client.get(link["href"])
    assert reply.headers["Content-Type"] == link["type"] == OPENAPI_TYPE
    assert reply.json()["servers"] == [{"url": str(client.base_url).rstrip("/")}]


def test_conformance_claims_what_is_true(client: httpx.Client, obeys: Callable) -> None:
    """Every class of Part 1."""
    document = client.get("/conformance").json()
    obeys("confClasses.yaml", document)
    base = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
    claimed = {uri.removeprefix(base) for uri in document["conformsTo"] if uri.startswith(base)}
    described = {"core", "ogc-process-description", "json", "html", "oas30"}
    assert claimed == described | {"job-list", "callback", "dismiss"}
