"""Solar-induced fluorescence at 1 km, learnt from eSIF at 0.05°.

A forest learns 8-day eSIF from the means of reflectances, indices, surface temperatures and light
over its cells, and is applied to the same at 1 km. eSIF is noisy and itself partly made from
near-infrared reflectance, so only a share of what it says beyond the model is added: the share
that is no noise (`engine.sif_residual`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine.errors import MissingDataError
from engine.feature_cache import FeatureCache, digest
from engine.features import SIF_PREDICTORS
from engine.grids import EASE2_CRS, lonlat, transformer
from engine.models.candidates import candidate
from engine.models.card import CardTarget
from engine.models.table import Table, Variable, gathered
from engine.models.training import Task, card_region, training
from engine.months import Month
from engine.progress import silent, span
from engine.provenance import SIF, fingerprint, sif_granules
from engine.quality import QUALITY, quality_layer
from engine.report.gathering import gathered_evidence, mapped_sif, months_to_show
from engine.sif_inputs import PAR_UNITS, esif_field, sif_cells, sif_predictors
from engine.sif_residual import residual_weight, smooth_residual

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.feature_store import FeatureStore
    from engine.models.candidates import AnyCandidate
    from engine.models.inference import Predictor
    from engine.models.store import TrainedModel
    from engine.months import Period
    from engine.progress import Progress
    from engine.report.evidence import MappedMonth
    from engine.sif_inputs import SifCells
    from engine.sif_residual import CoarseResidual

    type FloatArray = NDArray[np.floating]

_logger = logging.getLogger(__name__)

UNITS = "mW m-2 nm-1 sr-1"
MIN_DAYS = 0.5
"""Least share of a month's days that eSIF, and the predictors, must cover."""

_VERSION = "2"
_READING, _TRAINED = 0.4, 0.9
"""Shares of the training time after which the tables are read, and the model is trained."""


def sif_task(
    store: FeatureStore, months: Sequence[Month], settings: AnyCandidate | None = None
) -> Task:
    """Return what a SIF model for a region and some months is asked to be.

    Its key finds the model if it has been trained before.
    """
    region = store.region
    granules = [granule for month in months for granule in sif_granules(store, month)]
    units = {name: feature.units for name, feature in SIF_PREDICTORS.items()} | {"par": PAR_UNITS}
    return Task(
        kind="sif",
        settings=settings or candidate("sif"),
        features=tuple(Variable(name=name, units=unit) for name, unit in units.items()),
        target=CardTarget(name=SIF, units=UNITS, description="TROPOMI eSIF, 0.05°, 8 days"),
        region=card_region(
            region.name, region.bbox, synthetic=region.synthetic or store.archive.synthetic
        ),
        months=tuple(sorted(months)),
        inputs=fingerprint(store, granules),
        omissions={},
    )


def train_sif(
    store: FeatureStore,
    months: Sequence[Month],
    settings: AnyCandidate | None = None,
    *,
    progress: Progress = silent,
    threads: int = 2,
) -> TrainedModel:
    """Train the SIF model of a region on all 8-day periods of some months.

    Parameters
    ----------
    store
        Predictors and eSIF.
    months
        Months to train on.
    settings
        Those that ship where not given.
    progress, threads
        As in `engine.models.training.train`.

    Raises
    ------
    MissingDataError
        Where no period has both eSIF and predictors; the first period's reason. Single periods
        without are left out and listed on the card.
    ModelError
        Where there is too little to learn from.
    """
    task = sif_task(store, months, settings)
    periods = sorted({period for month in months for period in store.periods(month)})
    table, left_out = gathered(
        {period.start.isoformat(): period for period in periods},
        lambda period: _table(task, sif_cells(store, period)),
        span(progress, 0.0, _READING),
        "SIF training rows",
    )
    trained = training(
        table,
        task,
        left_out=left_out,
        progress=span(progress, _READING, _TRAINED),
        threads=threads,
    )
    progress(_TRAINED, "maps for the report")
    kept = gathered_evidence(trained, _shown(trained.model, trained.table, store))
    return trained.model.with_companions(kept.companions())


def _shown(
    model: TrainedModel, table: Table, store: FeatureStore
) -> list[tuple[MappedMonth, xr.DataArray]]:
    """Map the months with the lowest and with the highest fluorescence, if they can be mapped."""
    names = np.array([str(time)[:7] for time in table.time])
    means = {str(name): float(table.truth[names == name].mean()) for name in np.unique(names)}
    shown = []
    for name, reasons in months_to_show(means, ("lowest", "highest")).items():
        month = Month.parse(name)
        try:
            shown.append(mapped_sif(month, reasons, _reconstructed(model, store, month, None)))
        except MissingDataError as error:
            _logger.info("%s is not in the report: %s", month, error)
    return shown


def reconstruct_sif(
    model: TrainedModel, store: FeatureStore, month: Month, *, weight: float | None = None
) -> xr.Dataset:
    """Return a month of SIF at 1 km; made once and kept beside the features.

    Parameters
    ----------
    model
        A SIF model.
    store
        Predictors and eSIF.
    month
        The month.
    weight
        Share of eSIF's residual that is added, 0 to 1. Unless given it is estimated, month by
        month, as the share that is no noise.

    Returns
    -------
    Dataset (y, x), float32, mW m-2 nm-1 sr-1
        ``sif_raw``, the mean of the model's 8-day maps by the days they share with the month,
        and ``sif``, with eSIF's weighted residual. A pixel is NaN where it has values for less
        than half of the month's days. The attributes tell the weight, and how far the residual's
        smooth field misses its means over eSIF's cells (root mean square).

    Raises
    ------
    MissingDataError
        Where eSIF, or the predictors, cover less than half of the month's days.
    FeatureMismatchError
        Where the model has other features.
    """
    area = (tuple(store.area.shape), tuple(store.area.affine))
    inputs = fingerprint(store, sif_granules(store, month))
    key = digest(_VERSION, model.card.id, str(area), str(weight), inputs)
    cache = FeatureCache(store.folder)
    made = cache.get(f"{SIF}-{month}", key, lambda: _reconstructed(model, store, month, weight))
    return made.assign_attrs(month=str(month), region=store.region.name, model=model.card.id)


