"""From a world to its maps, by the code that makes the service's maps, and their scores.

==============  ===================================================================================
layer           what it is
==============  ===================================================================================
nearest         SMAP's cells as they are
bilinear        SMAP interpolated: what anybody has without a model
raw             the model alone
conserving      block means equal SMAP
temporal        the model and the anomaly of SMAP's residual
shrunken        the model and half of SMAP's residual
blend           the default: space from the model, time from SMAP, weights estimated without truth
best            the blend with the weights that the truth would choose: what weights can reach
==============  ===================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy.optimize import lsq_linear
from truth import Coverage, LayerScore, rmse_intervals

from engine.ablation import with_columns
from engine.analysis import analysed
from engine.footprint import averaged, resolved_side
from engine.frozen import Frozen, freeze
from engine.grids import block_mean, spread
from engine.history import smoothed
from engine.models.crossval import held_out_predictions
from engine.models.inference import Session
from engine.models.pilot import measured_splits
from engine.models.training import Training
from engine.residual import DRIEST, WETTEST, bilinear, fade_out
from engine.witnessing import witnessed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from worlds import Cube

    from engine.background import Background
    from engine.models.candidates import Candidate
    from engine.models.store import TrainedModel
    from engine.world.presets import SmapErrors

    type Floats = NDArray[np.floating]

PARTS = ("static", "smap", "model", "detail", "grain")
"""Parts of the blend beyond the model's mean, in this order."""

_GROUPS = ("lc_crop", "lc_forest", "lc_shrub_grass", "lc_urban", "lc_water", "lc_bare")
_DOMINANT = 0.5
_THINNED = slice(1, None, 3)
"""Rows and columns whose intervals are checked; neighbours tell much the same."""
_LEAST_PIXELS = 500
"""Fewest pixels of a group for its coverage to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """A model's maps of a world, with what is frozen beside the model."""

    cube: Cube
    errors: SmapErrors
    raw: NDArray[np.float32]
    """``(t, y, x)`` m3 m-3."""
    smap: NDArray[np.float64]
    """``(t, h, w)`` m3 m-3."""
    frozen: Frozen
    columns: tuple[str, ...]
    """The model's predictors."""

    @property
    def background(self) -> Background:
        """Return the frozen means."""
        if self.frozen.background is None:
            raise ValueError(f"{self.cube.name} is too short for means")
        return self.frozen.background


def make_maps(
    cube: Cube,
    candidate: Candidate,
    names: Sequence[str],
    *,
    errors: SmapErrors = "realistic",
    seed: int = 20,
    threads: int = 1,
) -> Maps:
    """Train on a world's coarse cells, map its fine ones, and freeze what the service freezes."""
    table = with_columns(cube.table(errors), names)
    footprint = resolved_side(table, seed=seed)
    table = averaged(table, footprint).usable()
    splits, _ = measured_splits(table, seed=seed, threads=threads)
    unseen = held_out_predictions(
        candidate, table, splits["spatial-block"], splits, threads=threads, seed=seed
    )
    fitted = candidate.fit(
        table.values, table.truth, folds=splits.blocks, threads=threads, seed=seed
    )
    columns = tuple(feature.name for feature in table.features)
    session = Session(fitted.to_onnx(table.features, table.target), threads=threads)
    raw = np.stack(
        [_map(session, cube.maps(number, columns)) for number in range(len(cube.months))]
    )
    training = Training(
        # No model is stored here; what follows looks at the rest alone.
        model=cast("TrainedModel", None),
        fitted=fitted,
        table=table,
        splits=splits,
        variogram=None,
        held_out={"spatial-block": unseen},
    )
    smap = cube.smap(errors)
    history = witnessed(
        training,
        cube.area,
        cube.months,
        raw,
        smap,
        rain=_rain(cube),
        footprint=footprint,
        threads=threads,
    )
    return Maps(
        cube=cube,
        errors=errors,
        raw=raw,
        smap=smap,
        frozen=freeze(training, history, cube.area),
        columns=columns,
    )


def score_layers(maps: Maps) -> dict[str, dict[str, object]]:
    """Score every layer against the truth, and the best weights among them."""
    best = best_weights(maps)
    shape = maps.raw.shape[1:]
    scored: dict[str, LayerScore] = {}
    for number in range(len(maps.raw)):
        truth = maps.cube.truth[number]
        for name, values in month_layers(maps, number, best).items():
            scored.setdefault(name, LayerScore(shape)).take(values, truth, maps.smap[number])
    intervals = rmse_intervals(scored)
    result: dict[str, dict[str, object]] = {
        name: {**layer.scores(), "rmse_interval": intervals[name]} for name, layer in scored.items()
    }
    result["best"]["weights"] = dict(zip(PARTS, best.round(4).tolist(), strict=True))
    return result


