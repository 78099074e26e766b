"""How much of each part of an analysis to take, estimated without the truth.

The analysis (`engine.analysis`) takes its parts from SMAP and from the model. How far either can be
trusted is estimated from the training period:

``smap``
    With ``S'`` and ``M'`` the deseasonalised anomalies of SMAP and of the model in blocks that it
    has not learnt from, ``amplitude = cov(S', M') / var(M')``: a regression's changes are damped,
    and SMAP's errors do not bias this slope. The rest ``S' - amplitude M'`` is SMAP's error, of
    variance ``e²`` by triple collocation (`engine.witnesses`), and the model's own. So
    ``smap = 1 - e² / var(S' - amplitude M')``, the share of the rest that is the model's error.
``detail``, ``grain``
    Changes within a coarse cell have shapes of some kilometres, and grain from pixel to pixel, most
    of it the predictors' noise. One scale up, with 9 km as fine inside 27 km as coarse, SMAP's
    anomalies within 27 km are regressed on the model's: a slope that SMAP's errors do not bias. At
    1 km the model is noisier. True anomalies last from month to month and noise does not, so the
    slope is multiplied by the persistence (lag of one month) of the shapes, or of the grain,
    divided by the persistence of the model's anomalies within 27 km.
``static``
    Of what SMAP's long-term mean says beyond the model's. A bias of SMAP and an error of the model
    look alike without stations, so only what is surely the model's counts: the mean square that
    its held-out means move by once it learns from the block, divided by the mean square of the
    difference from SMAP's. Where a standard deviation ``s`` of SMAP's bias is documented it is
    ``1 - s² / var(R)``, with ``R`` the difference of the two means in blocks that the model has not
    learnt from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from engine.collocation import deseasonalised, persistence
from engine.grids import block_mean
from engine.history import as_resolved, detail, fine_detail, over_time, slope, smoothed
from engine.witnesses import smap_error

if TYPE_CHECKING:
    from engine.history import History

SMAP_RANGE = (0.3, 0.8)
"""Where SMAP's share is kept: the witnesses share errors of rain that collocation takes for signal.
"""
AMPLITUDE_RANGE = (0.7, 2.0)
"""Where the factor of the model's changes is kept."""
DEFAULT_SMAP, DEFAULT_DETAIL, DEFAULT_GRAIN = 0.5, 0.5, 0.1
"""What is taken where the training period is too short to tell."""

_MOST_STATIC = 0.5
"""Largest share of SMAP's mean where no bias is documented."""
_DOUBT = 2.0
"""Factor by which SMAP's error variance is changed either way to see what depends on it."""


class Weights(BaseModel):
    """The shares of an analysis, and what they come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    smap: float = Field(ge=0, le=1, description="Share of SMAP in the changes of a coarse cell.")
    amplitude: float = Field(gt=0, description="Factor of the model's changes of a coarse cell.")
    detail: float = Field(ge=0, le=1, description="Share of the shapes of its changes within it.")
    grain: float = Field(ge=0, le=1, description="Share of the grain of these changes.")
    static: float = Field(ge=0, le=1, description="Share of SMAP's mean beyond the model's.")
    footprint: int = Field(
        default=1, ge=1, description="Coarse cells along a side of what SMAP resolves."
    )
    smap_between: tuple[float, float] = Field(
        description="SMAP's share were its error variance twice or half the estimated one."
    )
    smap_error: float | None = Field(
        default=None, description="Standard deviation of SMAP's monthly errors, m3 m-3."
    )
    model_error: float | None = Field(
        default=None,
        description="Standard deviation of the errors of the model's monthly changes at 9 km, in "
        "blocks that it has not learnt from, m3 m-3.",
    )
    persistence: tuple[float, float, float] | None = Field(
        default=None,
        description="Of the shapes and the grain of the model's changes within 9 km, and of its "
        "changes within 27 km; lag of one month.",
    )
    defaults: dict[str, str] = Field(
        default_factory=dict, description="Shares that could not be estimated, and why."
    )


def estimate_weights(history: History, bias: float | None = None) -> Weights:
    """Estimate the shares of an analysis from a training period.

    Parameters
    ----------
    history
        The training period. Months of the year that occur twice are needed.
    bias
        Documented standard deviation of SMAP's static bias, m3 m-3.
    """
    defaults: dict[str, str] = {}
    changes = _changes(history, defaults)
    inner = _detail(history, defaults)
    return Weights(
        **changes,
        **inner,
        static=_static(history, bias),
        footprint=history.footprint,
        defaults=defaults,
    )


def _changes(history: History, defaults: dict[str, str]) -> dict[str, object]:
    """Weigh SMAP's changes of a coarse cell against the model's."""
    smap, model = (
        deseasonalised(one, history.months) for one in (history.coarse, history.held_out)
    )
    amplitude, error = slope(smap, model), smap_error(history)
    if not amplitude > 0 or error is None:
        defaults["smap"] = "too few months of the year occur twice, or there are no witnesses"
        usual = (DEFAULT_SMAP, DEFAULT_SMAP)
        return {"smap": DEFAULT_SMAP, "amplitude": 1.0, "smap_between": usual}
    amplitude = float(np.clip(amplitude, *AMPLITUDE_RANGE))
    rest = float(np.nanvar(smap - amplitude * model))
    shares = [_share(rest, doubt * error) for doubt in (1, _DOUBT, 1 / _DOUBT)]
    return {
        "smap": shares[0],
        "amplitude": amplitude,
        "smap_between": (shares[1], shares[2]),
        "smap_error": float(np.sqrt(error)),
        "model_error": float(np.sqrt(max(rest - error, 0.0))),
    }


def _share(rest: float, error: float) -> float:
    return float(np.clip(1 - error / rest if rest > 0 else DEFAULT_SMAP, *SMAP_RANGE))


def _detail(history: History, defaults: dict[str, str]) -> dict[str, object]:
    """Weigh the model's changes within a coarse cell."""
    months = history.months
    smap = detail(deseasonalised(history.coarse, months))
    model = detail(deseasonalised(history.held_out, months))
    within = deseasonalised(fine_detail(history.fine), months)
    shapes = smoothed(within)
    lasting = tuple(persistence(one, months) for one in (shapes, within - shapes, model))
    up = slope(smap, model)
    if not (np.isfinite(up) and np.isfinite(lasting).all() and lasting[2] > 0):
        defaults["detail"] = "too few months follow each other, or occur twice"
        return {"detail": DEFAULT_DETAIL, "grain": DEFAULT_GRAIN}
    shares = np.clip([up * one / lasting[2] for one in lasting[:2]], 0, 1)
    return {
        "detail": float(shares[0]),
        "grain": float(min(shares)),
        "persistence": lasting,
    }


def _static(history: History, bias: float | None) -> float:
    """Weigh what SMAP's mean says beyond the model's."""
    unseen = over_time(history.held_out)
    rest = unseen - over_time(history.coarse)
    moved = unseen - as_resolved(
        over_time(block_mean(history.fine, min_valid=0.0)), history.footprint
    )
    known = np.isfinite(rest + moved)
    if not known.any() or not rest[known].any():
        return 0.0
    if bias is not None:
        return max(0.0, 1 - bias**2 / float(rest[known].var()))
    share = float(np.mean(moved[known] ** 2) / np.mean(rest[known] ** 2))
    return min(share, _MOST_STATIC)
