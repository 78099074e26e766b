"""The inputs of ``validate``."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, WithJsonSchema

from engine.errors import InputError
from processes.inputs import Box
from processes.map_choice import ID, MapChoice
from processes.validation import shown

_NAME = r"^[A-Za-z0-9][\w.-]{0,63}$"
_STATIONS_SCHEMA = {
    "oneOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "pattern": _NAME}, "minItems": 1},
        {
            "type": "object",
            "required": ["type", "features"],
            "properties": {"type": {"type": "string", "enum": ["FeatureCollection"]}},
        },
    ]
}
_REFERENCE_SCHEMA = {
    "oneOf": [
        {"type": "string", "pattern": _NAME},
        {"type": "array", "items": {"type": "string", "pattern": _NAME}, "minItems": 1},
    ]
}


def _read_stations(value: object) -> object:
    """Read names of networks, or the text of a table; GeoJSON becomes its text."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and value:
        return tuple(value)
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, tuple):
        return value
    raise InputError(
        "stations",
        f"{shown(value)} is empty or of no known kind",
        "names of networks, our table as CSV, or GeoJSON",
    )


def _read_names(value: object) -> object:
    """Read one name, or several."""
    if value in ("", [], ()):
        raise InputError("reference", f"{shown(value)} names no maps", "names of other maps")
    return (value,) if isinstance(value, str) else value


type _Name = Annotated[str, Field(pattern=_NAME)]
type _Stations = Annotated[
    str | tuple[_Name, ...], BeforeValidator(_read_stations), WithJsonSchema(_STATIONS_SCHEMA)
]
type _References = Annotated[
    tuple[_Name, ...], BeforeValidator(_read_names), WithJsonSchema(_REFERENCE_SCHEMA)
]


class ValidateInputs(MapChoice):
    """Inputs of ``validate``."""

    bbox: Annotated[
        Box | None,
        Field(
            title="Bounding box",
            description="Where stations must lie: west, south, east, north in degrees, WGS 84. By "
            "default anywhere on the maps.",
        ),
    ] = None
    stations: Annotated[
        _Stations | None,
        Field(
            title="Stations",
            description="Names of the region's networks; or stations themselves, as our table in "
            "CSV or as GeoJSON points with the table's columns. By default all of the region's "
            "networks.",
        ),
    ] = None
    reference: Annotated[
        _References | None,
        Field(
            title="Other maps",
            description="Names of comparison products, such as SMCI-1km and SSM-China. By default "
            "those whose files the archive has.",
        ),
    ] = None
    without_sif: Annotated[
        str | None,
        Field(
            title="Maps without SIF",
            pattern=ID,
            description="Collection of maps of the same region that were made with "
            "'sif': 'without', to be compared at the same stations and months.",
        ),
    ] = None
    precipitation: Annotated[
        Literal["CHIRPS", "none"],
        Field(title="Precipitation", description="Rain to compare changes with."),
    ] = "CHIRPS"
    min_months: Annotated[
        StrictInt,
        Field(
            title="Months of a station",
            ge=10,
            le=120,
            description="Common months that a station needs to enter a summary; 24 is good "
            "practice.",
        ),
    ] = 24
    publish: Annotated[
        StrictBool,
        Field(
            title="Publish",
            description="Put the report into the catalogue and link it from the maps; otherwise it "
            "stays with the job.",
        ),
    ] = True
