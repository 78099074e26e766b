"""The forms that process descriptions become."""

from __future__ import annotations

import pytest

from processes.definitions import DOWNSCALE_SMAP, ECHO, PROCESSES
from processes.pages.forms import form_fields, kind_of


def test_every_kind_of_input_of_the_standard_has_its_control() -> None:
    """Echo has them all, and each is asked for in its own way."""
    assert {field.name: field.kind for field in form_fields(ECHO)} == {
        "stringInput": "text",
        "pause": "number",
        "arrayInput": "list",
        "bboxInput": "box",
        "objectInput": "json",
        "binaryInput": "file",
        "mixedInput": "mixed",
    }


def test_months_areas_and_choices_are_asked_for_as_such() -> None:
    """Downscaling asks for months, a box, a polygon, choices and yes or no."""
    kinds = {field.name: field.kind for field in form_fields(DOWNSCALE_SMAP)}
    expected = {
        "datetime": "months",
        "training": "months",
        "bbox": "box",
        "geometry": "geojson",
        "analysis": "choice",
        "features": "mixed",
        "publish": "flag",
        "region": "text",
    }
    assert {name: kinds[name] for name in expected} == expected


@pytest.mark.parametrize("process", PROCESSES.values(), ids=list(PROCESSES))
def test_every_input_is_a_field_that_says_what_it_means(process: object) -> None:
    """No input is left out, and none is without name and description."""
    fields = form_fields(process)
    assert [field.name for field in fields] == list(process.describe()["inputs"])
    assert all(field.title and field.description for field in fields)


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({}, "json"),
        ({"type": "object"}, "json"),
        ({"type": "array"}, "json"),
        ({"type": "array", "items": {"type": "array"}}, "json"),
        ({"oneOf": [{"type": "string"}, {"type": "object"}]}, "json"),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, "mixed"),
        ({"format": "ogc-bbox"}, "box"),
        ({"type": ["string", "null"]}, "json"),
    ],
)
def test_what_no_kind_fits_is_asked_for_as_json(schema: dict[str, object], kind: str) -> None:
    """A schema that the forms do not know still has a field."""
    assert kind_of(schema) == kind
