"""The inputs of the two reconstructions.

One model per process serves the description and the validation. What depends on the archive
(months that are there, areas that it covers, features that a region has) is checked in
``plan.py``, still before anything costly is done.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from shapely.geometry.base import BaseGeometry

from engine.analysis import DEFAULT, Analysis
from engine.errors import InputError
from engine.features import PRESETS, preset
from engine.grids import BBox
from processes.intervals import ALLOWED as DATETIME_ALLOWED
from processes.intervals import MonthInterval
from processes.polygons import read_polygon
from processes.validation import shown

_CRS84 = (
    "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    "https://www.opengis.net/def/crs/OGC/1.3/CRS84",
)
_INTERVAL_SCHEMA = {
    "type": "string",
    "format": "month-interval",
    "minLength": 4,
    "example": "2020-05/2020-07",
}
_BBOX_SCHEMA = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 4,
    "maxItems": 4,
    "example": [113.0, 34.0, 114.5, 35.0],
}
_GEOMETRY_SCHEMA = {
    "type": "object",
    "required": ["type", "coordinates"],
    "properties": {
        "type": {"type": "string", "enum": ["Polygon", "MultiPolygon"]},
        "coordinates": {"type": "array"},
    },
    "contentMediaType": "application/geo+json",
}
_FEATURE_NAME = r"^[a-z0-9_-]{1,64}$"
_FEATURES_SCHEMA = {
    "oneOf": [
        {"type": "string", "enum": list(PRESETS)},
        {
            "type": "array",
            "items": {"type": "string", "pattern": _FEATURE_NAME},
            "minItems": 1,
        },
    ]
}


def _read_interval(value: object, info: ValidationInfo) -> MonthInterval:
    if isinstance(value, MonthInterval):
        return value
    field = info.field_name or "datetime"
    if not isinstance(value, str):
        raise InputError(field, f"{shown(value)} is not a text", DATETIME_ALLOWED)
    return MonthInterval.parse(value, field)


def _read_bbox(value: object) -> BBox:
    """Read four numbers, or the object form ``{"bbox": […], "crs": …}``."""
    if isinstance(value, dict):
        crs = value.get("crs", _CRS84[0])
        if crs not in _CRS84 or set(value) - {"bbox", "crs"}:
            allowed = f"longitude and latitude, {_CRS84[0]}"
            raise InputError("bbox", f"the crs {shown(crs)}", allowed)
        value = value.get("bbox")
    numbers = isinstance(value, list | tuple) and all(
        isinstance(number, int | float) and not isinstance(number, bool) for number in value
    )
    if not numbers:
        allowed = "[west, south, east, north]"
        raise InputError("bbox", f"{shown(value)} is not a list of numbers", allowed)
    return BBox.parse(cast("list[float]", value))


def _read_features(value: object) -> object:
    """Put the members of a named set in place of its name; SIF is another input's."""
    if isinstance(value, str):
        return tuple(name for name in preset(value) if name != "sif")
    return value


type Interval = Annotated[
    MonthInterval,
    BeforeValidator(_read_interval),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(_INTERVAL_SCHEMA),
]
type Box = Annotated[BBox, BeforeValidator(_read_bbox), WithJsonSchema(_BBOX_SCHEMA)]
type Polygon = Annotated[
    BaseGeometry,
    BeforeValidator(read_polygon),
    PlainSerializer(lambda polygon: polygon.__geo_interface__, return_type=dict),
    WithJsonSchema(_GEOMETRY_SCHEMA),
]


type _Features = Annotated[
    tuple[Annotated[str, Field(pattern=_FEATURE_NAME)], ...],
    Field(min_length=1),
    BeforeValidator(_read_features),
    WithJsonSchema(_FEATURES_SCHEMA),
]


