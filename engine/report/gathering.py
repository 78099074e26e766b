"""From a training to the evidence that is kept of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from engine.applicability import Applicability
from engine.grids import coarse_of
from engine.report.evidence import (
    Calibration,
    Cells,
    Density,
    ErrorRange,
    Evidence,
    Kept,
    MappedMonth,
    Maps,
)
from engine.skill import conservation_error
from engine.witnessing import gridded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.history import History
    from engine.models.splits import SplitName
    from engine.models.table import Table
    from engine.models.training import Training
    from engine.models.variogram import Variogram
    from engine.months import Month
    from engine.report.evidence import Reason
    from engine.uncertainty import Errors

    type Floats = NDArray[np.floating]

FLOOD = "2021-07"
"""The month of the flood of Zhengzhou."""

_UNSEEN: SplitName = "spatial-block"
_CLASSES = 60
"""Of predictions and targets, along either axis."""
_TAIL = 0.001
"""Share of the rows at either end that a picture may leave out."""
_CELLS = 20_000
"""Most cells of a map of folds; larger areas are made coarser."""
_SIDE = 360
"""Most pixels along a side of a map."""
_STEP = 1e-4
"""What maps and errors are rounded to: less cannot be seen."""
_LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_QUANTILES = (0.126, 0.253, 0.385, 0.524, 0.674, 0.842, 1.036, 1.282, 1.645, 1.960)
"""Standard deviations of a normal distribution that these shares lie within."""
_BINS = 8


def gathered_evidence(
    training: Training,
    maps: Sequence[tuple[MappedMonth, xr.DataArray]] = (),
    calibration: Calibration | None = None,
) -> Kept:
    """Gather what a report will need of a training.

    Parameters
    ----------
    training
        The model and its rows.
    maps
        Months to show, with their maps ``(y, x)`` on one grid.
    calibration
        Of the intervals, where there are any.
    """
    table = training.table
    evidence = Evidence(
        densities={
            name: _density(prediction, table.truth)
            for name, prediction in training.held_out.items()
        },
        cells=_cells(table, training),
        error_range=_error_range(training.variogram),
        calibration=calibration,
        months=tuple(month for month, _ in maps),
    )
    return Kept(evidence=evidence, maps=_drawn_maps([drawn for _, drawn in maps]))


def months_to_show(
    means: Mapping[str, float], ends: tuple[Reason, Reason]
) -> dict[str, tuple[Reason, ...]]:
    """Choose the months with the lowest and the highest mean, and that of the flood.

    Parameters
    ----------
    means
        Mean of the target by month, ``YYYY-MM``.
    ends
        What the lowest and the highest are called.

    Returns
    -------
    dict
        Why each month is shown; in order.

    Examples
    --------
    >>> months_to_show({"2020-01": 0.2, "2020-07": 0.3, "2021-07": 0.4}, ("driest", "wettest"))
    {'2020-01': ('driest',), '2021-07': ('wettest', 'flood')}
    """
    known = {month: mean for month, mean in means.items() if math.isfinite(mean)}
    if not known:
        return {}
    chosen: dict[str, list[Reason]] = {}
    for month, reason in zip((min, max), ends, strict=True):
        chosen.setdefault(month(known, key=known.__getitem__), []).append(reason)
    if FLOOD in known and ends[1] == "wettest":
        chosen.setdefault(FLOOD, []).append("flood")
    return {month: tuple(chosen[month]) for month in sorted(chosen)}


def mapped_moisture(
    month: Month, reasons: tuple[Reason, ...], layers: xr.Dataset, coarse: Floats
) -> tuple[MappedMonth, xr.DataArray]:
    """Return a month of soil moisture as it is shown.

    Parameters
    ----------
    month, reasons
        Which, and why.
    layers
        As of :func:`engine.downscale.downscale_month`.
    coarse
        ``(h, w)`` SMAP.
    """
    shown = layers["soil_moisture"]
    unlike, width = layers.get("applicability"), None
    if "lower" in layers:
        width = float((layers["upper"] - layers["lower"]).mean())
    known = None if unlike is None else unlike.to_numpy()[np.isfinite(unlike.to_numpy())]
    return (
        MappedMonth(
            month=str(month),
            reasons=reasons,
            mean=float(shown.mean()),
            outside=None if known is None or not known.size else float((known > 1).mean()),
            interval=width,
            conservation=conservation_error(layers["soil_moisture_conserving"].to_numpy(), coarse),
            fell_back=layers.attrs.get("analysis_fell_back"),
        ),
        shown,
    )


def mapped_sif(
    month: Month, reasons: tuple[Reason, ...], layers: xr.Dataset
) -> tuple[MappedMonth, xr.DataArray]:
    """Return a month of fluorescence as it is shown; layers as of `engine.sif.reconstruct_sif`."""
    return (
        MappedMonth(
            month=str(month),
            reasons=reasons,
            mean=float(layers["sif"].mean()),
            conservation=float(layers.attrs["conservation_error"]),
            weight=float(layers.attrs["residual_weight"]),
        ),
        layers["sif"],
    )


def calibrated(
    training: Training, history: History, errors: Errors, area: GeoBox
) -> Calibration | None:
    """Compare the intervals of coarse cells held out with SMAP.

    SMAP errs itself, and a month differs from the mean: what these add to the differences is taken
    to be alike everywhere, and to go with the months of the year as the errors of changes do. So
    this tests the shape of the errors and where they are large.
    """
    table = training.table
    known = Applicability.learnt(
        table.values, table.truth, training.splits.blocks, training.fitted.importance()
    )
    index = known.between_folds(table.values, training.splits.blocks)
    unlike = gridded(table, index, coarse_of(area), history.months)
    places = np.minimum(errors.growth * unlike**2, errors.most)
    rest = history.held_out - history.coarse
    there = np.isfinite(rest + places)
    if there.sum() < _BINS**2:
        return None
    season = np.broadcast_to(errors.season(history.months)[:, None, None], rest.shape)
    places, rest, season = places[there], np.abs(rest[there]), season[there]
    spread = np.sqrt(places + max(float(np.mean(rest**2 - places)), 0.0) * season)
    sizes = np.array(_QUANTILES) * errors.factor / _QUANTILES[_LEVELS.index(0.9)]
    classes = np.array_split(np.argsort(spread, kind="stable"), _BINS)
    return Calibration(
        cells=int(there.sum()),
        levels=_LEVELS,
        shares=tuple(float((rest <= size * spread).mean().round(4)) for size in sizes),
        expected=tuple(_root_mean_square(spread[one]) for one in classes),
        found=tuple(_root_mean_square(rest[one]) for one in classes),
    )


def _root_mean_square(values: Floats) -> float:
    return round(float(np.sqrt(np.mean(values**2))), 5)


def _density(prediction: Floats, truth: Floats) -> Density:
    """Count rows by class of prediction and of target."""
    tested = np.isfinite(prediction)
    both = np.concatenate([prediction[tested], truth[tested]])
    low, high = (float(edge) for edge in np.quantile(both, [_TAIL, 1 - _TAIL]))
    high = high if high > low else low + 1.0
    edges = np.linspace(low, high, _CLASSES + 1)
    counts, _, _ = np.histogram2d(prediction[tested], truth[tested], bins=(edges, edges))
    return Density(low=low, high=high, counts=tuple(map(tuple, counts.astype(int).tolist())))


def _cells(table: Table, training: Training) -> Cells | None:
    """Put folds and errors of the spatial blocks on a map."""
    prediction = training.held_out.get(_UNSEEN)
    if prediction is None:
        return None
    columns, column = np.unique(table.x.round(), return_inverse=True)
    lines, line = np.unique(-table.y.round(), return_inverse=True)
    merged = math.ceil(math.sqrt(columns.size * lines.size / _CELLS))
    column, line = column // merged, line // merged
    shape = (line.max() + 1, column.max() + 1)
    place = line * shape[1] + column
    rows = np.bincount(place, minlength=shape[0] * shape[1])
    total = np.bincount(place, np.nan_to_num(prediction - table.truth), rows.size)
    fold = np.full(rows.size, -1)
    fold[place] = training.splits.blocks
    error = np.round(total / np.maximum(rows, 1), 5)
    there = (rows > 0).reshape(shape)
    return Cells(
        x=tuple(columns[::merged].tolist()),
        y=tuple((-lines[::merged]).tolist()),
        fold=_or_none(fold.reshape(shape), there),
        error=_or_none(error.reshape(shape), there),
    )


def _or_none[T](
    values: NDArray[np.generic], there: NDArray[np.bool_]
) -> tuple[tuple[T | None, ...], ...]:
    return tuple(
        tuple(value if known else None for value, known in zip(*rows, strict=True))
        for rows in zip(values.tolist(), there.tolist(), strict=True)
    )


def _error_range(variogram: Variogram | None) -> ErrorRange | None:
    if variogram is None:
        return None
    return ErrorRange(
        lags=variogram.lags,
        semivariance=variogram.semivariance,
        pairs=variogram.pairs,
        nugget=variogram.nugget,
        sill=variogram.sill,
        range=variogram.range,
    )


def _drawn_maps(maps: Sequence[xr.DataArray]) -> Maps | None:
    """Make maps as coarse as the eye allows."""
    if not maps:
        return None
    first = maps[0]
    stack = np.stack([one.to_numpy() for one in maps])
    times = math.ceil(max(first.shape) / _SIDE)
    x, y = first["x"].to_numpy(), first["y"].to_numpy()
    across, down = abs(x[1] - x[0]) / 2, abs(y[1] - y[0]) / 2
    values = _coarser(stack, times)
    extent = (x[0] - across, x[-1] + across, y[-1] - down, y[0] + down)
    left, right, bottom, top = map(float, extent)
    return Maps(
        values=(np.round(values / _STEP) * _STEP).astype(np.float32),
        extent=(left, right, bottom, top),
    )


def _coarser(stack: Floats, times: int) -> NDArray[np.float64]:
    """Average ``times × times`` pixels of ``(t, y, x)`` where there are some."""
    if times == 1:
        return stack.astype(np.float64)
    pad = [(0, 0), *((0, -size % times) for size in stack.shape[1:])]
    whole = np.pad(stack.astype(np.float64), pad, constant_values=np.nan)
    count, height, width = whole.shape
    parts = whole.reshape(count, height // times, times, width // times, times)
    known = np.isfinite(parts)
    rows = known.sum(axis=(2, 4))
    total = np.where(known, parts, 0).sum(axis=(2, 4))
    return np.where(rows > 0, total / np.maximum(rows, 1), np.nan)