def month_layers(maps: Maps, number: int, best: NDArray[np.float64]) -> dict[str, Floats]:
    """Return all layers of a month, ``(y, x)`` m3 m-3 each."""
    raw, coarse = maps.raw[number], maps.smap[number]
    frozen = {"background": maps.background, "weights": maps.frozen.about.weights}
    blend = analysed(raw, coarse, "blend", **frozen)  # type: ignore[arg-type]
    temporal = analysed(raw, coarse, "temporal-anomaly", **frozen)  # type: ignore[arg-type]
    parts = blend_parts(raw, coarse, maps.background)
    with_truth = maps.background.prediction + np.tensordot(best, parts, axes=1)
    return {
        "nearest": spread(coarse),
        "bilinear": bilinear(fade_out(coarse)),
        "raw": blend.raw,
        "conserving": blend.conserving,
        "temporal": temporal.soil_moisture,
        "shrunken": analysed(raw, coarse, "shrunken").soil_moisture,
        "blend": blend.soil_moisture,
        "best": np.clip(with_truth, DRIEST, WETTEST),
    }


def blend_parts(raw: Floats, coarse: Floats, background: Background) -> NDArray[np.float64]:
    """Return what the blend adds to the model's mean, ``(5, y, x)`` in the order of `PARTS`.

    ``model`` stands for the share that SMAP leaves, times the amplitude.
    """
    change = raw - background.prediction
    cells = block_mean(change, min_valid=0.0)
    model = bilinear(fade_out(cells))
    within = change - model
    shapes = smoothed(within)
    rest = background.soil_moisture - block_mean(background.prediction, min_valid=0.0)
    return np.stack(
        [
            bilinear(fade_out(rest)),
            bilinear(fade_out(coarse - background.soil_moisture)),
            model,
            shapes,
            within - shapes,
        ]
    )


def best_weights(maps: Maps) -> NDArray[np.float64]:
    """Return the weights of the parts that the truth would choose, by least squares."""
    normal, right = np.zeros((len(PARTS), len(PARTS))), np.zeros(len(PARTS))
    for number, raw in enumerate(maps.raw):
        parts = blend_parts(raw, maps.smap[number], maps.background)
        rest = maps.cube.truth[number] - maps.background.prediction
        known = np.isfinite(rest) & np.isfinite(parts).all(axis=0)
        columns = parts[:, known]
        normal += columns @ columns.T
        right += columns @ rest[known]
    root = np.linalg.cholesky(normal + 1e-9 * np.trace(normal) * np.eye(len(PARTS)))
    solved = lsq_linear(root.T, np.linalg.solve(root, right), bounds=(0, [1, 1, 2, 1, 1]))
    return np.asarray(solved.x)


def interval_coverage(maps: Maps, months: int) -> dict[str, object]:
    """Return how often the truth lies in the 90 % interval of the blend.

    Parameters
    ----------
    months
        How many to look at, evenly over the period; all where there are no more.
    """
    coverage = Coverage()
    count = len(maps.raw)
    chosen = np.linspace(0, count - 1, min(months, count)).round().astype(int)
    frozen = maps.frozen
    for number in chosen:
        fine = maps.cube.maps(int(number), maps.columns)[:, _THINNED, _THINNED]
        unlike = _unlikeness(frozen, fine)
        half = frozen.half_widths(unlike, maps.cube.months[number])
        if half is None:
            raise ValueError("no interval was frozen")
        blend = analysed(
            maps.raw[number],
            maps.smap[number],
            background=maps.background,
            weights=frozen.about.weights,
        ).soil_moisture
        groups = land_cover(maps.cube, int(number))
        coverage.take(
            blend[_THINNED, _THINNED],
            half,
            maps.cube.truth[number][_THINNED, _THINNED],
            {name: member[_THINNED, _THINNED] for name, member in groups.items()},
        )
    result = coverage.result()
    result["months"] = [str(maps.cube.months[number]) for number in chosen]
    result["pixels_looked_at"] = "every third of every third row"
    return result


def land_cover(cube: Cube, number: int) -> dict[str, NDArray[np.bool_]]:
    """Return which pixels are mostly of one class, and which are of none."""
    names = [v.name for v in cube.predictors if v.name in _GROUPS]
    shares = cube.maps(number, names)
    groups = {
        name.removeprefix("lc_"): share > _DOMINANT
        for name, share in zip(names, shares, strict=True)
    }
    groups["mixed"] = ~np.logical_or.reduce(list(groups.values()))
    return {name: member for name, member in groups.items() if member.sum() >= _LEAST_PIXELS}


def _map(session: Session, fine: NDArray[np.float32]) -> NDArray[np.float32]:
    """Predict ``(f, y, x)`` as the service does: NaN where over half of the predictors lack."""
    rows = np.moveaxis(fine, 0, -1).reshape(-1, len(fine))
    predicted = session(rows)
    enough = np.isfinite(rows).mean(axis=1) >= 0.5
    return np.where(enough, predicted, np.nan).reshape(fine.shape[1:]).astype(np.float32)


def _unlikeness(frozen: Frozen, fine: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = np.moveaxis(fine, 0, -1).reshape(-1, len(fine))
    return Session(frozen.applicability, threads=1)(rows).reshape(fine.shape[1:])


def _rain(cube: Cube) -> NDArray[np.float32]:
    names = [variable.name for variable in cube.predictors]
    return cube.means[:, names.index("precipitation")]
