"""How far the analysis may be off the truth at 1 km: a 90 % interval for every pixel.

Differences from SMAP are not errors against the truth: SMAP has errors of its own, and a 9 km cell
says nothing of its pixels. So the variance is put together of three parts, none of which needs the
truth:

*Places.* The long-term mean of the analysis is the model's, and a model errs the more the less a
place is like what it has learnt from: by ``growth d²``, with ``d`` the dissimilarity index ÷
threshold (`engine.applicability`). Pixels are less like the training rows than coarse cells are;
their dissimilarity carries the relation from 9 km to 1 km, which is how sub-grid variance comes in.
``growth`` is the mean squared error of held-out cells ÷ their mean ``d²``, and two estimates bound
that error, of which the smaller one counts:

- ``3.5 mean (m(M) - m(A(P)))²``: how far the model, had it not learnt from a block, would be off
  what it says having learnt from it. SMAP's errors are hardly in it. An error that both have in
  common is not in it either. In worlds with a known truth the factor was 1.3 to 3.2 over a whole
  province; towns, of which models learn least, need the largest.
- ``mean (m(M) - m(S))² - b²``: the difference from SMAP's long-term mean, less the variance of
  SMAP's static error by collocation (`engine.witnesses`).

No error is larger than that of a guess, twice the variance of soil moisture.

*Changes* of a coarse cell: the error variance of SMAP's and the model's weighted mean
(`engine.weights`), ``smap² e² + (1 - smap)² (r² - e²)``, with ``r²`` the variance of what SMAP's
changes differ by from the model's. It goes with the months of the year: what single storms make wet
is harder to tell than what is dry for long. Years are few, so a month's ``r²`` is averaged with
those of its neighbours.

*Detail*, the changes within a coarse cell. One scale up, with 9 km inside 27 km, collocation tells
how much the truth varies. Soil moisture varies little less at every step of three in scale, and
from 9 km to 1 km there are two steps: 1.6 times as much in all (1.5 to 1.9 in worlds with a known
truth). Where SMAP resolves less than its cells, the model's maps tell what it blurs. What the
analysis does not tell of it is its error, which goes with the months as ``r²`` does: when the
changes of cells are hard to tell, so are those within.

A standard deviation becomes the half of an interval by the quantile that held-out cells need.

References
----------
Meyer, H. & Pebesma, E. (2021). Predicting into unknown space? Estimating the area of applicability
of spatial prediction models. doi:10.1111/2041-210X.13650
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from onnx import TensorProto
from pydantic import BaseModel, ConfigDict, Field

from engine.collocation import MIN_TRIPLETS, deseasonalised, persistence
from engine.grids import block_mean
from engine.history import as_resolved, detail, fine_detail, over_time, smoothed
from engine.models.graphs.graph import INPUT, Drawing, onnx_file
from engine.models.inference import Session
from engine.models.table import Variable
from engine.witnesses import monthly_collocation, smap_bias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.history import History
    from engine.months import Month
    from engine.weights import Weights

LEVEL = 0.9
"""Share of the truth that intervals are to cover."""

APPLICABILITY = Variable(name="applicability", units="1")
MONTH = Variable(name="month_of_year", units="1")
HALF_WIDTH = Variable(name="half_width", units="m3 m-3")

_NORMAL = 1.645
"""Standard deviations of a normal distribution that 90 % lie within."""
_FACTORS = (1.4, 2.0)
"""Where the factor is kept: a few blocks cannot tell the tails well."""
_SHARED = 3.5
"""Variance of held-out errors ÷ variance of what they differ by from those of the whole model.

