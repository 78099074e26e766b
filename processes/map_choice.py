"""Which published maps a request means: what all processes that read maps share."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from engine.errors import InputError
from processes.inputs import Interval
from processes.intervals import ALLOWED as DATETIME_ALLOWED
from processes.validation import shown
from stac.products import product

ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
"""Of a collection."""
_ITEM = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}/[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_LAYER = r"^[a-z][a-z0-9_]{0,63}$"
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


type _Items = Annotated[
    tuple[Annotated[str, Field(pattern=_ITEM)], ...],
    BeforeValidator(_read_items),
    WithJsonSchema(_ITEMS_SCHEMA),
]
type _LayerName = Annotated[str, Field(pattern=_LAYER)]


class MapChoice(BaseModel):
    """Inputs that name maps of one series: soil moisture, unless a process offers others."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    collection: Annotated[
        str | None,
        Field(
            title="Collection",
            pattern=ID,
            description="Collection of the maps. By default the official one.",
        ),
    ] = None
    items: Annotated[
        _Items | None,
        Field(
            title="Maps",
            description="Maps of one series instead of a collection: collection/item, or the items "
            "that another process gave.",
        ),
    ] = None
    datetime: Annotated[
        Interval | None,
        Field(
            title="Months",
            description=f"Months of the maps: {DATETIME_ALLOWED}. By default all that are there.",
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

    @property
    def mapped(self) -> str:
        """The product that is meant."""
        return "soil-moisture"

    @model_validator(mode="after")
    def _check_choices(self) -> MapChoice:
        if self.items is not None and self.collection is not None:
            raise InputError(
                "items", "a collection is given as well", "one of items and collection"
            )
        if self.items is not None and len({one.partition("/")[0] for one in self.items}) > 1:
            raise InputError("items", "they are of several collections", "maps of one series")
        return self


class ProductChoice(MapChoice):
    """Inputs that name maps of any product, and layers of them."""

    product: Annotated[
        Literal["soil-moisture", "sif"],
        Field(title="Product", description="What is mapped."),
    ] = "soil-moisture"
    layers: Annotated[
        tuple[_LayerName, ...] | None,
        Field(
            title="Layers",
            min_length=1,
            max_length=20,
            description="Names of the maps' layers, such as soil_moisture. By default the map "
            "itself and the ends of its 90 % interval, where it has them.",
        ),
    ] = None

    @property
    def mapped(self) -> str:
        """The product that is meant."""
        return self.product

    @model_validator(mode="after")
    def _check_layers(self) -> Self:
        known = product(self.product).layers
        for number, name in enumerate(self.layers or ()):
            if name not in known:
                raise InputError(f"layers.{number}", shown(name), ", ".join(known))
        if self.layers is not None and len(set(self.layers)) != len(self.layers):
            raise InputError("layers", "a layer is named twice", "each layer once")
        return self
