"""A test without stations: the same method one scale up, where the fine field is known.

SMAP's 9 km cells are averaged to 27 km. The method learns from those, with predictors averaged
likewise, and makes a 9 km map; SMAP itself tells how good that is inside the 27 km cells. What it
tests is the method, not SMAP: SMAP's errors are in both scales.

Fine cells are handed to the method as 3 × 3 equal pixels each, so what runs is the very code that
makes 1 km maps, 9 × 9 pixels to a coarse cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from engine.grids import BLOCK, COARSE_PIXEL
from engine.kriging import area_to_point
from engine.models.bootstrap import Clusters, Scores
from engine.models.crossval import held_out_predictions
from engine.models.splits import deal
from engine.models.table import Table, Variable
from engine.residual import bilinear, conserve, fade_out, half_residual

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from engine.models.candidates import Candidate, Fitted
    from engine.models.splits import Splits

    type FloatArray = NDArray[np.floating]
    type Layers = Mapping[str, NDArray[np.float64]]

SIDE = 3
"""Fine cells along a side of a coarse one."""
MIN_VALID = 0.6
"""Least share of fine cells that a coarse one needs."""
BLOCK_SIDE = 4 * SIDE * COARSE_PIXEL
"""Least side of a block that is held out, metres: four coarse cells."""

_PIXELS = BLOCK // SIDE
_TARGET = Variable(name="soil_moisture", units="m3 m-3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """SMAP and the predictors on its own cells."""

    times: tuple[str, ...]
    """``(t,)`` months, ISO 8601."""
    target: NDArray[np.float64]
    """``(t, h, w)`` m3 m-3, NaN where missing."""
    features: NDArray[np.float32]
    """``(t, f, h, w)``, NaN where missing."""
    variables: tuple[Variable, ...]
    """``(f,)`` names and units."""

    def whole(self) -> Fields:
        """Return the part that is made of whole coarse cells."""
        height, width = (size // SIDE * SIDE for size in self.target.shape[1:])
        return Fields(
            times=self.times,
            target=self.target[:, :height, :width],
            features=self.features[:, :, :height, :width],
            variables=self.variables,
        )

    def table(self, *, coarse: bool) -> Table:
        """Return the rows of the fine or of the coarse cells, by time, row and column."""
        target = means(self.target) if coarse else self.target
        features = means(self.features) if coarse else self.features
        times, height, width = target.shape
        row, column = (index.ravel() + 0.5 for index in np.indices((height, width)))
        side = COARSE_PIXEL * (SIDE if coarse else 1)
        return Table.of(
            features=self.variables,
            target=_TARGET,
            values=np.moveaxis(features, 1, -1).reshape(-1, len(self.variables)),
            truth=target.ravel(),
            x=np.tile(side * column, times),
            y=np.tile(-side * row, times),
            time=np.repeat(np.array(self.times), height * width),
        )


class LayerScores(BaseModel):
    """How near a fine map is to SMAP's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    whole: Scores
    """Of the values."""
    inside: Scores
    """Of what fine cells differ from the mean of their coarse cell."""


