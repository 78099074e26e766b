"""How far the analysis may be off the truth at 1 km: a 90 % interval for every pixel.

Differences from SMAP are not errors against the truth: SMAP has errors of its own, and a 9 km cell
says nothing of its pixels. So the variance is put together of three parts, none of which needs the
truth:

*Places.* The long-term mean of the analysis is the model's, and a model errs the more the less a
place is like what it has learnt from. In blocks that it has not learnt from, the squared
differences ``(m(M) - m(S))²`` of long-term means, less the variance of SMAP's own static error, are
regressed on the squared dissimilarity ``d²`` of the cells (`engine.applicability`), with
coefficients that are not negative. Pixels are less like the training rows than cells are; their
dissimilarity carries the relation from 9 km to 1 km, which is how sub-grid variance comes in. No
error is larger than that of a guess, twice the variance of soil moisture.

*Changes* of a coarse cell: the error variance of SMAP's and the model's weighted mean,
``smap × e²`` (`engine.weights`).

*Detail*, the changes within a coarse cell. One scale up, with 9 km inside 27 km, ``κ`` is how much
of a true change the model shows: ``cov(M', S')`` ÷ the variance of the truth. With ``v`` the
variance of the model's changes of pixels, the truth then varies by ``v detail / κ``, and the
analysis leaves ``v detail (1 / κ - detail)`` of it unsaid.

SMAP's own errors are told by collocation (`engine.witnesses`). Where there are no witnesses, the
whole difference counts as the model's error, and intervals are rather too wide than too narrow.

A standard deviation becomes the half of an interval by the quantile that held-out cells need.

References
----------
Meyer, H. & Pebesma, E. (2021). Predicting into unknown space? Estimating the area of applicability
of spatial prediction models. doi:10.1111/2041-210X.13650
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import nnls

from engine.collocation import MIN_TRIPLETS, deseasonalised
from engine.history import detail, fine_detail, over_time
from engine.models.graphs.graph import INPUT, Drawing, onnx_file
from engine.models.table import Variable
from engine.witnesses import monthly_collocation, smap_bias

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.history import History
    from engine.weights import Weights

LEVEL = 0.9
"""Share of the truth that intervals are to cover."""

APPLICABILITY = Variable(name="applicability", units="1")
HALF_WIDTH = Variable(name="half_width", units="m3 m-3")

_NORMAL = 1.645
"""Standard deviations of a normal distribution that 90 % lie within."""
_FACTORS = (1.4, 2.0)
"""Where the factor is kept: a few blocks cannot tell the tails well."""
_SHOWN = (0.3, 1.0)
"""Where the share of true changes that the model shows is kept; the first one where unknown."""
_GUESS = 2.0
"""Variance of the error of a guess ÷ variance of soil moisture."""


class Errors(BaseModel):
    """The parts of an analysis' error variance, in (m3 m-3)² where not said otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    places: float = Field(ge=0, description="Of the long-term mean, however familiar a pixel is.")
    growth: float = Field(ge=0, description="The same for each squared unit of applicability.")
    most: float = Field(ge=0, description="Largest variance of the long-term mean's error.")
    changes: float = Field(ge=0, description="Of the changes of a coarse cell.")
    detail: float = Field(ge=0, description="Of the changes within a coarse cell.")
    factor: float = Field(gt=0, description="Standard deviations to either side of the analysis.")
    smap_bias: float | None = Field(
        description="Standard deviation of SMAP's static error by collocation, m3 m-3; None where "
        "it could not be told and counts as the model's."
    )


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
    rest = over_time(history.held_out - history.coarse)
    squared = over_time(applicability) ** 2
    total = float(np.nanvar(history.coarse))
    known = np.isfinite(rest) & np.isfinite(squared)
    noise, places, growth = 0.0, total, 0.0
    if known.any():
        noise = min(bias or 0.0, float(rest[known].var()))
        places, growth = _growth(rest[known] ** 2 - noise, squared[known])
    return Errors(
        places=places,
        growth=growth,
        most=max(_GUESS * total, places),
        changes=_changes(weights, total),
        detail=_detail(history, weights),
        factor=_factor(history, squared, (places, growth, noise)),
        smap_bias=None if bias is None else float(np.sqrt(noise)),
    )


def interval_onnx(errors: Errors) -> bytes:
    """Return an ONNX model from the applicability of a pixel to half the width of its interval."""
    drawing = Drawing("")
    squared = drawing.node("Mul", [INPUT, INPUT], "squared")
    growth = drawing.constant("growth", np.array([errors.growth]))
    places = drawing.constant("places", np.array([errors.places]))
    grown = drawing.node("Mul", [squared, growth], "grown")
    whole = drawing.node("Add", [grown, places], "whole")
    most = drawing.constant("most", np.array([errors.most]))
    limited = drawing.node("Min", [whole, most], "limited")
    rest = drawing.constant("rest", np.array([errors.changes + errors.detail]))
    variance = drawing.node("Add", [limited, rest], "variance")
    deviation = drawing.node("Sqrt", [variance], "deviation")
    factor = drawing.constant("factor", np.array([errors.factor]))
    half = drawing.node("Mul", [deviation, factor], "half")
    return onnx_file(drawing.graph(half), [APPLICABILITY], HALF_WIDTH)


def _growth(error: NDArray[np.float64], squared: NDArray[np.float64]) -> tuple[float, float]:
    """Regress an error variance on a squared dissimilarity; no coefficient is negative."""
    (places, growth), _ = nnls(np.stack([np.ones(squared.size), squared], axis=1), error)
    return float(places), float(growth)


def _changes(weights: Weights, total: float) -> float:
    if weights.smap_error is None:
        return total
    return weights.smap * weights.smap_error**2


def _detail(history: History, weights: Weights) -> float:
    months = history.months
    changes = deseasonalised(fine_detail(history.fine), months)
    known = np.isfinite(changes)
    variance = float(np.mean(changes[known] ** 2)) if known.any() else 0.0
    shown = _shown(history)
    return variance * weights.detail * max(1 / shown - weights.detail, 0.0)


def _shown(history: History) -> float:
    """Return how much of a true change within 27 km the model shows."""
    found = monthly_collocation(history, detail)
    if found is None or not found.signal > 0:
        return _SHOWN[0]
    smap, model = (
        detail(deseasonalised(one, history.months)) for one in (history.coarse, history.held_out)
    )
    both = smap * model
    known = np.isfinite(both)
    agreement = float(both[known].mean()) if known.any() else 0.0
    return float(np.clip(agreement / found.signal, *_SHOWN))


def _factor(
    history: History, squared: NDArray[np.float64], errors: tuple[float, float, float]
) -> float:
    """Return how many standard deviations 90 % of the held-out months lie within.

    Their variance is that of places, growing with the squared dissimilarity, of SMAP's static error
    and of all that changes; so it is the shape of the errors that counts here, not their size.
    """
    places, growth, noise = errors
    rest = history.held_out - history.coarse
    changing = rest - over_time(rest)
    known = np.isfinite(changing + squared)
    if known.sum() < MIN_TRIPLETS:
        return _NORMAL
    variance = places + growth * squared + noise + float(np.mean(changing[known] ** 2))
    size = np.abs(rest) / np.sqrt(variance)
    return float(np.clip(np.quantile(size[known], LEVEL), *_FACTORS))
