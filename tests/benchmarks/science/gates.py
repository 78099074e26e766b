"""What was to be reached, and whether it was."""

from __future__ import annotations

from typing import Any

_BETTER = {"good": 0.54}
"""Least share by which the blend's RMSE is below bilinear SMAP's, where it is not one half."""
_INSIDE = {"good": 0.92}
"""Least correlation inside 9 km cells, where it is not 0.87."""


def judged(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every gate by name: whether it was reached, what was found and what was wanted.

    Gates whose section was not run are not among them. The limits are meant for the preset
    ``henan``; other presets are measured by them all the same.
    """
    gates: dict[str, dict[str, Any]] = {}
    for world, layers in result.get("layers", {}).items():
        gates |= _of_layers(world, layers)
    for world, weights in result.get("weights", {}).items():
        if weights["gap_closed"] is not None:
            gates[f"{world}: gap to the best weights closed"] = _least(weights["gap_closed"], 0.9)
    for world, interval in result.get("interval", {}).get("worlds", {}).items():
        gates |= _of_interval(world, interval)
    gates |= _of_sif(result.get("sif_effect", {}))
    gains = result.get("canary", {}).get("r2_gain", {})
    if "random" in gains:
        gates["canary raises R² of the random split"] = _least(gains["random"], 0.0)
    if "block" in gains:
        gates["canary does not raise R² of spatial blocks"] = _most(gains["block"], 0.002)
    gates |= _of_south_africa(result.get("real", {}).get("south_africa"))
    return gates


def _of_layers(world: str, layers: dict[str, Any]) -> dict[str, dict[str, Any]]:
    blend, bilinear, keeping = (layers[name] for name in ("blend", "bilinear", "conserving"))
    errors = world.rsplit("-", 1)[-1]
    gain = 1 - blend["rmse"] / bilinear["rmse"]
    return {
        f"{world}: blend's RMSE below bilinear's by": _least(gain, _BETTER.get(errors, 0.5)),
        f"{world}: blend's temporal R against bilinear's": _least(
            blend["temporal_r"] - bilinear["temporal_r"], 0.0
        ),
        f"{world}: blend's ubRMSE against bilinear's": _most(
            blend["ubrmse"] - bilinear["ubrmse"], 0.0
        ),
        f"{world}: blend's correlation inside 9 km": _least(
            blend["subgrid_r"], _INSIDE.get(errors, 0.87)
        ),
        f"{world}: conserving map's largest difference from SMAP": _most(
            keeping["conservation_error"], 1e-4
        ),
        f"{world}: conserving map's edge ratio": _within(keeping["edge_ratio"], 0.95, 1.05),
    }


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


def _of_south_africa(found: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    if found is None:
        return {}
    known = found["known"]
    (first, *_) = found["scores"].values()
    best = max(first.values(), key=lambda scores: scores["r2"]["value"])
    return {
        "South Africa: R": _least(best["r"]["value"], known["r"]),
        "South Africa: R²": _least(best["r2"]["value"], known["r2"]),
        "South Africa: RMSE": _most(best["rmse"]["value"], known["rmse"]),
    }


def _least(found: float, limit: float) -> dict[str, Any]:
    return {"reached": found >= limit, "found": found, "wanted": f"at least {limit:g}"}


def _most(found: float, limit: float) -> dict[str, Any]:
    return {"reached": found <= limit, "found": found, "wanted": f"at most {limit:g}"}


def _within(found: float, low: float, high: float) -> dict[str, Any]:
    return {"reached": low <= found <= high, "found": found, "wanted": f"{low:g} to {high:g}"}