This and `_BELOW` were chosen on two synthetic worlds whose truth had been seen.
"""
_BELOW = 1.6
"""Variance of true changes within 9 km ÷ variance of those from 27 to 9 km."""
_LEAST_UNSAID = 0.25
"""Least share of the true changes within a coarse cell that the analysis misses."""
_GUESS = 2.0
"""Variance of the error of a guess ÷ variance of soil moisture."""
_YEAR = 12
_NEIGHBOURS = (0.25, 0.5, 0.25)
"""Weights of the month before, the month and the month after."""

type Months = Annotated[tuple[float, ...], Field(min_length=_YEAR, max_length=_YEAR)]
"""One number for each month of the year, January first."""


class Errors(BaseModel):
    """The parts of an analysis' error variance, in (m3 m-3)² where not said otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    growth: float = Field(
        ge=0, description="Of the long-term mean, for each squared unit of applicability."
    )
    most: float = Field(ge=0, description="Largest variance of the long-term mean's error.")
    changes: Months = Field(description="Of the changes of a coarse cell, January to December.")
    detail: Months = Field(description="Of the changes within a coarse cell, likewise.")
    factor: float = Field(gt=0, description="Standard deviations to either side of the analysis.")
    smap_bias: float | None = Field(
        description="Standard deviation of SMAP's static error by collocation, m3 m-3; None where "
        "it could not be told and counts as the model's."
    )

    def season(self, months: Sequence[Month]) -> NDArray[np.float64]:
        """Return each month's error variance ``(t,)`` of changes, relative to the year's mean."""
        detail = np.array(self.detail)
        return np.asarray((detail / detail.mean())[[month.month - 1 for month in months]])


def estimate_errors(
    history: History, weights: Weights, applicability: NDArray[np.floating]
) -> Errors:
    """Estimate the error variance of an analysis from its training period.

    Parameters
    ----------
    history
        The training period.
    weights
        Of the analysis.
    applicability
        ``(t, h, w)`` index ÷ threshold of each coarse cell, which may not see its own fold
        (:meth:`engine.applicability.Applicability.between_folds`); NaN where unknown.
    """
    bias = smap_bias(history)
    unseen = over_time(history.held_out)
    rest = unseen - over_time(history.coarse)
    moved = unseen - as_resolved(
        over_time(block_mean(history.fine, min_valid=0.0)), history.footprint
    )
    squared = over_time(applicability) ** 2
    total = float(np.nanvar(history.coarse))
    growth = _growth(rest, moved, squared, bias or 0.0)
    if growth is None:
        growth = _GUESS * total
    apart = _apart(history, weights)
    season = apart / apart.mean()
    return Errors(
        growth=growth,
        most=_GUESS * total,
        changes=tuple(_changes(weights, apart, total).tolist()),
        detail=tuple((_detail(history, weights, total) * season).tolist()),
        factor=_factor(history, growth * squared, season),
        smap_bias=None if bias is None else float(np.sqrt(bias)),
    )


def interval_onnx(errors: Errors) -> bytes:
    """Return an ONNX model of half the width of a pixel's interval.

    It reads the pixel's applicability and the month of the year, 1 to 12.
    """
    drawing = Drawing("")
    unlike, month = (
        drawing.node("Gather", [INPUT, drawing.axis(column)], name, axis=1)
        for column, name in enumerate(("unlike", "month"))
    )
    squared = drawing.node("Mul", [unlike, unlike], "squared")
    growth = drawing.constant("growth", np.array([errors.growth]))
    grown = drawing.node("Mul", [squared, growth], "grown")
    most = drawing.constant("most", np.array([errors.most]))
    limited = drawing.node("Min", [grown, most], "limited")
    # A number for month 0, which there is not, makes the others' places their months.
    by_month = np.array([0.0, *np.add(errors.changes, errors.detail)])
    place = drawing.node("Cast", [month], "place", to=TensorProto.INT64)
    rest = drawing.node("Gather", [drawing.constant("by_month", by_month), place], "rest")
    variance = drawing.node("Add", [limited, rest], "variance")
    deviation = drawing.node("Sqrt", [variance], "deviation")
    factor = drawing.constant("factor", np.array([errors.factor]))
    half = drawing.node("Mul", [deviation, factor], "half")
    return onnx_file(drawing.graph(half), [APPLICABILITY, MONTH], HALF_WIDTH)


def half_widths(interval: bytes, unlike: NDArray[np.floating], month: Month) -> NDArray[np.float32]:
    """Return half of the widths of a month's intervals.

    Parameters
    ----------
    interval
        The ONNX model of `interval_onnx`.
    unlike
        Applicability of pixels, of any shape.
    month
        The month.

    Returns
    -------
    ndarray of the same shape, m3 m-3
    """
    rows = np.stack([unlike.ravel(), np.full(unlike.size, month.month)], axis=1)
    return Session(interval)(rows).reshape(unlike.shape)


