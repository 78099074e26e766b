"""Process descriptions come from the models that validate, and obey the OGC schemas."""

from __future__ import annotations

import json

import pytest
import yaml
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from engine.testing import shared_path
from processes.definitions import PROCESSES
from processes.description import describe_inputs
from processes.inputs import DownscaleSmapInputs
from processes.settings import Settings
from processes.status import process_description

SCHEMAS = ("ogc-schemas", "ogcapi", "processes", "part1", "1.0", "openapi", "schemas")


def test_every_input_is_described_and_none_refers_elsewhere() -> None:
    """Each field has a title, a description and a schema without references or null."""
    described = describe_inputs(DownscaleSmapInputs)
    assert set(described) == set(DownscaleSmapInputs.model_fields)
    text = json.dumps(described)
    assert "$ref" not in text
    assert "null" not in text
    for one in described.values():
        assert one["title"]
        assert one["description"]
        assert {"type", "oneOf"} & set(one["schema"])


def test_only_the_months_are_required() -> None:
    """A request needs its months and nothing else."""
    described = describe_inputs(DownscaleSmapInputs)
    assert [name for name, one in described.items() if one["minOccurs"]] == ["datetime"]


@pytest.mark.parametrize("process_id", sorted(PROCESSES))
def test_descriptions_obey_the_ogc_schema(process_id: str) -> None:
    """The whole description is valid against process.yaml of OGC API - Processes 1.0."""
    folder = shared_path(*SCHEMAS)
    base = folder.as_uri() + "/"

    def load(uri: str) -> Resource[object]:
        path = folder / uri.removeprefix(base)
        return Resource.from_contents(yaml.safe_load(path.read_text()), DRAFT7)

    registry: Registry[object] = Registry(retrieve=load)
    schema = {"$ref": base + "process.yaml"}
    document = process_description(
        PROCESSES[process_id], "http://localhost", Settings.load(data=".")
    )
    Draft7Validator(schema, registry=registry).validate(document)
