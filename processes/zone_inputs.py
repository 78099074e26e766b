"""The inputs of ``zonal-statistics``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import (
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from engine.errors import InputError
from engine.zone_table import Zone
from processes.map_choice import ProductChoice
from processes.polygons import read_polygon
from processes.validation import shown
from stac.products import product

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.zone_table import Scalar

MOST_ZONES = 5000
"""Polygons of a request."""
_KINDS = ("FeatureCollection", "Feature", "Polygon", "MultiPolygon")
_ALLOWED = "GeoJSON polygons in longitude and latitude, as a FeatureCollection"
_LONGEST = 200
"""Characters of an identifier, and of the name of a property."""
_WORLD = frozenset({"CRS84", "4326", "WGS84"})
"""Ends of the names of reference systems that are longitude and latitude."""

_POLYGONS_SCHEMA = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "enum": [*_KINDS]},
        "features": {"type": "array", "minItems": 1, "maxItems": MOST_ZONES},
    },
    "contentMediaType": "application/geo+json",
}


def _read_zones(value: object) -> object:
    """Read polygons, each of which becomes a zone."""
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict) or value.get("type") not in _KINDS:
        raise InputError("polygons", f"{shown(value)} is no GeoJSON of polygons", _ALLOWED)
    _check_crs(value.get("crs"))
    features = _features(value)
    zones = tuple(_zone(number, one) for number, one in enumerate(features))
    seen: set[str] = set()
    for zone in zones:
        if zone.id in seen:
            raise InputError("polygons", f"two have the id {shown(zone.id)}", "an id for each")
        seen.add(zone.id)
    return zones


def _features(value: Mapping[str, object]) -> list[object]:
    if value["type"] in ("Polygon", "MultiPolygon"):
        return [{"type": "Feature", "geometry": value, "properties": {}}]
    if value["type"] == "Feature":
        return [value]
    features = value.get("features")
    if not isinstance(features, list) or not 0 < len(features) <= MOST_ZONES:
        wrong = "it has no list of features"
        if isinstance(features, list):
            wrong = f"{len(features)} features"
        raise InputError("polygons.features", wrong, f"1 to {MOST_ZONES} of them")
    return features


def _zone(number: int, feature: object) -> Zone:
    at = f"polygons.features.{number}"
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise InputError(at, f"{shown(feature)} is no feature", _ALLOWED)
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise InputError(f"{at}.properties", shown(properties), "an object")
    name = feature.get("id", number + 1)
    if isinstance(name, bool) or not isinstance(name, str | int) or len(str(name)) > _LONGEST:
        raise InputError(f"{at}.id", shown(name), f"a text of {_LONGEST} characters, or a number")
    polygon = read_polygon(feature.get("geometry"), f"{at}.geometry")
    return Zone(id=str(name), polygon=polygon, properties=_scalars(properties))


def _scalars(properties: Mapping[str, object]) -> dict[str, Scalar]:
    """Return what fits a column; what is deeper is no table's."""
    return {
        name: value
        for name, value in properties.items()
        if 0 < len(name) <= _LONGEST and (value is None or isinstance(value, str | int | float))
    }


def _check_crs(crs: object) -> None:
    """Refuse the old member ``crs`` where it names another system than GeoJSON's own."""
    if crs is None:
        return
    told = crs.get("properties") if isinstance(crs, dict) else None
    name = told.get("name") if isinstance(told, dict) else None
    if not isinstance(name, str) or name.replace("/", ":").rpartition(":")[2] not in _WORLD:
        raise InputError("polygons.crs", shown(crs), "longitude and latitude, CRS84")


def _written(zones: tuple[Zone, ...]) -> dict[str, object]:
    features = [
        {
            "type": "Feature",
            "id": zone.id,
            "properties": dict(zone.properties),
            "geometry": zone.polygon.__geo_interface__,
        }
        for zone in zones
    ]
    written: dict[str, object] = json.loads(
        json.dumps({"type": "FeatureCollection", "features": features})
    )
    return written


type _Zones = Annotated[
    tuple[InstanceOf[Zone], ...],
    BeforeValidator(_read_zones),
    PlainSerializer(_written, return_type=dict),
    WithJsonSchema(_POLYGONS_SCHEMA),
]


class ZonalStatisticsInputs(ProductChoice):
    """Inputs of ``zonal-statistics``."""

    polygons: Annotated[
        _Zones,
        Field(
            title="Polygons",
            description="GeoJSON polygons in longitude and latitude; what they say of themselves "
            "becomes columns, their ids name them.",
        ),
    ]

    @model_validator(mode="after")
    def _check_amounts(self) -> Self:
        known = product(self.product).layers
        for number, name in enumerate(self.layers or ()):
            if known[name].data_type != "float32":
                allowed = ", ".join(key for key, one in known.items() if one.data_type == "float32")
                raise InputError(f"layers.{number}", f"{name} is bits, no amount", allowed)
        return self
