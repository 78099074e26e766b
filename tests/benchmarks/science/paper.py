"""The paper's figures, ours got the paper's way, and ours got honestly, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.models.comparison import compare
from engine.models.importance import CAVEAT
from engine.report.paper import the_paper

if TYPE_CHECKING:
    from plan import Plan

    from engine.models.crossval import HoldsOut
    from engine.models.splits import Splits
    from engine.models.table import Table
    from engine.report.paper import Paper


def beside_the_paper(
    table: Table,
    plan: Plan,
    splits: Splits,
    result: dict[str, Any],
    *,
    threads: int,
    predict: HoldsOut,
) -> dict[str, Any]:
    """Run the `paper` configuration, and set it beside the paper.

    Parameters
    ----------
    table
        Rows with the paper's predictors.
    plan
        Caps.
    splits
        Of the rows.
    result
        What was found so far: importance and the reconstruction of SIF, if they were asked for.
    threads
        Folds at once.
    predict
        Predicts held-out rows.
    """
    said = the_paper()
    made = compare(
        {"paper": table},
        {"rf": plan.compared("rf")},
        splits,
        wanted=lambda _algorithm, _set, split: (
            None if split in ("random", splits.headline.name) else "not asked"
        ),
        threads=threads,
        resamples=plan.resamples,
        predict=predict,
    )
    ways = {"its_way": "random", "honestly": splits.headline.name}
    rows: dict[str, Any] = {}
    for metric in ("r2", "rmse"):
        ours: dict[str, Any] = {}
        for way, split in ways.items():
            entry = made.entry("rf", "paper", split)
            ours[way] = getattr(entry.scores, metric).model_dump() if entry is not None else None
        rows[f"random forest with SIF, {metric}"] = {"paper": getattr(said.model, metric), **ours}
    rows |= _sif_range(said, result) | _sif_place(said, result)
    return {
        "rows": rows,
        "splits": ways,
        "predictors": [feature.name for feature in table.features],
        "caveats": {**said.caveats, "importance": CAVEAT},
        "note": "the paper's archive is real, ours is synthetic: the ways are compared, not places",
    }


def _sif_range(said: Paper, result: dict[str, Any]) -> dict[str, Any]:
    """Return the lowest and highest R² of 8 days of SIF, which is what the paper's range is."""
    splits = result.get("sif_reconstruction", {}).get("splits", {})
    ways = {"its_way": "random", "honestly": "spatial-block"}
    row: dict[str, Any] = {"paper": list(said.sif.r2)}
    for way, split in ways.items():
        scores = splits.get(split, {}).get("by_8_days", {}).values()
        found = [one["r2"] for one in scores if one["r2"] is not None]
        row[way] = [min(found), max(found)] if found else None
    return {"reconstructed SIF, R² of 8 days, lowest and highest": row}


def _sif_place(said: Paper, result: dict[str, Any]) -> dict[str, Any]:
    """Return where SIF stands among single predictors by impurity, and by permutation."""
    found = result.get("importance", {}).get("rf")
    if found is None:
        return {}
    by_impurity = sorted(found["impurity"], key=lambda name: -found["impurity"][name])
    groups = [share["group"] for share in found["shares"]]
    return {
        "place of SIF in importance": {
            "paper": said.sif.place,
            "its_way": by_impurity.index("sif") + 1 if "sif" in by_impurity else None,
            "honestly": f"{groups.index('sif') + 1} of {len(groups)} groups, permuted alone"
            if "sif" in groups
            else None,
        }
    }