def sif_month(model: TrainedModel, store: FeatureStore, month: Month) -> xr.Dataset:
    """Return a month of SIF with its quality, as it is published.

    Parameters
    ----------
    model, store, month
        As in :func:`reconstruct_sif`.

    Returns
    -------
    Dataset (y, x)
        What :func:`reconstruct_sif` returns, and ``quality``, uint16, see :mod:`engine.quality`.
    """
    made = reconstruct_sif(model, store, month)
    beyond = np.full(tuple(store.area.shape), str(month) not in model.card.training)
    made[QUALITY] = quality_layer(store, month, extrapolated=beyond, with_smap=False)
    return made


def _reconstructed(
    model: TrainedModel, store: FeatureStore, month: Month, weight: float | None
) -> xr.Dataset:
    predictor = model.predictor()
    raw, residual = DayMean(month), DayMean(month)
    coarse: list[CoarseResidual] = []
    for period in store.periods(month):
        predicted = _predicted(predictor, store, period)
        if predicted is None:
            continue
        raw.add(predicted, period)
        difference = _residual(predicted, store, period)
        if difference is not None:
            residual.add(difference.fine, period)
            coarse.append(difference)
    _check_days(raw, month, "the predictors of SIF", "MCD43A4 and MOD11A2")
    _check_days(residual, month, "eSIF", "eSIF")
    if weight is None:
        weight = residual_weight([one.values for one in coarse])
    alone = raw.result()
    together = alone + weight * np.nan_to_num(residual.result())
    made = _dataset(store, alone, together)
    missed = float(np.sqrt(np.mean([one.conservation_error**2 for one in coarse])))
    return made.assign_attrs(residual_weight=weight, conservation_error=missed)


class DayMean:
    """Mean of 8-day maps by the days that they share with a month."""

    def __init__(self, month: Month) -> None:
        self.month, self.days = month, 0
        self._total: FloatArray = np.zeros(())
        self._weight: FloatArray = np.zeros(())

    def add(self, values: FloatArray, period: Period) -> None:
        """Take the map of one period."""
        days = period.shared_days(self.month.period)
        valid = np.isfinite(values)
        self._total = self._total + np.where(valid, values * float(days), 0.0)
        self._weight = self._weight + valid * float(days)
        self.days += days

    def result(self) -> FloatArray:
        """Return the mean where at least half of the month's days have a value."""
        enough = self._weight >= MIN_DAYS * self.month.days
        empty = np.full(np.shape(self._total), np.nan)
        mean: FloatArray = np.divide(self._total, self._weight, out=empty, where=enough)
        return mean


def _check_days(mean: DayMean, month: Month, what: str, product: str) -> None:
    needed = MIN_DAYS * month.days
    if mean.days < needed:
        raise MissingDataError(
            product,
            str(month),
            f"{what} on at least {needed:g} of {month.days} days; found {mean.days}",
        )


def _predicted(predictor: Predictor, store: FeatureStore, period: Period) -> FloatArray | None:
    try:
        return predictor.map(sif_predictors(store, period)).to_numpy()
    except MissingDataError as error:
        _logger.warning("%s", error)
        return None


def _residual(predicted: FloatArray, store: FeatureStore, period: Period) -> CoarseResidual | None:
    """Return what eSIF says beyond the model; it fades where eSIF is missing."""
    try:
        field = esif_field(store, period)
    except MissingDataError as error:
        _logger.warning("%s", error)
        return None
    cells, _ = store.weights.area(store.area, field.geobox).apply(predicted)
    observed = np.where(field.weight > 0, field.values, np.nan)
    return smooth_residual(observed - cells, field.geobox, store.area, store.weights)


def _dataset(store: FeatureStore, raw: FloatArray, together: FloatArray) -> xr.Dataset:
    affine, (height, width) = store.area.affine, store.area.shape
    layers = {
        "sif": (together, "Solar-induced fluorescence with what eSIF adds to the model"),
        "sif_raw": (raw, "Solar-induced fluorescence, the model alone"),
    }
    return xr.Dataset(
        {
            name: (
                ("y", "x"),
                values.astype(np.float32),
                {"units": UNITS, "long_name": title},
            )
            for name, (values, title) in layers.items()
        },
        {
            "y": ("y", affine.f + affine.e * (np.arange(height) + 0.5), {"units": "m"}),
            "x": ("x", affine.c + affine.a * (np.arange(width) + 0.5), {"units": "m"}),
        },
        {"crs": str(store.area.crs)},
    )


def _table(task: Task, cells: SifCells) -> Table:
    lon, lat = (values.ravel()[cells.index] for values in lonlat(cells.geobox))
    x, y = transformer("EPSG:4326", EASE2_CRS).transform(lon, lat)
    return Table.of(
        features=task.features,
        target=Variable(name=task.target.name, units=task.target.units),
        values=cells.values,
        truth=cells.target,
        x=np.asarray(x),
        y=np.asarray(y),
        time=np.full(cells.index.size, cells.period.start.isoformat()),
    )
