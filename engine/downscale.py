"""Soil moisture at 1 km, learnt from SMAP at 9 km.

A forest learns monthly coarse soil moisture from the block means of 1 km features, and is applied
to the 1 km features themselves. What SMAP says beyond the model is then given back in part, in
full, or not at all (`engine.residual`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import xarray as xr

from engine.archive import soil_moisture_month
from engine.errors import InputError, ModelError
from engine.feature_cache import FeatureCache, digest
from engine.grids import block_mean, coarse_of
from engine.models.candidates import candidate
from engine.models.card import CardTarget
from engine.models.table import MAX_MISSING, Table, Variable, gathered
from engine.models.training import Task, card_region, train
from engine.progress import silent, span
from engine.provenance import SIF, fingerprint, map_granules, soil_moisture_granules
from engine.quality import QUALITY, quality_layer, training_rules
from engine.residual import DRIEST, WETTEST, conserve, half_residual
from engine.sif import reconstruct_sif

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from engine.feature_store import FeatureStore
    from engine.models.candidates import RandomForest
    from engine.models.store import TrainedModel
    from engine.months import Month
    from engine.progress import Progress

    type FloatArray = NDArray[np.floating]


Analysis = Literal["shrunken", "conserving", "none"]
"""How the published layer takes SMAP's residual: half of it, all of it, or nothing."""

UNITS = "m3 m-3"
TARGET = Variable(name="soil_moisture", units=UNITS)
MIN_VALID = 0.6
"""Least share of valid fine cells in a coarse cell's features."""

_VERSION = "1"
_READING = 0.6
"""Share of the training time that the features take, for progress."""

_TITLES = {
    "soil_moisture": "Surface soil moisture, analysis",
    "soil_moisture_raw": "Surface soil moisture, the model alone",
    "soil_moisture_conserving": "Surface soil moisture, block means equal to SMAP",
}


def downscaling_task(
    store: FeatureStore,
    months: Sequence[Month],
    names: Sequence[str],
    sif_model: TrainedModel | None = None,
    settings: RandomForest | None = None,
    *,
    omissions: Mapping[str, str] | None = None,
) -> Task:
    """Return what a soil moisture model is asked to be.

    Its key finds the model if it has been trained before.

    Parameters
    ----------
    store
        Features and coarse soil moisture.
    months
        Months to train on.
    names
        Features, in the model's order.
    sif_model
        Gives the feature ``sif``; needed if and only if it is among the names.
    settings
        Those that ship where not given.
    omissions
        What the request leaves out, and why; for the card.

    Raises
    ------
    InputError
        Where there are no names or unknown ones, or ``sif`` lacks its model.
    """
    _check_names(store, names, sif_model)
    region = store.region
    granules = [granule for month in months for granule in map_granules(store, month, names)]
    return Task(
        kind="soil-moisture",
        settings=settings or candidate("soil-moisture"),
        features=tuple(Variable(name=name, units=store.features[name].units) for name in names),
        target=CardTarget(name=TARGET.name, units=UNITS, description=region.soil_moisture_title),
        region=card_region(
            region.name, region.bbox, synthetic=region.synthetic or store.archive.synthetic
        ),
        months=tuple(sorted(months)),
        inputs=fingerprint(store, granules),
        omissions=dict(omissions or {}),
        upstream=sif_model.card.id if sif_model is not None else None,
    )


def train_downscaling(
    store: FeatureStore,
    months: Sequence[Month],
    names: Sequence[str],
    sif_model: TrainedModel | None = None,
    settings: RandomForest | None = None,
    *,
    omissions: Mapping[str, str] | None = None,
    progress: Progress = silent,
    threads: int = 2,
) -> TrainedModel:
    """Train the soil moisture model of a region on some months.

    Parameters
    ----------
    store, months, names, sif_model, settings, omissions
        As in `downscaling_task`.
    progress, threads
        As in `engine.models.training.train`.

    Raises
    ------
    MissingDataError
        Where no month has all that is needed; the first month's reason. Single months without
        are left out and listed on the card.
    ModelError
        Where there is too little to learn from.
    """
    task = downscaling_task(store, months, names, sif_model, settings, omissions=omissions)
    table, left_out = gathered(
        {str(month): month for month in task.months},
        lambda month: _table(task, store, month, sif_model),
        span(progress, 0.0, _READING),
        "features",
    )
    return train(
        table,
        task,
        left_out=left_out,
        progress=span(progress, _READING, 1.0),
        threads=threads,
    )


