"""The features: what they are called, and how each comes from its product's fields."""

from __future__ import annotations

import tomllib
from functools import lru_cache, partial, reduce
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from engine.errors import InputError
from engine.granules import Field
from engine.indices import INDICES, reflectance
from engine.products.classes import class_fields
from engine.products.spec import spec_of
from engine.soil import TEXTURES, texture_share, texture_total
from engine.terrain import horn_slope
from engine.thermal import blue_sky

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from engine.granules import Part, Pixels

    type Fields = Mapping[str, Field]
    type Floats = NDArray[np.floating]

type Time = Literal["mean", "every-day", "yearly", "static", "reconstructed"]
"""How a month of a feature comes about."""

type Space = Literal["area", "bilinear"]
"""How a feature comes to the fine grid."""


class Partner(BaseModel):
    """A second product of a feature, averaged over the days of each granule of the first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product: str
    """Identifier of its product spec."""
    inputs: tuple[str, ...]
    """Its variables that are needed, by our names."""
    instead: str | None = None
    """A product with the same variables, for archives that have nothing of the first."""


class Memory(BaseModel):
    """A weighted sum of another feature's months."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature: str
    """The other feature."""
    weights: tuple[float, ...]
    """Weights of the month, of the one before it, and so on."""


class Feature(BaseModel):
    """One predictor: its name, its unit and its way from a product's variables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Our name."""
    units: str
    """UDUNITS text."""
    long_name: str
    """One line for people."""
    product: str
    """Identifier of the product spec it comes from."""
    otherwise: str | None = None
    """A product with the same variables, for months of which the first has nothing."""
    instead: str | None = None
    """A product with the same variables, for archives that have nothing of the first at all: the
    two differ too much to be mixed."""
    inputs: tuple[str, ...]
    """The product's variables that it needs, by our names."""
    partner: Partner | None = None
    """A second product that each granule is combined with."""
    derive: str | None = None
    """Name of the derivation from the inputs; None takes the one input as it is."""
    time: Time = "mean"
    """How a month comes about."""
    space: Space = "area"
    """How it comes to the fine grid."""
    label: str | None = None
    """Class of the one input, a map of classes, whose share of area the feature is."""
    memory: Memory | None = None
    """What of earlier months it is made of; None for the month alone."""

    @property
    def products(self) -> tuple[str, ...]:
        """Every product that it may come from."""
        others = [self.otherwise, self.instead]
        if self.partner is not None:
            others += [self.partner.product, self.partner.instead]
        return (self.product, *(name for name in others if name))


def _values(fields: Fields) -> dict[str, Floats]:
    return {name: field.values for name, field in fields.items()}


def _texture(name: str, fields: Fields) -> Floats:
    return texture_share(name, _values(fields))


OF_BANDS: Mapping[str, Callable[[Mapping[str, Floats]], Floats]] = MappingProxyType(
    {**INDICES, "reflectance": lambda bands: next(iter(bands.values()))}
)
"""What ``Feature.derive`` may name, of reflectances alone: pixel by pixel."""

DERIVATIONS: Mapping[str, Callable[[Fields], Floats]] = MappingProxyType(
    {
        "slope": lambda fields: horn_slope(fields["elevation"].values, fields["elevation"].geobox),
        "albedo": lambda fields: blue_sky(fields["albedo_bsa"].values, fields["albedo_wsa"].values),
        **{name: partial(_texture, name) for name in TEXTURES},
        "soil_total": lambda fields: texture_total(_values(fields)),
    }
)
"""What else it may name: values from the feature's inputs, on their own grid."""


def derive(features: Sequence[Feature], fields: Fields) -> dict[str, Field]:
    """Make features of their inputs, on their native grid.

    Parameters
    ----------
    features
        What to make.
    fields
        At least their inputs, all on one grid.

    Returns
    -------
    dict of str to Field
        Each in its feature's unit; its weight is that of the weakest input that is not missing.
    """
    indices = [feature for feature in features if feature.derive in OF_BANDS]
    others = [feature for feature in features if feature.derive not in OF_BANDS]
    return _indices(indices, fields) | {one.name: _one(one, fields) for one in others}


