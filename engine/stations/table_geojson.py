"""Stations as GeoJSON: points whose properties are named like the columns of our table."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.errors import GranuleError
from engine.stations.series import Labels
from engine.stations.table import Table
from engine.stations.table_spec import table_spec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

KIND = "a GeoJSON FeatureCollection of points"

type OneOrMany = str | tuple[str | None, ...]
"""A property of all values of a feature, or one for each."""


class _Strict(BaseModel):
    # Members that we do not know (id, crs, bbox) are GeoJSON's own affair.
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Point(_Strict):
    type: Literal["Point"]
    coordinates: Annotated[tuple[str, ...], Field(min_length=2, max_length=3)]
    """Longitude, latitude and perhaps elevation, as they were written."""


class _Properties(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    station_id: str
    time: OneOrMany
    tz: str = ""
    depth_from_m: str
    depth_to_m: str
    value: str | tuple[str | None, ...] | None
    unit: str
    qflag: OneOrMany = ""
    elev_m: str | None = None
    network: str = ""
    sensor: str = ""
    bulk_density_g_cm3: str = ""
    theta_fc_m3_m3: str = ""

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        for name in ("value", "qflag"):
            many = getattr(self, name)
            if isinstance(many, tuple) and len(many) != self.rows:
                raise ValueError(f"{name} has {len(many)} members and time has {self.rows}")
        return self

    @property
    def rows(self) -> int:
        return len(self.time) if isinstance(self.time, tuple) else 1

    def spread(self, name: str) -> Sequence[str]:
        """Return a property's text for every row."""
        value = getattr(self, name)
        many = value if isinstance(value, tuple) else (value,) * self.rows
        return ["" if one is None else one for one in many]


class _Feature(_Strict):
    type: Literal["Feature"]
    geometry: _Point
    properties: _Properties


class _Collection(_Strict):
    type: Literal["FeatureCollection"]
    features: Annotated[tuple[_Feature, ...], Field(min_length=1)]


def geojson_table(path: Path, data: bytes) -> Table:
    """Turn GeoJSON into columns.

    Each feature is a sensor: ``time`` and ``value`` (and ``qflag``) are lists, or single values.

    Raises
    ------
    GranuleError
        Naming the feature and the member that is not what it should be.
    """
    try:
        # Numbers stay as they were written: they are read, and complained of, with the table.
        content = json.loads(data, parse_float=str, parse_int=str, parse_constant=_refuse_constant)
        collection = _Collection.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise GranuleError(path, f"{where}: {first['msg']}", KIND) from error
    except GranuleError:
        raise
    except (ValueError, RecursionError) as error:
        raise GranuleError(path, f"it is no JSON: {error}", KIND) from error
    return _table(path, collection.features)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number; null means missing")


def _table(path: Path, features: Sequence[_Feature]) -> Table:
    names = [name for name in table_spec().columns if name not in ("lat", "lon", "elev_m")]
    columns = {
        name: Labels.of(chain.from_iterable(one.properties.spread(name) for one in features))
        for name in names
    }
    for position, name in enumerate(("lon", "lat", "elev_m")):
        columns[name] = Labels.of(
            chain.from_iterable(
                [_coordinate(one, position)] * one.properties.rows for one in features
            )
        )
    rows = [
        (number, row) for number, one in enumerate(features) for row in range(one.properties.rows)
    ]

    def row_name(row: int) -> str:
        feature, value = rows[row]
        return f"features.{feature}, value {value}"

    if not rows:
        raise GranuleError(path, "it has no values", KIND)
    return Table(path=path, columns=columns, row_name=row_name)


def _coordinate(feature: _Feature, position: int) -> str:
    coordinates = feature.geometry.coordinates
    if position < len(coordinates):
        return coordinates[position]
    return feature.properties.elev_m or ""