class ScaleUp(BaseModel):
    """The layers side by side."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: int
    """Fine cells compared, over all times."""
    deviation: float
    """Standard deviation of SMAP, m3 m-3."""
    deviation_inside: float
    """The same inside coarse cells."""
    intervals: str
    layers: dict[str, LayerScores]
    left_out: dict[str, str]
    """Layers that cannot be made, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What a model one scale up says."""

    fine: NDArray[np.float64]
    """``(t, h, w)`` of the fine cells."""
    held_out: NDArray[np.float64]
    """``(n,)`` of the rows, each by a model that has not learnt from its block."""
    table: Table
    """The rows: coarse cells."""
    splits: Splits
    """Of the rows."""
    fitted: Fitted
    """What has learnt from all rows."""


def learn(fields: Fields, candidate: Candidate, *, threads: int = 1, seed: int = 0) -> Learnt:
    """Learn from coarse cells, and predict the fine ones.

    Raises
    ------
    ModelError
        Where there are too few coarse cells to hold a block of them out.
    """
    coarse = fields.table(coarse=True)
    rows = coarse.rows(np.isfinite(coarse.truth) & _present(coarse))
    splits = deal(rows, seed=seed, side=BLOCK_SIDE)
    fitted = candidate.fit(rows.values, rows.truth, folds=splits.blocks, threads=threads, seed=seed)
    fine = fields.table(coarse=False)
    values = np.where(_present(fine), fitted.predict(fine.values), np.nan)
    held_out = held_out_predictions(
        candidate, rows, splits["spatial-block"], splits, threads=threads, seed=seed
    )
    return Learnt(
        fine=values.reshape(fields.target.shape),
        held_out=held_out,
        table=rows,
        splits=splits,
        fitted=fitted,
    )


def without_model(fields: Fields) -> dict[str, NDArray[np.float64]]:
    """Return the layers that know nothing but the coarse cells, ``(t, h, w)`` m3 m-3 each."""
    coarse = means(fields.target)
    return {
        "nearest": coarse.repeat(SIDE, axis=1).repeat(SIDE, axis=2),
        "bilinear": np.stack([interpolated(one) for one in coarse]),
        "kriging": np.stack([area_to_point(one, SIDE) for one in coarse]),
    }


def with_model(fields: Fields, learnt: Learnt) -> dict[str, NDArray[np.float64]]:
    """Return the layers that a model and the coarse cells make, ``(t, h, w)`` m3 m-3 each.

    Notes
    -----
    ``kriged`` is regression and area-to-point kriging of what it leaves. ``daliri`` is the recipe
    of a published script: the map, and the coarse field less the map's mean over time; it needs
    more than one time.
    """
    coarse = means(fields.target)
    pairs = list(zip(learnt.fine, coarse, strict=True))
    made = {
        "raw": learnt.fine,
        "shrunken": np.stack([_as_pixels(half_residual, raw, one) for raw, one in pairs]),
        "conserving": np.stack([_as_pixels(conserve, raw, one) for raw, one in pairs]),
        "kriged": np.stack([raw + area_to_point(one - means(raw), SIDE) for raw, one in pairs]),
    }
    if len(fields.times) > 1:
        smooth = np.stack([interpolated(one) for one in coarse])
        made["daliri"] = learnt.fine + smooth - np.nanmean(learnt.fine, axis=0)
    return made


def score(
    fields: Fields,
    layers: Layers,
    *,
    left_out: Mapping[str, str] | None = None,
    resamples: int = 1000,
) -> ScaleUp:
    """Compare fine maps with SMAP, all on the cells that all of them have."""
    known = np.isfinite(fields.target) & np.isfinite(
        means(fields.target).repeat(SIDE, axis=1).repeat(SIDE, axis=2)
    )
    for values in layers.values():
        known &= np.isfinite(values)
    truth = np.where(known, fields.target, np.nan)
    table = fields.table(coarse=False)
    clusters = Clusters.of(table, resamples=resamples)
    inner = _inside(truth)
    return ScaleUp(
        cells=int(known.sum()),
        deviation=float(np.nanstd(truth)),
        deviation_inside=float(np.nanstd(inner)),
        intervals=clusters.definition,
        layers={
            name: LayerScores(
                whole=clusters.scores(np.where(known, values, np.nan).ravel(), truth.ravel()),
                inside=clusters.scores(
                    _inside(np.where(known, values, np.nan)).ravel(), inner.ravel()
                ),
            )
            for name, values in layers.items()
        },
        left_out=dict(left_out or {}),
    )


def means(fine: NDArray[np.floating]) -> NDArray[np.float64]:
    """Average ``(..., h, w)`` over 3 × 3 cells, of which enough must be there."""
    height, width = (size // SIDE for size in fine.shape[-2:])
    grouped = fine.reshape(*fine.shape[:-2], height, SIDE, width, SIDE).astype(np.float64)
    known = np.isfinite(grouped)
    count = known.sum(axis=(-3, -1))
    total = np.where(known, grouped, 0).sum(axis=(-3, -1))
    return np.where(count >= MIN_VALID * SIDE**2, total / np.maximum(count, 1), np.nan)


def pixels(fine: FloatArray) -> NDArray[np.float64]:
    """Return cells ``(..., h, w)`` as 3 × 3 equal pixels each."""
    return np.asarray(fine, np.float64).repeat(_PIXELS, axis=-2).repeat(_PIXELS, axis=-1)


def cells(values: FloatArray) -> NDArray[np.float64]:
    """Return the means of 3 × 3 pixels ``(..., 3 h, 3 w)``."""
    height, width = (size // _PIXELS for size in values.shape[-2:])
    grouped = values.reshape(*values.shape[:-2], height, _PIXELS, width, _PIXELS)
    return np.asarray(grouped.mean(axis=(-3, -1), dtype=np.float64))


def interpolated(coarse: FloatArray) -> NDArray[np.float64]:
    """Interpolate coarse cells ``(H, W)`` to fine ones, ``(3 H, 3 W)``."""
    return cells(bilinear(fade_out(np.asarray(coarse, np.float64))))


def _as_pixels(
    function: Callable[[FloatArray, FloatArray], FloatArray], fine: FloatArray, coarse: FloatArray
) -> NDArray[np.float64]:
    return cells(function(pixels(fine), coarse))


def _inside(fine: NDArray[np.float64]) -> NDArray[np.float64]:
    return fine - means(fine).repeat(SIDE, axis=-2).repeat(SIDE, axis=-1)


def _present(table: Table) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(table.values).mean(axis=1) >= 0.5)
