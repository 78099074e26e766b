"""A region's own predictors as features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.feature_data import grid_dataset
from engine.features import Feature
from engine.predictors import MONTH, predictor_fields
from engine.stages import Layer, to_fine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import xarray as xr
    from odc.geo.geobox import GeoBox

    from engine.features import Space
    from engine.granules import Field
    from engine.months import Month
    from engine.predictors import UserPredictor
    from engine.regrid import WeightCache

_COARSE = 4
"""Fine cells on one source pixel above which amounts are interpolated smoothly."""


def own_features(predictors: Iterable[UserPredictor]) -> dict[str, Feature]:
    """Describe predictors as features, by name."""
    return {
        feature.name: feature for predictor in predictors for feature in _features_of(predictor)
    }


def own_exists(predictor: UserPredictor, root: Path) -> bool:
    """Tell whether the archive has a predictor, in any month."""
    if predictor.monthly:
        return any(root.glob(predictor.file.replace(MONTH, "????-??")))
    return root.joinpath(predictor.file).is_file()


def read_own(
    predictor: UserPredictor, root: Path, area: GeoBox, month: Month
) -> tuple[list[Feature], Mapping[str, Field]]:
    """Read a predictor's features on its native grid, and say how they come to the fine grid.

    Amounts on pixels that are much coarser than the fine grid are interpolated, since their
    blocks would print through into the map; shares of classes are always shares of area.
    """
    fields = predictor_fields(predictor, root, area, month)
    features = [
        feature.model_copy(update={"space": _space(predictor, fields[feature.name], area)})
        for feature in _features_of(predictor)
    ]
    return features, fields


def own_data(
    predictor: UserPredictor, root: Path, area: GeoBox, month: Month, weights: WeightCache
) -> xr.Dataset:
    """Return a predictor's features on the fine grid."""
    features, fields = read_own(predictor, root, area, month)
    layers = {name: Layer(field=field) for name, field in fields.items()}
    return grid_dataset(area, features, to_fine(features, [layers], area, weights))


def _features_of(predictor: UserPredictor) -> list[Feature]:
    return [
        Feature(
            name=name,
            units=units,
            long_name=predictor.long_name or predictor.name,
            product=predictor.name,
            inputs=(),
            time="mean" if predictor.monthly else "static",
        )
        for name, units in predictor.features.items()
    ]


def _space(predictor: UserPredictor, field: Field, area: GeoBox) -> Space:
    pixels, cells = (grid.shape.x * grid.shape.y for grid in (field.geobox, area))
    coarse = _COARSE * pixels < cells
    return "bilinear" if coarse and predictor.kind == "continuous" else "area"
