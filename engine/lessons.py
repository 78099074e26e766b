"""What a month gives a model of soil moisture to learn from and to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine.errors import MissingDataError
from engine.grids import block_mean, coarse_of
from engine.models.table import MAX_MISSING, Table
from engine.provenance import SIF
from engine.quality import training_rules
from engine.sif import reconstruct_sif
from engine.target import TARGET, coarse_soil_moisture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.feature_store import FeatureStore
    from engine.models.store import TrainedModel
    from engine.models.table import Variable
    from engine.months import Month

MIN_VALID = 0.6
"""Least share of valid fine cells in a coarse cell's features."""

_RAIN = "precipitation"


def month_features(
    store: FeatureStore, month: Month, names: Sequence[str], sif_model: TrainedModel | None
) -> xr.Dataset:
    """Return a month's features at 1 km, reconstructed SIF among them if it is named."""
    others = [name for name in names if name != SIF]
    features = store.month(month, others) if others else xr.Dataset()
    if SIF in names and sif_model is not None:
        features[SIF] = reconstruct_sif(sif_model, store, month)[SIF]
    return features[list(names)]


def coarse_rain(store: FeatureStore, month: Month) -> NDArray[np.floating] | None:
    """Return a month's rain on the coarse cells, mm day-1; None where the archive has none."""
    if not store.available([_RAIN]):
        return None
    try:
        return block_mean(store.month(month, [_RAIN])[_RAIN].to_numpy(), 0.0)
    except MissingDataError:
        return None


def month_rows(
    features: Sequence[Variable],
    store: FeatureStore,
    month: Month,
    sif_model: TrainedModel | None,
) -> Table:
    """Return a month's rows: one for each coarse cell."""
    coarse = coarse_soil_moisture(store, month).to_numpy()
    names = [feature.name for feature in features]
    maps = month_features(store, month, names, sif_model)
    means = np.stack([block_mean(maps[name].to_numpy(), MIN_VALID).ravel() for name in names])
    grid = coarse_of(store.area)
    rows, columns = (index.ravel() + 0.5 for index in np.indices(tuple(grid.shape)))
    table = Table.of(
        features=features,
        target=TARGET,
        values=means.T,
        truth=coarse.ravel(),
        x=grid.affine.c + grid.affine.a * columns,
        y=grid.affine.f + grid.affine.e * rows,
        time=np.full(coarse.size, str(month)),
    )
    passed = {
        rule: kept.ravel()
        for rule, kept in training_rules(store, month, _predictable(maps)).items()
    }
    return table.screened(passed)


def _predictable(features: xr.Dataset) -> NDArray[np.bool_]:
    """Tell where there are features enough for a prediction."""
    present = sum(np.isfinite(one.to_numpy()).astype(np.float32) for one in features.values())
    return np.asarray(present >= (1 - MAX_MISSING) * len(features.data_vars))
