"""Soil moisture at 1 km, learnt from SMAP at 9 km.

A model learns monthly coarse soil moisture from the block means of 1 km features, and is applied
to the 1 km features themselves. The published layer takes space from the model and time from SMAP
(`engine.analysis`), with what is frozen beside the model at its training (`engine.frozen`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine.analysis import DEFAULT, analysed, checked
from engine.errors import InputError, ModelError
from engine.footprint import averaged, resolved_side
from engine.frozen import Frozen, freeze
from engine.lessons import coarse_rain, month_features, month_rows
from engine.models.candidates import candidate
from engine.models.card import CardTarget
from engine.models.table import Variable, gathered
from engine.models.training import Task, card_region, training
from engine.months import Month
from engine.progress import silent, span
from engine.provenance import SIF, fingerprint, map_granules
from engine.quality import QUALITY, quality_layer
from engine.report.gathering import (
    calibrated,
    gathered_evidence,
    mapped_moisture,
    months_to_show,
)
from engine.residual import DRIEST, WETTEST
from engine.target import TARGET, UNITS, coarse_soil_moisture
from engine.witnessing import witnessed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.analysis import Analysed, Analysis
    from engine.feature_store import FeatureStore
    from engine.history import History
    from engine.models.candidates import AnyCandidate
    from engine.models.store import TrainedModel
    from engine.models.training import Training
    from engine.progress import Progress
    from engine.report.evidence import MappedMonth

    type FloatArray = NDArray[np.floating]

_READING, _TRAINED, _KNOWN = 0.45, 0.75, 0.95
"""Shares of the training time after which the features are read, the model is trained, and its
training period is looked at."""

_TITLES = {
    "soil_moisture": "Surface soil moisture, analysis",
    "soil_moisture_raw": "Surface soil moisture, the model alone",
    "soil_moisture_conserving": "Surface soil moisture, block means equal to SMAP",
    "lower": "Lower end of the analysis' 90 % interval",
    "upper": "Upper end of the analysis' 90 % interval",
    "applicability": "Dissimilarity to what the model has learnt from; above 1 it only guesses",
}
_ATTRIBUTES = {
    name: {"units": "1" if name == "applicability" else UNITS, "long_name": title}
    for name, title in _TITLES.items()
}


def downscaling_task(
    store: FeatureStore,
    months: Sequence[Month],
    names: Sequence[str],
    sif_model: TrainedModel | None = None,
    settings: AnyCandidate | None = None,
    *,
    omissions: Mapping[str, str] | None = None,
    tuning_seconds: float = 0.0,
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
    tuning_seconds
        Time to look for better settings in, once for every fold and once for the model.

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
        target=CardTarget(
            name=TARGET.name,
            units=UNITS,
            description=region.soil_moisture_title,
            bias=region.soil_moisture_bias,
        ),
        region=card_region(
            region.name, region.bbox, synthetic=region.synthetic or store.archive.synthetic
        ),
        months=tuple(sorted(months)),
        inputs=fingerprint(store, granules),
        omissions=dict(omissions or {}),
        upstream=sif_model.card.id if sif_model is not None else None,
        tuning_seconds=tuning_seconds,
    )


def train_downscaling(
    store: FeatureStore,
    months: Sequence[Month],
    names: Sequence[str],
    sif_model: TrainedModel | None = None,
    settings: AnyCandidate | None = None,
    *,
    omissions: Mapping[str, str] | None = None,
    tuning_seconds: float = 0.0,
    progress: Progress = silent,
    threads: int = 2,
) -> TrainedModel:
    """Train the soil moisture model of a region on some months.

    Parameters
    ----------
    store, months, names, sif_model, settings, omissions, tuning_seconds
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
    task = downscaling_task(
        store,
        months,
        names,
        sif_model,
        settings,
        omissions=omissions,
        tuning_seconds=tuning_seconds,
    )
    table, left_out = gathered(
        {str(month): month for month in task.months},
        lambda month: month_rows(task.features, store, month, sif_model),
        span(progress, 0.0, _READING),
        "features",
    )
    footprint = resolved_side(table, seed=task.settings.seed)
    trained = training(
        averaged(table, footprint),
        task,
        left_out=left_out,
        progress=span(progress, _READING, _TRAINED),
        threads=threads,
    )
    history = _history(
        trained,
        store,
        sif_model,
        footprint=footprint,
        progress=span(progress, _TRAINED, _KNOWN),
        threads=threads,
    )
    frozen = freeze(trained, history, store.area, store.region.soil_moisture_bias)
    model = trained.model.with_companions(frozen.companions())
    progress(_KNOWN, "maps for the report")
    errors = frozen.about.errors
    kept = gathered_evidence(
        trained,
        _shown(model, history, store, sif_model, threads),
        None if errors is None else calibrated(trained, history, errors, store.area),
    )
    return model.with_companions(kept.companions())


def _shown(
    model: TrainedModel,
    history: History,
    store: FeatureStore,
    sif_model: TrainedModel | None,
    threads: int,
) -> list[tuple[MappedMonth, xr.DataArray]]:
    """Map the driest and the wettest month of a training period, and that of the flood."""
    months = {str(month): place for place, month in enumerate(history.months)}
    means = {name: float(np.nanmean(history.coarse[place])) for name, place in months.items()}
    return [
        mapped_moisture(
            Month.parse(name),
            reasons,
            downscale_month(model, store, Month.parse(name), sif_model, threads=threads),
            history.coarse[months[name]],
        )
        for name, reasons in months_to_show(means, ("driest", "wettest")).items()
    ]


