"""The published layer: space from the model, time from SMAP.

SMAP knows best how a coarse cell changes from month to month, the model how places differ; and most
of what the model says changes within a coarse cell is its predictors' noise. So each part is taken
from who knows it. With ``P`` the model's map, ``S`` SMAP, ``A`` the mean over a coarse cell, ``m``
the mean over the model's training period, ``x' = x - m(x)``, ``i`` interpolation from coarse to
fine, ``f`` the mean over what SMAP resolves (`engine.footprint`), often the cell itself, and
``M' = amplitude A(P)'``::

    blend = m(P) + static i(m(S) - f(A(m(P))))
          + i(M' + smap (S' - f(M')))
          + detail shapes(P' - i(A(P)')) + grain (the rest of P' - i(A(P)'))

``shapes`` are what is left of the changes within a coarse cell when they are smoothed over some
kilometres; the rest is mostly the noise of single pixels.
The means are frozen with the model (`engine.background`), the weights are estimated without the
truth (`engine.weights`).

=====================  =========================================================================
``blend``              as above
``shrunken``           the model and half of SMAP's interpolated residual ``S - A(P)``
``conserving``         block means equal SMAP (`engine.residual.conserve`)
``temporal-anomaly``   the model and the anomaly of the residual, ``P + i(S' - A(P)')``
``none``               the model alone
=====================  =========================================================================

What needs means falls back to ``shrunken`` where there are none: with a model of one month, and
beyond the area that the model was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from engine.errors import InputError
from engine.grids import block_mean
from engine.history import as_resolved, smoothed
from engine.residual import DRIEST, WETTEST, bilinear, conserve, fade_out, half_residual

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.background import Background
    from engine.weights import Weights

    type FloatArray = NDArray[np.floating]

Analysis = Literal["blend", "shrunken", "conserving", "temporal-anomaly", "none"]
"""What the published layer is made of."""

DEFAULT: Analysis = "blend"
FALLBACK: Analysis = "shrunken"

_NEEDS_MEANS: tuple[Analysis, ...] = ("blend", "temporal-anomaly")
_NO_MEANS = f"{FALLBACK}: with this model no means of a training period were frozen"


def checked(analysis: str) -> Analysis:
    """Return the name of an analysis, or say which there are."""
    names: tuple[Analysis, ...] = get_args(Analysis)
    for name in names:
        if analysis == name:
            return name
    raise InputError("analysis", repr(analysis), ", ".join(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysed:
    """The layers of a month, ``(9 h, 9 w)`` float32 in m3 m-3, NaN where missing."""

    soil_moisture: NDArray[np.float32]
    """The analysis."""
    raw: NDArray[np.float32]
    """The model alone."""
    conserving: NDArray[np.float32]
    """Block means equal SMAP."""
    analysis: Analysis
    """What the analysis has become."""
    whole: NDArray[np.bool_]
    """Where the analysis is what it is called, and not its fallback."""
    fell_back: str | None = None
    """Why it is not what was asked for, or not everywhere."""


def analysed(
    prediction: FloatArray,
    coarse: FloatArray,
    analysis: Analysis = DEFAULT,
    *,
    background: Background | None = None,
    weights: Weights | None = None,
) -> Analysed:
    """Make the layers of a month.

    Parameters
    ----------
    prediction
        ``(9 h, 9 w)`` the model's map, m3 m-3; NaN where it says nothing.
    coarse
        ``(h, w)`` SMAP, m3 m-3; NaN where missing.
    analysis
        Which of them.
    background, weights
        What is frozen with the model, on the same grid; None where there is nothing.

    Notes
    -----
    The conserving layer starts from the blend, where there is one: of all layers its pattern within
    the coarse cells is the truest.
    """
    raw = prediction.astype(np.float64)
    shrunken = half_residual(raw, coarse)
    frozen = _from_means(raw, coarse, background, weights)
    start = frozen.get("blend", raw)
    conserving = conserve(np.where(np.isfinite(start), start, raw), coarse)
    layers: dict[Analysis, FloatArray] = {
        "shrunken": shrunken,
        "conserving": conserving,
        "none": raw,
        **frozen,
    }
    chosen = layers.get(analysis, shrunken)
    reason = _reason(chosen, raw) if analysis in _NEEDS_MEANS else None
    return Analysed(
        soil_moisture=np.where(np.isfinite(chosen), chosen, shrunken).astype(np.float32),
        raw=raw.astype(np.float32),
        conserving=conserving,
        analysis=analysis if analysis in layers else FALLBACK,
        whole=np.isfinite(chosen),
        fell_back=reason if analysis in layers else _NO_MEANS,
    )


def blend(
    prediction: FloatArray, coarse: FloatArray, background: Background, weights: Weights
) -> NDArray[np.float64]:
    """Put a month together of what SMAP and the model know best.

    Parameters
    ----------
    prediction
        ``(9 h, 9 w)`` the model's map, m3 m-3; NaN where it says nothing.
    coarse
        ``(h, w)`` SMAP, m3 m-3. Where it is missing the model's changes stand for it.
    background, weights
        What is frozen with the model, on the same grid.

    Returns
    -------
    ndarray (9 h, 9 w), m3 m-3
        Clipped to the physical range; NaN where the model or its mean is.
    """
    change = prediction - background.prediction
    cells = _means(change)
    model, smap = weights.amplitude * cells, coarse - background.soil_moisture
    together = model + weights.smap * (smap - as_resolved(model, weights.footprint))
    together = np.where(np.isfinite(smap), together, model)
    means = as_resolved(_means(background.prediction), weights.footprint)
    rest = fade_out(background.soil_moisture - means)
    within = change - bilinear(fade_out(cells))
    shapes = smoothed(within)
    whole = (
        background.prediction
        + weights.static * bilinear(rest)
        + bilinear(fade_out(together))
        + weights.detail * shapes
        + weights.grain * (within - shapes)
    )
    return np.clip(whole, DRIEST, WETTEST)


def temporal_anomaly(
    prediction: FloatArray, coarse: FloatArray, background: Background
) -> NDArray[np.float64]:
    """Give the model what SMAP's anomaly says beyond its own; all the rest is the model's.

    Parameters and what is returned are those of `blend`.
    """
    change = prediction - background.prediction
    rest = coarse - background.soil_moisture - _means(change)
    return np.clip(prediction + bilinear(fade_out(rest)), DRIEST, WETTEST)


def _from_means(
    raw: FloatArray, coarse: FloatArray, background: Background | None, weights: Weights | None
) -> dict[Analysis, FloatArray]:
    """Return the layers that need means, as far as there are any."""
    if background is None or weights is None:
        return {}
    return {
        "blend": blend(raw, coarse, background, weights),
        "temporal-anomaly": temporal_anomaly(raw, coarse, background),
    }


def _reason(layer: FloatArray, raw: FloatArray) -> str | None:
    """Say where a layer is replaced, if it is anywhere."""
    lacking = int((np.isfinite(raw) & ~np.isfinite(layer)).sum())
    return f"{FALLBACK} in {lacking} cells without a mean of the training" if lacking else None


def _means(fine: FloatArray) -> FloatArray:
    return block_mean(fine, min_valid=0.0)
