"""95 % intervals that know that months resemble the months before them.

References
----------
Bretherton, C. S. et al. (1999). The effective number of spatial degrees of freedom of a
time-varying field. doi:10.1175/1520-0442(1999)012<1990:TENOSD>2.0.CO;2

Gruber, A. et al. (2020). doi:10.1016/j.rse.2020.111806
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]
    type Bounds = tuple[Floats, Floats]

LEVEL = 0.95
_LEAST_PAIRS = 5
"""Pairs of neighbours in time that an autocorrelation needs."""


def autocorrelation(values: Floats) -> Floats:
    """Return the correlation with the step before, along the last axis.

    Parameters
    ----------
    values
        ``(..., t)`` in even steps of time, NaN where missing; gaps are stepped over.

    Returns
    -------
    ndarray (...)
        0 where there are too few neighbours to tell.
    """
    valid = np.isfinite(values)
    n = np.maximum(valid.sum(axis=-1, keepdims=True), 1)
    mean = np.where(valid, values, 0.0).sum(axis=-1, keepdims=True) / n
    centred = np.where(valid, values - mean, 0.0)
    both = valid[..., 1:] & valid[..., :-1]
    pairs = both.sum(axis=-1)
    shared = (centred[..., 1:] * centred[..., :-1]).sum(axis=-1) / np.maximum(pairs, 1)
    variance = (centred**2).sum(axis=-1) / n[..., 0]
    known = (pairs >= _LEAST_PAIRS) & (variance > 0)
    return np.where(known, np.clip(shared / np.where(known, variance, 1.0), -0.99, 0.99), 0.0)


def effective_pairs(n: NDArray[np.integer], first: Floats, second: Floats) -> Floats:
    """Return how many independent pairs two series are worth.

    Parameters
    ----------
    n
        Pairs.
    first, second
        Lag-1 autocorrelations of the two.

    Notes
    -----
    ``n (1 - r1 r2) / (1 + r1 r2)``, never more than n.
    """
    product = first * second
    return np.asarray(np.minimum(n, n * (1 - product) / (1 + product)))


def r_interval(r: Floats, n: Floats) -> Bounds:
    """Return Fisher's interval of correlations from n independent pairs; NaN for n ≤ 3."""
    known = n > 3
    z = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    reach = stats.norm.ppf((1 + LEVEL) / 2) / np.sqrt(np.where(known, n - 3, np.nan))
    return np.tanh(z - reach), np.tanh(z + reach)


def bias_interval(bias: Floats, sd: Floats, n: Floats) -> Bounds:
    """Return Student's interval of a mean difference.

    Parameters
    ----------
    bias
        The mean.
    sd
        Standard deviation of the differences (with n - 1).
    n
        Independent pairs.
    """
    known = np.where(n > 1, n, np.nan)
    reach = stats.t.ppf((1 + LEVEL) / 2, known - 1) * sd / np.sqrt(known)
    return bias - reach, bias + reach


def ubrmse_interval(ubrmse: Floats, n: Floats) -> Bounds:
    """Return the chi-squared interval of a standard deviation of n independent differences."""
    known = np.where(n > 1, n, np.nan)
    bounds = [
        np.sqrt(known * ubrmse**2 / stats.chi2.ppf(share, known - 1))
        for share in ((1 + LEVEL) / 2, (1 - LEVEL) / 2)
    ]
    return bounds[0], bounds[1]


def block_length(n: int) -> int:
    """Return the length of the blocks that a series of n months is drawn in.

    >>> block_length(44)
    4
    """
    return max(1, round(math.cbrt(n)))


def block_draws(n: int, draws: int, generator: np.random.Generator) -> Floats:
    """Draw a series again and again, in blocks that keep neighbours together.

    Returns
    -------
    ndarray (draws, n), float64
        How often each member is in each draw; blocks run on from the end to the beginning.
    """
    length = block_length(n)
    starts = generator.integers(0, n, size=(draws, -(-n // length)))
    members = (starts[..., None] + np.arange(length)) % n
    members = members.reshape(draws, -1)[:, :n]
    flat = members + n * np.arange(draws)[:, None]
    return np.bincount(flat.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)


def percentiles(drawn: Floats) -> Bounds:
    """Return the ends of the middle 95 % of draws ``(draws, ...)``; NaN where one is missing."""
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high
