"""Triple collocation: errors of three witnesses, where there are enough independent triplets.

References
----------
Gruber, A. et al. (2016). Recent advances in (soil moisture) triple collocation analysis.
doi:10.1016/j.jag.2015.09.002

Gruber, A. et al. (2020). doi:10.1016/j.rse.2020.111806
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.intervals import autocorrelation, block_draws, percentiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.validation.rules import Rules

    type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """One of three."""

    snr_db: float
    """Signal to noise, dB."""
    snr_interval: tuple[float, float]
    error_sd: float
    """Standard deviation of its errors, in the unit of the first witness."""
    error_interval: tuple[float, float]
    scale: float
    """Its scaling to the first witness."""
    r: float
    """Correlation with the unknown truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Triple:
    """What three witnesses say of each other, or why they cannot."""

    names: tuple[str, str, str]
    triplets: int
    independent: float
    """How many independent triplets they are worth."""
    witnesses: tuple[Witness, Witness, Witness] | None
    why_not: str
    """Empty where there is a result."""


def triple(
    names: tuple[str, str, str], values: tuple[Floats, Floats, Floats], rules: Rules, seed: int = 20
) -> Triple:
    """Collocate three series ``(t,)`` in even steps of time.

    Nothing is told where autocorrelation leaves fewer independent triplets than the rules ask for,
    or where two of the three do not agree at all.
    """
    together = np.stack(values)
    known = np.isfinite(together).all(axis=0)
    n = int(known.sum())
    memory = autocorrelation(np.where(known, together, np.nan))
    worst = float(max(np.prod(np.delete(memory, k)) for k in range(3)))
    independent = min(n, n * (1 - worst) / (1 + worst))
    if independent < rules.triplets:
        why = f"{n} triplets are worth {independent:.0f} independent ones; {rules.triplets} needed"
        return _none(names, n, independent, why)
    mine = together[:, known]
    point = _solved(np.cov(mine)[None])
    if not np.isfinite(point).all():
        return _none(names, n, independent, "two of the three do not agree at all")
    draws = block_draws(n, rules.draws, np.random.default_rng(seed))
    low, high = percentiles(_finite(_solved(_covariances(mine, draws))))
    witnesses = [
        Witness(
            snr_db=float(point[0, 0, k]),
            snr_interval=(float(low[0, k]), float(high[0, k])),
            error_sd=float(point[0, 1, k]),
            error_interval=(float(low[1, k]), float(high[1, k])),
            scale=float(point[0, 2, k]),
            r=float(point[0, 3, k]),
        )
        for k in range(3)
    ]
    return Triple(
        names=names,
        triplets=n,
        independent=independent,
        witnesses=(witnesses[0], witnesses[1], witnesses[2]),
        why_not="",
    )


def _none(names: tuple[str, str, str], n: int, independent: float, why: str) -> Triple:
    return Triple(names=names, triplets=n, independent=independent, witnesses=None, why_not=why)


def _covariances(values: Floats, draws: Floats) -> Floats:
    """Return the covariance matrices ``(draws, 3, 3)`` of drawn triplets."""
    n = draws.sum(axis=1)
    centred = values - values.mean(axis=1, keepdims=True)
    means = draws @ centred.T / n[:, None]
    products = np.einsum("it,jt->tij", centred, centred).reshape(values.shape[1], 9)
    seconds = (draws @ products / n[:, None]).reshape(-1, 3, 3)
    spread = seconds - means[:, :, None] * means[:, None, :]
    return np.asarray(spread * n[:, None, None] / (n[:, None, None] - 1))


def _solved(c: Floats) -> Floats:
    """Return SNR, error, scale and R ``(draws, 4, 3)`` of covariance matrices ``(draws, 3, 3)``."""
    found = np.full((len(c), 4, 3), np.nan)
    usable = np.minimum(np.minimum(c[:, 0, 1], c[:, 0, 2]), c[:, 1, 2]) > 0
    c = c[usable]
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        signal = c[:, k, i] * c[:, k, j] / c[:, i, j]
        total = c[:, k, k]
        # The scaling brings a witness to the first one's unit.
        other = 2 if k == 1 else 1
        scale = np.ones(len(c)) if k == 0 else c[:, 0, other] / c[:, k, other]
        error = np.sqrt(np.maximum(total - signal, 0)) * np.abs(scale)
        ratio = np.abs(np.maximum(np.abs(total / signal - 1), 1e-300))
        found[usable, :, k] = np.stack(
            [-10 * np.log10(ratio), error, scale, np.sqrt(np.clip(signal / total, 0, 1))], axis=1
        )
    return found


def _finite(drawn: Floats) -> Floats:
    return drawn[np.isfinite(drawn).all(axis=(1, 2))]
