"""The process ``echo``: every kind of input that the standard knows, given back.

The OGC test suite sends its requests to it; the order of the inputs matters to it, the first
being a text without restriction that is also an output.
"""

from __future__ import annotations

import base64
import binascii
import time
from typing import TYPE_CHECKING, Annotated, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)

from engine.errors import InputError
from processes.program import StepOutcome
from processes.validation import shown

if TYPE_CHECKING:
    from engine.progress import Progress
    from processes.program import JobContext

LONGEST_PAUSE = 60
"""Longest pause, seconds."""
STEP = 0.1
"""Time between two reports of a pause, seconds; so soon a dismissal ends it."""

TIFF = "image/tiff"
_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_CRS84H = "http://www.opengis.net/def/crs/OGC/0/CRS84h"
_SIZES = {_CRS84: 4, _CRS84H: 6}

_PAUSE = {"type": "number", "minimum": 0, "maximum": LONGEST_PAUSE}
_BBOX = {
    "allOf": [
        {"format": "ogc-bbox"},
        {
            "type": "object",
            "required": ["bbox"],
            "additionalProperties": False,
            "properties": {
                "bbox": {
                    "type": "array",
                    "items": {"type": "number"},
                    "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
                },
                "crs": {"type": "string", "enum": [_CRS84, _CRS84H], "default": _CRS84},
            },
        },
    ]
}
_OBJECT = {
    "type": "object",
    "required": ["value"],
    "properties": {"value": {"type": "string"}},
}
_BINARY = {"type": "string", "contentEncoding": "binary", "contentMediaType": TIFF}
_MIXED = {"oneOf": [{"type": "string"}, {"type": "number"}]}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_pause(value: JsonValue) -> JsonValue:
    if not (_is_number(value) and 0 <= float(str(value)) <= LONGEST_PAUSE):
        raise InputError("pause", shown(value), f"a number of seconds from 0 to {LONGEST_PAUSE}")
    return value


def _read_box(value: JsonValue) -> JsonValue:
    allowed = "an object with the member bbox of 4 or 6 numbers, and crs: " + " or ".join(_SIZES)
    if not isinstance(value, dict) or not set(value) <= {"bbox", "crs"}:
        raise InputError("bboxInput", shown(value), allowed)
    numbers, crs = value.get("bbox"), value.get("crs", _CRS84)
    if not isinstance(numbers, list) or not all(_is_number(number) for number in numbers):
        raise InputError("bboxInput.bbox", shown(numbers), allowed)
    if len(numbers) not in _SIZES.values() or crs not in tuple(_SIZES):
        raise InputError("bboxInput", shown(value), allowed)
    return value


def _read_object(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict) or not isinstance(value.get("value"), str):
        raise InputError("objectInput", shown(value), "an object whose member value is a text")
    return value


def _read_binary(value: JsonValue) -> JsonValue:
    """Take base64, or a link, from which nothing is fetched: a link is echoed as a link."""
    allowed = f"{TIFF} as base64, or a link to it"
    if isinstance(value, dict) and is_web_address(value.get("href")):
        return value
    if not isinstance(value, str):
        raise InputError("binaryInput", shown(value), allowed)
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("binaryInput", "it is not base64", allowed) from None
    return value


def is_web_address(value: object) -> bool:
    """Whether a value is the address of something on the web."""
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _read_mixed(value: JsonValue) -> JsonValue:
    if not (isinstance(value, str) or _is_number(value)):
        raise InputError("mixedInput", shown(value), "a text or a number")
    return value


class EchoInputs(BaseModel):
    """Inputs of ``echo``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stringInput: Annotated[  # noqa: N815  (the standard spells identifiers so)
        StrictStr, Field(title="Text", description="Any text.")
    ]
    pause: Annotated[
        JsonValue,
        PlainValidator(_read_pause),
        WithJsonSchema(_PAUSE),
        Field(title="Pause", description="Seconds to wait before the answer."),
    ] = None
    arrayInput: Annotated[  # noqa: N815
        list[StrictInt] | None, Field(title="Numbers", description="Whole numbers.")
    ] = None
    bboxInput: Annotated[  # noqa: N815
        JsonValue,
        PlainValidator(_read_box),
        WithJsonSchema(_BBOX),
        Field(title="Bounding box", description="West, south, east, north in degrees."),
    ] = None
    objectInput: Annotated[  # noqa: N815
        JsonValue,
        PlainValidator(_read_object),
        WithJsonSchema(_OBJECT),
        Field(title="Object", description="An object that holds a text."),
    ] = None
    binaryInput: Annotated[  # noqa: N815
        JsonValue,
        PlainValidator(_read_binary),
        WithJsonSchema(_BINARY),
        Field(title="Picture", description="A TIFF picture as base64, or a link to one."),
    ] = None
    mixedInput: Annotated[  # noqa: N815
        JsonValue,
        PlainValidator(_read_mixed),
        WithJsonSchema(_MIXED),
        Field(title="Text or number", description="A text or a number."),
    ] = None


class EchoProgram:
    """The work of ``echo``: one step that waits as long as asked, and gives the inputs back."""

    def step(self, name: str, job: JobContext, progress: Progress) -> StepOutcome:
        """Do the one step.

        Notes
        -----
        The pause is made of short pieces with a report after each, so that progress moves and a
        dismissal ends it.
        """
        del name
        inputs = cast("EchoInputs", job.inputs)
        seconds = float(str(inputs.pause or 0))
        pieces = max(1, round(seconds / STEP))
        for piece in range(pieces):
            progress(piece / pieces, "pausing" if seconds else "echoing")
            time.sleep(seconds / pieces)
        return StepOutcome(outputs=inputs.model_dump(exclude_unset=True))


PROGRAM = EchoProgram()
