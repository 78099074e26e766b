"""What a map does inside and across SMAP's cells: detail, edges, imprints, conservation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.grids import BLOCK, as_blocks, block_mean, lonlat
from engine.residual import edge_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    type Floats = NDArray[np.floating]
    type Flags = NDArray[np.bool_]

RAIN_PIXEL = 0.05
"""Side of a CHIRPS cell, degrees."""
_LEAST_CELLS = 20
"""Valid fine cells of a coarse cell for its standard deviation to be told."""
_LEAST_STEPS = 50
"""Pairs of neighbours for a ratio of steps to be told."""
_MIN_VALID = 0.6
"""Share of valid fine cells of a coarse cell for its mean to be compared with SMAP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """One map of one month; NaN where it cannot be told."""

    sd_within: float
    """Mean standard deviation inside 9 km cells, m3 m-3."""
    edge_ratio: float
    """Steps across the edges of 9 km cells ÷ steps inside them; 1 is a map without edges."""
    imprint: float
    """Steps across the edges of rain's 0.05° cells ÷ other steps; 1 is a map without imprint."""
    conservation_max: float
    """Largest difference of a block mean from SMAP, m3 m-3."""
    conservation_rms: float
    """Root mean square of those, m3 m-3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RainEdges:
    """Where neighbours on the fine grid lie in different cells of 0.05°."""

    across: Flags
    """``(x - 1,)`` between columns."""
    down: Flags
    """``(y - 1,)`` between rows."""

    @classmethod
    def of(cls, grid: GeoBox) -> RainEdges:
        """Find the edges on a grid whose rows lie along parallels."""
        lon, lat = lonlat(grid)
        column, row = (np.floor(one / RAIN_PIXEL) for one in (lon[0], lat[:, 0]))
        return cls(across=np.diff(column) != 0, down=np.diff(row) != 0)


def texture(values: Floats, coarse: Floats | None, edges: RainEdges) -> Texture:
    """Describe a map.

    Parameters
    ----------
    values
        ``(9 h, 9 w)`` m3 m-3, NaN where missing.
    coarse
        ``(h, w)`` SMAP, where it is known.
    edges
        Of rain's cells.
    """
    lost = np.full(1, np.nan) if coarse is None else block_mean(values, _MIN_VALID) - coarse
    lost = lost[np.isfinite(lost)]
    within = sd_within(values)
    within = within[np.isfinite(within)]
    return Texture(
        sd_within=float(within.mean()) if within.size else float("nan"),
        edge_ratio=edge_ratio(values),
        imprint=imprint(values, edges),
        conservation_max=float(np.abs(lost).max()) if lost.size else float("nan"),
        conservation_rms=float(np.sqrt(np.mean(lost**2))) if lost.size else float("nan"),
    )


def sd_within(values: Floats) -> Floats:
    """Return the standard deviation inside every coarse cell: ``(9 h, 9 w)`` to ``(h, w)``."""
    blocks = as_blocks(values)
    valid = np.isfinite(blocks)
    count = valid.sum(axis=(-3, -1))
    divisor = np.maximum(count, 1)
    mean = np.where(valid, blocks, 0.0).sum(axis=(-3, -1)) / divisor
    centred = np.where(valid, blocks - mean[..., :, None, :, None], 0.0)
    sd = np.sqrt((centred**2).sum(axis=(-3, -1)) / divisor)
    return np.where(count >= _LEAST_CELLS, sd, np.nan)


def imprint(values: Floats, edges: RainEdges) -> float:
    """Compare the steps across edges of rain's cells with all other steps.

    Steps across the edges of SMAP's cells are left out, since they may have a cause of their own.
    """
    across, inside = [], []
    for steps, crossing in (
        (np.abs(np.diff(values, axis=1)).T, edges.across),
        (np.abs(np.diff(values, axis=0)), edges.down),
    ):
        ours = np.arange(1, len(steps) + 1) % BLOCK != 0
        across.append(steps[crossing & ours].ravel())
        inside.append(steps[~crossing & ours].ravel())
    found = [np.concatenate(parts) for parts in (across, inside)]
    found = [part[np.isfinite(part)] for part in found]
    if min(part.size for part in found) < _LEAST_STEPS or not found[1].any():
        return float("nan")
    return float(found[0].mean() / found[1].mean())


def variogram(values: Floats, lags: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return half the mean squared difference of cells so many steps apart, along both axes.

    Parameters
    ----------
    values
        ``(y, x)`` NaN where missing.
    lags
        ``(lags,)`` distances in cells, from 1.

    Returns
    -------
    ndarray (lags,)
        NaN where no pair is so far apart.
    """
    found = np.full(len(lags), np.nan)
    for k, lag in enumerate(lags):
        parts = [values[lag:] - values[:-lag], values[:, lag:] - values[:, :-lag]]
        squares = np.concatenate([part.ravel() for part in parts]) ** 2
        known = squares[np.isfinite(squares)]
        if known.size:
            found[k] = known.mean() / 2
    return found
