"""The method one scale up, on SMAP's own cells: 27 km to 9 km."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from engine.analysis import analysed
from engine.background import Background
from engine.grids import BLOCK, COARSE_PIXEL, EASE2_CRS
from engine.models.training import Training
from engine.months import Month
from engine.scale_up import (
    SIDE,
    Fields,
    cells,
    learn,
    means,
    pixels,
    score,
    with_model,
    without_model,
)
from engine.weights import estimate_weights
from engine.witnessing import witnessed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from worlds import Cube

    from engine.models.candidates import Candidate
    from engine.models.store import TrainedModel
    from engine.scale_up import Learnt, ScaleUp
    from engine.world.presets import SmapErrors


def world_one_up(
    cube: Cube,
    candidate: Candidate,
    forest: Candidate,
    names: Sequence[str],
    *,
    errors: SmapErrors,
    threads: int,
    resamples: int,
) -> ScaleUp:
    """Run the test on a world's SMAP, with its predictors on the same cells."""
    chosen = [number for number, one in enumerate(cube.predictors) if one.name in names]
    fields = Fields(
        times=tuple(map(str, cube.months)),
        target=np.where(cube.lessons, cube.smap(errors), np.nan),
        features=cube.means[:, chosen],
        variables=tuple(cube.predictors[number] for number in chosen),
    ).whole()
    return one_up(fields, candidate, forest, threads=threads, resamples=resamples)


def one_up(
    fields: Fields, candidate: Candidate, forest: Candidate, *, threads: int, resamples: int
) -> ScaleUp:
    """Compare our layers with what others do: interpolation, kriging of a forest's residual."""
    learnt = learn(fields, candidate, threads=threads)
    forested = with_model(fields, learn(fields, forest, threads=threads))
    layers = without_model(fields) | with_model(fields, learnt)
    layers["forest"], layers["forest_kriged"] = forested["raw"], forested["kriged"]
    left_out: dict[str, str] = {}
    if len(fields.times) > 2:
        layers["blend"] = blended(fields, learnt, threads)
    else:
        left_out["blend"] = f"{len(fields.times)} month knows no anomaly; needed: 3"
        left_out["daliri"] = "one month has no mean over time to differ from"
    return score(fields, layers, left_out=left_out, resamples=resamples)


def blended(fields: Fields, learnt: Learnt, threads: int) -> NDArray[np.float64]:
    """Return the blend, its weights estimated from the coarse cells alone."""
    coarse = means(fields.target)
    pixel = COARSE_PIXEL * SIDE / BLOCK
    shape = (coarse.shape[1] * BLOCK, coarse.shape[2] * BLOCK)
    area = GeoBox(shape, Affine(pixel, 0, 0, 0, -pixel, 0), EASE2_CRS)
    fine = pixels(learnt.fine).astype(np.float32)
    training = Training(
        # No model is stored here; what follows looks at the rest alone.
        model=cast("TrainedModel", None),
        fitted=learnt.fitted,
        table=learnt.table,
        splits=learnt.splits,
        variogram=None,
        held_out={"spatial-block": learnt.held_out},
    )
    months = [Month.parse(time) for time in fields.times]
    history = witnessed(training, area, months, fine, coarse, rain=_rain(fields), threads=threads)
    background, weights = Background.of(history, area), estimate_weights(history)
    return np.stack(
        [
            cells(analysed(one, smap, background=background, weights=weights).soil_moisture)
            for one, smap in zip(fine, coarse, strict=True)
        ]
    )


def _rain(fields: Fields) -> NDArray[np.float64] | None:
    names = [variable.name for variable in fields.variables]
    if "precipitation" not in names:
        return None
    return means(fields.features[:, names.index("precipitation")])