def downscale_month(
    model: TrainedModel,
    store: FeatureStore,
    month: Month,
    sif_model: TrainedModel | None = None,
    *,
    analysis: Analysis = "shrunken",
    threads: int = 2,
) -> xr.Dataset:
    """Map a month of soil moisture at 1 km.

    Parameters
    ----------
    model
        A soil moisture model.
    store
        Features and coarse soil moisture.
    month
        The month.
    sif_model
        The SIF model that the soil moisture model was trained with, if any.
    analysis
        What ``soil_moisture`` is: the model with half of SMAP's interpolated residual
        (``shrunken``), with all of it so that block means equal SMAP (``conserving``), or alone
        (``none``).
    threads
        Threads of the prediction.

    Returns
    -------
    Dataset (y, x), float32, m3 m-3
        ``soil_moisture``, ``soil_moisture_raw`` and ``soil_moisture_conserving``; NaN where
        missing. Beside them ``quality``, uint16, see :mod:`engine.quality`.

    Raises
    ------
    MissingDataError
        Where the month lacks soil moisture or a feature's product.
    ModelError
        Where the SIF model is not the one that the model was trained with.
    """
    if analysis not in get_args(Analysis):
        raise InputError("analysis", repr(analysis), ", ".join(get_args(Analysis)))
    _check_upstream(model, sif_model)
    coarse = coarse_soil_moisture(store, month).to_numpy().astype(np.float64)
    features = month_features(store, month, model.card.feature_names, sif_model)
    raw = model.predictor(threads=threads).map(features)
    layers = _layers(raw.to_numpy().astype(np.float64), coarse, analysis)
    others = [name for name in model.card.feature_names if name != SIF]
    quality = quality_layer(store, month, others, _clipped(layers["soil_moisture"]))
    return xr.Dataset(
        {
            name: raw.copy(data=values).assign_attrs(units=UNITS, long_name=_TITLES[name])
            for name, values in layers.items()
        }
        | {QUALITY: quality},
        attrs=features.attrs | {"month": str(month), "model": model.card.id, "analysis": analysis},
    )


def month_features(
    store: FeatureStore, month: Month, names: Sequence[str], sif_model: TrainedModel | None
) -> xr.Dataset:
    """Return a month's features at 1 km, reconstructed SIF among them if it is named."""
    others = [name for name in names if name != SIF]
    features = store.month(month, others) if others else xr.Dataset()
    if SIF in names and sif_model is not None:
        features[SIF] = reconstruct_sif(sif_model, store, month)[SIF]
    return features[list(names)]


def coarse_soil_moisture(store: FeatureStore, month: Month) -> xr.DataArray:
    """Return a month's mean soil moisture on the coarse cells; read once and kept.

    Returns
    -------
    DataArray (y, x), float32, m3 m-3
        NaN where missing.
    """
    grid = coarse_of(store.area)
    source = store.region.soil_moisture

    def read() -> xr.Dataset:
        values = soil_moisture_month(store.archive, grid, month, source).values
        return xr.Dataset({TARGET.name: (("y", "x"), values, {"units": UNITS})})

    inputs = fingerprint(store, soil_moisture_granules(store, month))
    what = source if isinstance(source, str) else source.model_dump_json()
    area = str((tuple(grid.shape), tuple(grid.affine)))
    key = digest(_VERSION, what, area, str(month), inputs)
    return FeatureCache(store.folder).get(f"coarse-{month}", key, read)[TARGET.name]


def _clipped(values: FloatArray) -> NDArray[np.bool_]:
    """Tell where a map lies on the border of its physical range, or beyond."""
    return np.asarray((values <= np.float32(DRIEST)) | (values >= np.float32(WETTEST)))


def _layers(raw: FloatArray, coarse: FloatArray, analysis: Analysis) -> dict[str, FloatArray]:
    conserving = conserve(raw, coarse)
    chosen: dict[Analysis, Callable[[], FloatArray]] = {
        "shrunken": lambda: half_residual(raw, coarse),
        "conserving": lambda: conserving,
        "none": lambda: raw,
    }
    layers = {
        "soil_moisture": chosen[analysis](),
        "soil_moisture_raw": raw,
        "soil_moisture_conserving": conserving,
    }
    return {name: values.astype(np.float32) for name, values in layers.items()}


def _table(task: Task, store: FeatureStore, month: Month, sif_model: TrainedModel | None) -> Table:
    """Return a month's rows: one for each coarse cell."""
    coarse = coarse_soil_moisture(store, month).to_numpy()
    names = [feature.name for feature in task.features]
    features = month_features(store, month, names, sif_model)
    means = np.stack([block_mean(features[name].to_numpy(), MIN_VALID).ravel() for name in names])
    grid = coarse_of(store.area)
    rows, columns = (index.ravel() + 0.5 for index in np.indices(tuple(grid.shape)))
    table = Table.of(
        features=task.features,
        target=TARGET,
        values=means.T,
        truth=coarse.ravel(),
        x=grid.affine.c + grid.affine.a * columns,
        y=grid.affine.f + grid.affine.e * rows,
        time=np.full(coarse.size, str(month)),
    )
    passed = {
        rule: kept.ravel()
        for rule, kept in training_rules(store, month, _predictable(features)).items()
    }
    return table.screened(passed)


def _predictable(features: xr.Dataset) -> NDArray[np.bool_]:
    """Tell where there are features enough for a prediction."""
    present = sum(np.isfinite(one.to_numpy()).astype(np.float32) for one in features.values())
    return np.asarray(present >= (1 - MAX_MISSING) * len(features.data_vars))


def _check_names(store: FeatureStore, names: Sequence[str], sif_model: TrainedModel | None) -> None:
    unknown = [name for name in names if name not in store.features]
    if unknown or not names or len(set(names)) != len(names):
        raise InputError(
            "features",
            f"{', '.join(unknown)} unknown" if unknown else f"{list(names)}",
            f"each at most once: {', '.join(store.features)}",
        )
    if (SIF in names) != (sif_model is not None):
        raise InputError("features", "sif and its model go together", "both of them or neither")


def _check_upstream(model: TrainedModel, sif_model: TrainedModel | None) -> None:
    given = sif_model.card.id if sif_model is not None else None
    if model.card.upstream != given:
        raise ModelError(
            f"{model.card.id} was trained with {model.card.upstream or 'no SIF model'}; "
            f"got {given or 'none'}"
        )
