"""What was to be reached, and whether it was."""

from __future__ import annotations

from typing import Any

_BETTER = {"realistic": 0.5, "good": 0.54}
"""Least share by which the blend's RMSE is below bilinear SMAP's, by SMAP's errors."""
_INSIDE = {"realistic": 0.87, "good": 0.92}
"""Least correlation inside 9 km cells."""


def judged(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every gate by name: whether it was reached, what was found and what was wanted.

    Gates whose section was not run are not among them. The limits are meant for the preset
    ``henan``; other presets are measured by them all the same. Of worlds that were made harder,
    with other noise or coarse SMAP, it is asked whether the order of the layers stays.
    """
    gates: dict[str, dict[str, Any]] = {}
    for world, layers in result.get("layers", {}).items():
        gates |= _order(world, layers)
        if _is_plain(world):
            gates |= _amounts(world, layers)
            gates |= _gap(world, result["weights"][world])
            gates |= _of_interval(world, result["interval"]["worlds"][world])
    gates |= _of_sif(result.get("sif_effect", {}))
    gates |= _of_canary(result.get("canary", {}).get("r2_gain", {}))
    gates |= _of_south_africa(result.get("real", {}).get("south_africa"))
    return gates


def _is_plain(world: str) -> bool:
    return world.rsplit("-", 1)[-1] in _BETTER and "noise" not in world


def _order(world: str, layers: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Ask whether the blend is better than bilinear SMAP in everything, and than raw in RMSE."""
    blend, bilinear, raw, keeping = (
        layers[name] for name in ("blend", "bilinear", "raw", "conserving")
    )
    return {
        f"{world}: blend's RMSE less the lower of raw's and bilinear's": _most(
            blend["rmse"] - min(raw["rmse"], bilinear["rmse"]), 0.0
        ),
        f"{world}: blend's temporal R less bilinear's": _least(
            blend["temporal_r"] - bilinear["temporal_r"], 0.0
        ),
        f"{world}: blend's ubRMSE less bilinear's": _most(
            blend["ubrmse"] - bilinear["ubrmse"], 0.0
        ),
        f"{world}: conserving map's largest difference from SMAP": _most(
            keeping["conservation_error"], 1e-4
        ),
        f"{world}: conserving map's edge ratio": _within(keeping["edge_ratio"], 0.95, 1.05),
    }


def _amounts(world: str, layers: dict[str, Any]) -> dict[str, dict[str, Any]]:
    blend, bilinear = layers["blend"], layers["bilinear"]
    errors = world.rsplit("-", 1)[-1]
    return {
        f"{world}: blend's RMSE below bilinear's by": _least(
            1 - blend["rmse"] / bilinear["rmse"], _BETTER[errors]
        ),
        f"{world}: blend's correlation inside 9 km": _least(blend["subgrid_r"], _INSIDE[errors]),
    }


def _gap(world: str, weights: dict[str, Any]) -> dict[str, dict[str, Any]]:
    if weights["gap_closed"] is None:
        return {}
    return {f"{world}: gap to the best weights closed": _least(weights["gap_closed"], 0.9)}


def _of_interval(world: str, interval: dict[str, Any]) -> dict[str, dict[str, Any]]:
    worst = min(interval["by_land_cover"].values(), default=None)
    gates = {f"{world}: coverage of the 90 % interval": _within(interval["coverage"], 0.88, 0.92)}
    if worst is not None:
        gates[f"{world}: coverage in the worst land cover"] = _least(worst, 0.85)
    return gates


def _of_sif(effect: dict[str, Any]) -> dict[str, dict[str, Any]]:
    gates = {}
    for split, made in effect.items():
        arms = {arm["arm"]: arm["against_none"]["r2"] for arm in made["arms"]}
        shuffled = arms["E1"]
        gates[f"{split}: interval of SIF shuffled over all rows holds 0"] = {
            "reached": shuffled["lower"] <= 0 <= shuffled["upper"],
            "found": shuffled,
            "wanted": "0 inside",
        }
    return gates


def _of_canary(gains: dict[str, dict[str, float]]) -> dict[str, dict[str, Any]]:
    gates = {}
    if "random" in gains.get("changing", {}):
        gates["canary beside changing predictors raises R² of the random split"] = _least(
            gains["changing"]["random"], 0.01
        )
    for name, splits in gains.items():
        if "block" in splits:
            gates[f"canary beside {name} predictors does not raise R² of blocks"] = _most(
                splits["block"], 0.002
            )
    return gates


def _of_south_africa(found: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    if found is None:
        return {}
    known = found["known"]
    gates = {}
    for title, scores in found["scores"].items():
        if "place" in title:
            continue
        best = max(scores.values(), key=lambda run: run["r2"]["value"])
        name = f"South Africa, {title}"
        gates[f"{name}: R"] = _least(best["r"]["value"], known["r"])
        gates[f"{name}: R²"] = _least(best["r2"]["value"], known["r2"])
        gates[f"{name}: RMSE"] = _most(best["rmse"]["value"], known["rmse"])
    return gates


def _least(found: float, limit: float) -> dict[str, Any]:
    return {"reached": found >= limit, "found": found, "wanted": f"at least {limit:g}"}


def _most(found: float, limit: float) -> dict[str, Any]:
    return {"reached": found <= limit, "found": found, "wanted": f"at most {limit:g}"}


def _within(found: float, low: float, high: float) -> dict[str, Any]:
    return {"reached": low <= found <= high, "found": found, "wanted": f"{low:g} to {high:g}"}
