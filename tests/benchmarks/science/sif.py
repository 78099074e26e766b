"""SIF at 1 km: how well it is reconstructed, and what it is worth where it knows of no stress."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from worlds import SIF_INPUTS, STANDARD

from engine.ablation import ablation, with_columns
from engine.models.pilot import measured_splits
from engine.models.scores import metrics
from engine.world.sif_cube import MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plan import Plan
    from worlds import Cube

    from engine.models.candidates import Candidate
    from engine.models.crossval import HoldsOut
    from engine.models.splits import SplitName, Splits
    from engine.models.table import Table
    from engine.progress import Progress


def reconstruction(cube: Cube) -> dict[str, Any]:
    """Score the model of SIF on eSIF that was held out, and its months against the truth.

    Returns
    -------
    dict
        For each split R², RMSE and MAE pooled and for each 8 days; against the truth at 1 km, in
        mW m-2 nm-1 sr-1, the model alone and with eSIF's weighted residual, month by month with
        the weight, and how far the residual's field misses its means over eSIF's cells.
    """
    scores = _card(cube)["scores"]
    splits = {
        score["split"]: {
            "definition": score["definition"],
            "pooled": score["pooled"],
            "by_8_days": score["by_time"],
        }
        for score in scores
    }
    months = {}
    for path, month in zip(cube.paths, cube.months, strict=True):
        with xr.open_dataset(path, engine="h5netcdf") as data:
            truth = data["true_sif"].to_numpy()
            months[str(month)] = {
                "weight": float(data.attrs["sif_residual_weight"]),
                "conservation_error": float(data.attrs["sif_conservation_error"]),
                **{
                    name: metrics(data[name].to_numpy(), truth).model_dump()
                    for name in ("sif_raw", "sif")
                },
            }
    return {"splits": splits, "against_truth": months, "pooled": _pooled(months)}


def negative_control(
    cube: Cube,
    candidate: Candidate,
    plan: Plan,
    seeds: Sequence[int],
    *,
    threads: int,
    predict: HoldsOut,
    progress: Progress,
) -> dict[str, Any]:
    """Run the arms in a world whose SIF does not answer to stress at once."""
    table = cube.table().usable()
    standard = [f.name for f in table.features if f.name in STANDARD]
    splits, _ = measured_splits(with_columns(table, standard), threads=threads)
    split = next(name for name in plan.sif_splits if name in splits.found)
    return arms(
        table,
        candidate,
        splits,
        split,
        resamples=plan.resamples,
        seeds=seeds,
        threads=threads,
        predict=predict,
        progress=progress,
    )


def arms(
    table: Table,
    candidate: Candidate,
    splits: Splits,
    split: SplitName,
    *,
    resamples: int,
    seeds: Sequence[int],
    threads: int,
    predict: HoldsOut,
    progress: Progress,
) -> dict[str, Any]:
    """Run all arms in one split of a world's rows."""
    made = ablation(
        table,
        candidate,
        splits,
        split,
        sif_inputs=SIF_INPUTS,
        seeds=seeds,
        threads=threads,
        progress=progress,
        resamples=resamples,
        predict=predict,
    )
    return made.model_dump()


def _card(cube: Cube) -> dict[str, Any]:
    """Return the newest card of the model of SIF, whatever version wrote it."""
    folder = cube.paths[0].parent / MODELS
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("sif-*.json")]
    cards = [card for card in cards if "scores" in card]
    newest: dict[str, Any] = max(cards, key=lambda card: str(card["created"]))
    return newest


def _pooled(months: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return the RMSE over all months, of the model alone and with the residual."""
    return {
        name: float(np.sqrt(np.mean([month[name]["rmse"] ** 2 for month in months.values()])))
        for name in ("sif_raw", "sif")
    }
