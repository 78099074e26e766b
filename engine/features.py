"""The features: what they are called, and how each comes from its product's fields."""

from __future__ import annotations

import tomllib
from functools import reduce
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from engine.granules import Field
from engine.indices import INDICES, reflectance
from engine.terrain import horn_slope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    type Fields = Mapping[str, Field]
    type Floats = NDArray[np.floating]

type Time = Literal["mean", "every-day", "static", "reconstructed"]
"""How a month of a feature comes about."""

type Space = Literal["area", "bilinear"]
"""How a feature comes to the fine grid."""


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
    inputs: tuple[str, ...]
    """The product's variables that it needs, by our names."""
    derive: str | None = None
    """Name of the derivation from the inputs; None takes the one input as it is."""
    time: Time = "mean"
    """How a month comes about."""
    space: Space = "area"
    """How it comes to the fine grid."""


def _derived(function: Callable[[Mapping[str, Floats]], Floats]) -> Callable[[Fields], Floats]:
    """Let an index of arrays take fields; what cannot be a reflectance counts as missing."""

    def derive(fields: Fields) -> Floats:
        return function({name: reflectance(field.values) for name, field in fields.items()})

    return derive


DERIVATIONS: Mapping[str, Callable[[Fields], Floats]] = MappingProxyType(
    {
        **{name: _derived(index) for name, index in INDICES.items()},
        "reflectance": _derived(lambda bands: next(iter(bands.values()))),
        "slope": lambda fields: horn_slope(fields["elevation"].values, fields["elevation"].geobox),
    }
)
"""What ``Feature.derive`` may name: values from the feature's inputs, on their own grid."""


def derive(feature: Feature, fields: Fields) -> Field:
    """Make a feature of its inputs, on their native grid.

    Parameters
    ----------
    feature
        What to make.
    fields
        At least its inputs, all on one grid.

    Returns
    -------
    Field
        In the feature's unit; its weight is that of the weakest input that is not missing.
    """
    inputs = {name: fields[name] for name in feature.inputs}
    first = inputs[feature.inputs[0]]
    if feature.derive is None:
        return first
    values = DERIVATIONS[feature.derive](inputs).astype(np.float32)
    weakest = reduce(np.minimum, (_or_one(field.weight) for field in inputs.values()))
    weight = np.where(np.isfinite(values), weakest, np.float32(0))
    return Field(values=values, weight=weight, geobox=first.geobox, units=feature.units)


def _or_one(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(weight > 0, weight, np.float32(1))


def _load() -> tuple[dict[str, Feature], dict[str, Feature], tuple[str, ...]]:
    text = resources.files("engine").joinpath("features.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    features, bands = (
        {name: Feature(name=name, **row) for name, row in tables[kind].items()}
        for kind in ("features", "bands")
    )
    return features, bands, tuple(tables["sif_predictors"])


_FEATURES, _BANDS, _SIF_PREDICTORS = _load()

FEATURES: Mapping[str, Feature] = MappingProxyType(_FEATURES)
"""The features of soil moisture, in their order; a region may add its own."""

SIF_PREDICTORS: Mapping[str, Feature] = MappingProxyType(
    {name: (_BANDS | _FEATURES)[name] for name in _SIF_PREDICTORS}
)
"""What the model of SIF sees besides clear-sky light, in its order."""
