"""Features as datasets: each with its unit and, where something was filled, its level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from odc.geo.geobox import GeoBox

    from engine.features import Feature
    from engine.stages import Fine

LEVEL = "level_"
"""Begins the name of the level of filling of a feature."""


def grid_dataset(area: GeoBox, features: Sequence[Feature], made: Sequence[Fine]) -> xr.Dataset:
    """Return features and, where something was filled, their levels of filling."""
    affine = area.affine
    y = affine.f + affine.e * (np.arange(area.shape.y) + 0.5)
    x = affine.c + affine.a * (np.arange(area.shape.x) + 0.5)
    variables = {
        feature.name: (
            ("y", "x"),
            fine.values,
            {"units": feature.units, "long_name": feature.long_name},
        )
        for feature, fine in zip(features, made, strict=True)
    }
    levels = {
        f"{LEVEL}{feature.name}": (("y", "x"), fine.level, {"units": "1"})
        for feature, fine in zip(features, made, strict=True)
        if fine.level.any()
    }
    coords = {"y": ("y", y, {"units": "m"}), "x": ("x", x, {"units": "m"})}
    return xr.Dataset(variables | levels, coords, {"crs": str(area.crs)})


def joined_features(parts: Iterable[xr.Dataset], names: Sequence[str]) -> xr.Dataset:
    """Put variables of one grid into one dataset, in the order of names."""
    variables: dict[str, xr.DataArray] = {}
    attributes: dict[str, str] = {}
    for part in parts:
        variables |= {str(name): array for name, array in part.data_vars.items()}
        attributes |= part.attrs
    return xr.Dataset({name: variables[name] for name in names}, attrs=attributes)


def check_any_valid(data: xr.Dataset, features: Iterable[Feature], where: str) -> None:
    """Refuse a feature without a single value, which no model could use."""
    for feature in features:
        if not np.isfinite(data[feature.name].to_numpy()).any():
            raise MissingDataError(
                feature.product,
                where,
                f"at least one valid 1 km cell of {feature.name}; the granules hold none",
            )