def _history(
    trained: Training,
    store: FeatureStore,
    sif_model: TrainedModel | None,
    *,
    footprint: int,
    progress: Progress,
    threads: int,
) -> History:
    """Look at the training period with the model that came of it."""
    months = [Month.parse(name) for name in np.unique(trained.table.time)]
    predictor = trained.model.predictor(threads=threads)
    fine, coarse, rain = [], [], []
    for done, month in enumerate(months):
        progress(done / len(months), f"background of {month}")
        features = month_features(store, month, predictor.card.feature_names, sif_model)
        fine.append(predictor.map(features).to_numpy())
        coarse.append(coarse_soil_moisture(store, month).to_numpy())
        rain.append(coarse_rain(store, month))
    known = [one for one in rain if one is not None]
    return witnessed(
        trained,
        store.area,
        months,
        np.stack(fine),
        np.stack(coarse),
        rain=np.stack(known) if len(known) == len(months) else None,
        footprint=footprint,
        threads=threads,
    )


def downscale_month(
    model: TrainedModel,
    store: FeatureStore,
    month: Month,
    sif_model: TrainedModel | None = None,
    *,
    analysis: Analysis = DEFAULT,
    uncertainty: bool = True,
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
        What ``soil_moisture`` is, see :mod:`engine.analysis`.
    uncertainty
        Whether to tell how far a blend may be off, and where the model only guesses.
    threads
        Threads of the prediction.

    Returns
    -------
    Dataset (y, x), float32, m3 m-3
        ``soil_moisture``, ``soil_moisture_raw`` and ``soil_moisture_conserving``; NaN where
        missing. With a blend ``lower`` and ``upper``, its 90 % interval. ``applicability`` (1),
        see :mod:`engine.applicability`; ``quality``, uint16, see :mod:`engine.quality`. The
        attributes tell the analysis, its weights, and why it is not what was asked for, if so.

    Raises
    ------
    MissingDataError
        Where the month lacks soil moisture or a feature's product.
    ModelError
        Where the SIF model is not the one that the model was trained with.
    """
    wanted = checked(analysis)
    _check_upstream(model, sif_model)
    coarse = coarse_soil_moisture(store, month).to_numpy().astype(np.float64)
    features = month_features(store, month, model.card.feature_names, sif_model)
    raw = model.predictor(threads=threads).map(features)
    frozen = Frozen.of(model)
    made = _analysed(raw.to_numpy(), coarse, wanted, frozen, store)
    layers = _layers(made)
    unlike = None
    if uncertainty and frozen is not None:
        unlike = frozen.unlikeness(features, threads=threads)
        layers |= {"applicability": unlike} | _interval(made, frozen, unlike, month)
    others = [name for name in model.card.feature_names if name != SIF]
    quality = quality_layer(
        store,
        month,
        others,
        _clipped(made.soil_moisture),
        outside=None if unlike is None else unlike > 1,
        extrapolated=_beyond(made, learnt=str(month) in model.card.training),
    )
    return xr.Dataset(
        {
            name: raw.copy(data=values).assign_attrs(_ATTRIBUTES[name])
            for name, values in layers.items()
        }
        | {QUALITY: quality},
        attrs=features.attrs | {"month": str(month), "model": model.card.id} | _told(made, frozen),
    )


def _beyond(made: Analysed, *, learnt: bool) -> NDArray[np.bool_]:
    """Tell where a map is of another month or another area than the model has learnt from."""
    return np.isfinite(made.raw) & ~(made.whole & learnt)


def _clipped(values: FloatArray) -> NDArray[np.bool_]:
    """Tell where a map lies on the border of its physical range, or beyond."""
    return np.asarray((values <= np.float32(DRIEST)) | (values >= np.float32(WETTEST)))


def _analysed(
    raw: FloatArray,
    coarse: FloatArray,
    analysis: Analysis,
    frozen: Frozen | None,
    store: FeatureStore,
) -> Analysed:
    """Make the layers with what is frozen with the model, as far as it is."""
    if frozen is None or frozen.background is None:
        return analysed(raw, coarse, analysis)
    background = frozen.background.on(store.area)
    return analysed(raw, coarse, analysis, background=background, weights=frozen.about.weights)


def _layers(made: Analysed) -> dict[str, NDArray[np.float32]]:
    return {
        "soil_moisture": made.soil_moisture,
        "soil_moisture_raw": made.raw,
        "soil_moisture_conserving": made.conserving,
    }


def _interval(
    made: Analysed, frozen: Frozen, unlike: NDArray[np.float32], month: Month
) -> dict[str, NDArray[np.float32]]:
    """Return the interval of a blend; of other analyses none is known."""
    half = frozen.half_widths(unlike, month)
    if half is None or made.analysis != "blend":
        return {}
    half = np.where(made.whole, half, np.float32(np.nan))
    return {
        "lower": np.clip(made.soil_moisture - half, DRIEST, WETTEST),
        "upper": np.clip(made.soil_moisture + half, DRIEST, WETTEST),
    }


def _told(made: Analysed, frozen: Frozen | None) -> dict[str, str | float]:
    """Return what is published of how the analysis came about."""
    told: dict[str, str | float] = {"analysis": made.analysis}
    if made.fell_back is not None:
        told["analysis_fell_back"] = made.fell_back
    weights = None if frozen is None else frozen.about.weights
    if made.analysis == "blend" and weights is not None:
        told |= {
            "weight_smap": weights.smap,
            "weight_smap_least": weights.smap_between[0],
            "weight_smap_most": weights.smap_between[1],
            "weight_amplitude": weights.amplitude,
            "weight_detail": weights.detail,
            "weight_grain": weights.grain,
            "weight_static": weights.static,
            "smap_footprint": weights.footprint,
        }
    return told


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