def _growth(
    rest: NDArray[np.float64],
    moved: NDArray[np.float64],
    squared: NDArray[np.float64],
    bias: float,
) -> float | None:
    """Return the variance of the long-term mean's error for each squared unit; None if unknown.

    Parameters
    ----------
    rest, moved
        ``(h, w)`` held-out mean less SMAP's, and less the model's own, m3 m-3.
    squared
        ``(h, w)`` squared applicability.
    bias
        Variance of SMAP's static error.
    """
    known = np.isfinite(rest + moved + squared)
    if not known.any():
        return None
    own = float(np.mean(moved[known] ** 2))
    beyond = max(float(np.mean(rest[known] ** 2)) - bias, own)
    return min(_SHARED * own, beyond) / float(np.mean(squared[known]))


def _apart(history: History, weights: Weights) -> NDArray[np.float64]:
    """Return the variance ``(12,)`` of what SMAP's changes differ by from the model's.

    A month of the year that tells nothing has the mean of the others.
    """
    smap, model = (
        deseasonalised(one, history.months) for one in (history.coarse, history.held_out)
    )
    squared = (smap - weights.amplitude * model) ** 2
    calendar = np.array([month.month for month in history.months])
    months = np.full(_YEAR, np.nan)
    for number in range(_YEAR):
        same = squared[calendar == number + 1]
        if np.isfinite(same).any():
            months[number] = np.nanmean(same)
    known = np.isfinite(months)
    if not known.any() or not months[known].any():
        return np.ones(_YEAR)
    filled = np.where(known, months, months[known].mean())
    around = (weight * np.roll(filled, place - 1) for place, weight in enumerate(_NEIGHBOURS))
    return np.asarray(sum(around))


def _changes(weights: Weights, apart: NDArray[np.float64], total: float) -> NDArray[np.float64]:
    """Return the error variance ``(12,)`` of the changes of a coarse cell."""
    if weights.smap_error is None:
        return np.full(_YEAR, total)
    error = weights.smap_error**2
    model = np.maximum(apart - error, 0.0)
    return weights.smap**2 * error + (1 - weights.smap) ** 2 * model


def _detail(history: History, weights: Weights, total: float) -> float:
    within = deseasonalised(fine_detail(history.fine), history.months)
    shapes = smoothed(within)
    told = weights.detail * shapes + weights.grain * (within - shapes)
    known = np.isfinite(told)
    said = float(np.mean(told[known] ** 2)) if known.any() else 0.0
    found = monthly_collocation(history, detail)
    truth = total if found is None else _BELOW * _blurred(history) * found.signal
    return max(truth - said, _LEAST_UNSAID * truth)


def _blurred(history: History) -> float:
    """Return the variance of changes within 27 km, divided by what SMAP's footprint leaves of it.

    As the model's maps have it, by what lasts from month to month: noise does not.
    """
    if history.footprint == 1:
        return 1.0
    months, cells = history.months, block_mean(history.fine, min_valid=0.0)
    whole, left = (
        detail(deseasonalised(one, months))
        for one in (cells, as_resolved(cells, history.footprint))
    )
    lasting, lasting_left = (
        persistence(one, months) * float(np.nanmean(one**2)) for one in (whole, left)
    )
    return max(lasting / lasting_left, 1.0) if lasting_left > 0 else 1.0


def _factor(history: History, places: NDArray[np.float64], season: NDArray[np.float64]) -> float:
    """Return how many standard deviations 90 % of the held-out months lie within.

    Their variance is that of places and whatever else there is, SMAP's own errors too; so it is the
    shape of the errors that counts here, not their size.
    """
    rest = history.held_out - history.coarse
    known = np.isfinite(rest + places)
    if known.sum() < MIN_TRIPLETS:
        return _NORMAL
    other = max(float(np.mean((rest**2 - places)[known])), 0.0)
    turn = season[[month.month - 1 for month in history.months], np.newaxis, np.newaxis]
    size = np.abs(rest) / np.sqrt(places + other * turn)
    return float(np.clip(np.quantile(size[known], LEVEL), *_FACTORS))