class ReconstructionInputs(BaseModel):
    """Inputs that both reconstructions share."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    datetime: Annotated[
        Interval,
        Field(title="Months", description=f"Months to map: {DATETIME_ALLOWED}."),
    ]
    region: Annotated[
        str | None,
        Field(
            title="Region",
            pattern=r"^[a-z0-9][a-z0-9-]{0,63}$",
            description="Name of a region; it gives predictors and the default area. "
            "By default the server's region.",
        ),
    ] = None
    bbox: Annotated[
        Box | None,
        Field(
            title="Bounding box",
            description="West, south, east, north in degrees, WGS 84. By default the region's; "
            "an area across the antimeridian takes two requests.",
        ),
    ] = None
    geometry: Annotated[
        Polygon | None,
        Field(
            title="Polygon",
            description="GeoJSON polygon, instead of a bounding box; cells whose centre lies "
            "outside stay empty.",
        ),
    ] = None
    model: Annotated[
        str | None,
        Field(
            title="Model",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
            description="Identifier of a stored model to apply. By default a stored model that "
            "fits the request, else one is trained.",
        ),
    ] = None
    training: Annotated[
        Interval | None,
        Field(
            title="Training months",
            description="Months to train on, written like datetime. By default all of the archive.",
        ),
    ] = None
    retrain: Annotated[
        StrictBool,
        Field(title="Retrain", description="Train anew even where a stored model fits."),
    ] = False
    publish: Annotated[
        StrictBool,
        Field(
            title="Publish",
            description="Put the maps into the catalogue; otherwise they stay with the job.",
        ),
    ] = True

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        if self.bbox is not None and self.geometry is not None:
            raise InputError("geometry", "a bbox is given as well", "one of bbox and geometry")
        if self.model is not None and (self.retrain or self.training is not None):
            raise InputError(
                "model",
                "a stored model is given together with retrain or training",
                "a model, or what to train one on",
            )
        return self


class ReconstructSifInputs(ReconstructionInputs):
    """Inputs of ``reconstruct-sif``."""

    algorithm: Annotated[
        Literal["rf"], Field(title="Algorithm", description="rf: random forest.")
    ] = "rf"


class DownscaleSmapInputs(ReconstructionInputs):
    """Inputs of ``downscale-smap``."""

    sif: Annotated[
        Literal["with", "without"],
        Field(
            title="Fluorescence",
            description="with: SIF is a feature, and is reconstructed where it is missing; "
            "without: it is left out, and the items say so.",
        ),
    ] = "with"
    features: Annotated[
        _Features | None,
        Field(
            title="Features",
            description="Features to use, besides SIF, or the name of a set of them: paper is the "
            "set of Sang et al. (2026). By default all of the region. Those left out are recorded.",
        ),
    ] = None
    algorithm: Annotated[
        Literal["rf", "xgboost", "svr", "dnn", "stacking", "best"],
        Field(
            title="Algorithm",
            description="rf: random forest; xgboost: boosted trees; svr: support vectors; dnn: "
            "neural networks; stacking: a combination; best: whichever predicts unseen blocks and "
            "years best.",
        ),
    ] = "rf"
    tuning_seconds: Annotated[
        int,
        Field(
            title="Tuning",
            ge=0,
            le=3600,
            description="Seconds to look for better settings in, on training blocks alone: once "
            "for every fold that scores the model, and once for the model. 0 takes the settings "
            "that ship.",
        ),
    ] = 0
    analysis: Annotated[
        Analysis,
        Field(
            title="Analysis",
            description="What soil_moisture is. blend: space from the model and time from SMAP, "
            "weighted; shrunken: the model and half of SMAP's residual; conserving: SMAP's block "
            "means; temporal-anomaly: the model and the residual's anomaly; none: the model alone.",
        ),
    ] = DEFAULT
    uncertainty: Annotated[
        StrictBool,
        Field(
            title="Uncertainty",
            description="Whether to map the 90 % interval, and where the model only guesses.",
        ),
    ] = True

    @model_validator(mode="after")
    def _check_features(self) -> Self:
        if self.features is not None and len(set(self.features)) != len(self.features):
            raise InputError("features", "a feature is named twice", "each feature once")
        if self.model is not None and self.tuning_seconds:
            raise InputError("tuning_seconds", "a stored model is given, too", "0, or no model")
        if self.features is not None and self.model is not None:
            raise InputError(
                "features", "a stored model is given as well", "a model, which has its own features"
            )
        if self.features is not None and "sif" in self.features:
            raise InputError(
                "features", "'sif' is not chosen here", "the input sif: with or without"
            )
        return self