def _indices(features: Sequence[Feature], fields: Fields) -> dict[str, Field]:
    """Make features of reflectances; those of one part share what they are made of."""
    names = list(dict.fromkeys(name for feature in features for name in feature.inputs))

    @lru_cache(maxsize=1)
    def make(part: Part) -> Mapping[str, Pixels]:
        return _of_bands(features, {name: fields[name].pixels(part) for name in names})

    return {
        feature.name: Field.in_parts(
            partial(_one_of, make, feature.name),
            geobox=fields[feature.inputs[0]].geobox,
            units=feature.units,
        )
        for feature in features
    }


def _one_of(make: Callable[[Part], Mapping[str, Pixels]], name: str, part: Part) -> Pixels:
    return make(part)[name]


def _of_bands(features: Sequence[Feature], pixels: Mapping[str, Pixels]) -> dict[str, Pixels]:
    # What cannot be a reflectance counts as missing.
    bands = {name: reflectance(values) for name, (values, _) in pixels.items()}
    weights = {name: _or_one(weight) for name, (_, weight) in pixels.items()}
    made = {}
    for feature in features:
        index = OF_BANDS[feature.derive or ""]({name: bands[name] for name in feature.inputs})
        weakest = reduce(np.minimum, (weights[name] for name in feature.inputs))
        made[feature.name] = index.astype(np.float32, copy=False), weakest * np.isfinite(index)
    return made


def _one(feature: Feature, fields: Fields) -> Field:
    inputs = {name: fields[name] for name in feature.inputs}
    first = inputs[feature.inputs[0]]
    if feature.label is not None:
        return class_fields(first, {feature.label: _class_codes(feature)})[feature.label]
    if feature.derive is None:
        return first
    values = DERIVATIONS[feature.derive](inputs).astype(np.float32, copy=False)
    weight = reduce(np.minimum, (_or_one(field.weight) for field in inputs.values()))
    weight[~np.isfinite(values)] = 0
    return Field(values=values, weight=weight, geobox=first.geobox, units=feature.units)


def _class_codes(feature: Feature) -> tuple[int, ...]:
    (variable,) = spec_of(feature.product).select(feature.inputs)
    return variable.classes[feature.label or ""]


def _or_one(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(weight > 0, weight, np.float32(1))


def preset(name: str) -> tuple[str, ...]:
    """Return the features of a named set, SIF among them.

    Raises
    ------
    InputError
        Where there is no such set.
    """
    if name not in PRESETS:
        raise InputError("features", repr(name), f"a list of features, or {', '.join(PRESETS)}")
    return PRESETS[name]


def _read() -> Mapping[str, Mapping[str, object]]:
    text = resources.files("engine").joinpath("features.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def _described(kind: str) -> dict[str, Feature]:
    rows = _TABLES[kind].items()
    return {name: Feature.model_validate({"name": name, **_row(row)}) for name, row in rows}


def _row(row: object) -> dict[str, object]:
    return row if isinstance(row, dict) else {}


def _named(names: object, known: Mapping[str, Feature]) -> dict[str, Feature]:
    chosen: Iterable[str] = names if isinstance(names, list) else ()
    return {name: known[name] for name in chosen}


_TABLES = _read()

FEATURES: Mapping[str, Feature] = MappingProxyType(_described("features"))
"""The features of soil moisture that can be made, in their order; a region may add its own."""

PRESETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: tuple(_named(names, FEATURES)) for name, names in _TABLES["presets"].items()}
)
"""Named sets of them: ``standard``, ``core`` (its part that no archive may lack), ``paper``."""

SIF_PREDICTORS: Mapping[str, Feature] = MappingProxyType(
    _named(_TABLES["sif"]["predictors"], {**_described("bands"), **FEATURES})
)
"""What the model of SIF sees besides clear-sky light, in its order."""
