"""The inputs of ``validate``."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    WithJsonSchema,
    model_validator,
)

from engine.errors import InputError
from processes.inputs import Box, Interval
from processes.intervals import ALLOWED as DATETIME_ALLOWED
from processes.validation import shown

_NAME = r"^[A-Za-z0-9][\w.-]{0,63}$"
_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_ITEM = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}/[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_MOST_ITEMS = 1200

_ITEMS_SCHEMA = {
    "oneOf": [
        {
            "type": "array",
            "items": {"type": "string", "pattern": _ITEM},
            "minItems": 1,
            "maxItems": _MOST_ITEMS,
        },
        {
            "type": "object",
            "required": ["type", "features"],
            "properties": {"type": {"type": "string", "enum": ["FeatureCollection"]}},
        },
    ]
}
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


def _read_items(value: object) -> object:
    """Read ``collection/item`` texts, or take them from a FeatureCollection of STAC items."""
    allowed = "texts 'collection/item', or the FeatureCollection of STAC items of another process"
    if isinstance(value, dict):
        features = value.get("features")
        try:
            value = [f"{one['collection']}/{one['id']}" for one in features or ()]
        except (TypeError, KeyError):
            raise InputError("items", "its features are no STAC items", allowed) from None
    if not isinstance(value, list | tuple) or not value or len(value) > _MOST_ITEMS:
        raise InputError("items", f"{shown(value)} names no maps", allowed)
    if len(set(map(str, value))) != len(value):
        raise InputError("items", "a map is named twice", "each map once")
    return tuple(value)


def _read_stations(value: object) -> object:
    """Read names of networks, or the text of a table; GeoJSON becomes its text."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
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
    return (value,) if isinstance(value, str) else value


type _Name = Annotated[str, Field(pattern=_NAME)]
type _Items = Annotated[
    tuple[Annotated[str, Field(pattern=_ITEM)], ...],
    BeforeValidator(_read_items),
    WithJsonSchema(_ITEMS_SCHEMA),
]
type _Stations = Annotated[
    str | tuple[_Name, ...], BeforeValidator(_read_stations), WithJsonSchema(_STATIONS_SCHEMA)
]
type _References = Annotated[
    tuple[_Name, ...], BeforeValidator(_read_names), WithJsonSchema(_REFERENCE_SCHEMA)
]


class ValidateInputs(BaseModel):
    """Inputs of ``validate``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    collection: Annotated[
        str | None,
        Field(
            title="Collection",
            pattern=_ID,
            description="Collection of soil moisture maps. By default the official one.",
        ),
    ] = None
    items: Annotated[
        _Items | None,
        Field(
            title="Maps",
            description="Maps of one series instead of a collection: collection/item, or the items "
            "that downscale-smap gave.",
        ),
    ] = None
    datetime: Annotated[
        Interval | None,
        Field(
            title="Months",
            description=f"Months to validate: {DATETIME_ALLOWED}. By default all that are there.",
        ),
    ] = None
    bbox: Annotated[
        Box | None,
        Field(
            title="Bounding box",
            description="Where stations must lie: west, south, east, north in degrees, WGS 84. By "
            "default anywhere on the maps.",
        ),
    ] = None
    region: Annotated[
        str | None,
        Field(
            title="Region",
            pattern=r"^[a-z0-9][a-z0-9-]{0,63}$",
            description="Region whose maps of a collection are meant, where it holds several.",
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

    @model_validator(mode="after")
    def _check_choices(self) -> ValidateInputs:
        if self.items is not None and self.collection is not None:
            raise InputError(
                "items", "a collection is given as well", "one of items and collection"
            )
        if self.items is not None and len({one.partition("/")[0] for one in self.items}) > 1:
            raise InputError("items", "they are of several collections", "maps of one series")
        return self
