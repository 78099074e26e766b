"""The outputs ``model`` and ``report`` of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

    from engine.models.card import ModelCard
    from processes.plan import Plan
    from processes.reconstruction import Reconstruction

    type Report = dict[str, JsonValue]


def model_output(reconstruction: Reconstruction) -> Report:
    """Return the model's card and where its file is, relative to the service's address."""
    card = reconstruction.chosen.model.card
    return {
        "href": f"models/{card.id}.onnx",
        "type": "application/octet-stream",
        "card": card.model_dump(mode="json"),
        "links": [
            {
                "href": f"models/{card.id}.json",
                "rel": "describedby",
                "type": "application/json",
                "title": "Model card",
            }
        ],
    }


def report(plan: Plan, reconstruction: Reconstruction) -> Report:
    """Return what a run was made of and how well its model does on rows it has not seen.

    Scores name their split: ``random`` rows share a neighbourhood with training rows and look too
    good; ``spatial-block`` rows do not.
    """
    card = reconstruction.chosen.model.card
    return {
        "process": plan.process_id,
        "region": plan.region.name,
        "synthetic": plan.archive.synthetic,
        "months": [str(month) for month in plan.months],
        "model": {
            "id": card.id,
            "trained": reconstruction.chosen.trained,
            "training": [card.training[0], card.training[-1]],
            "rows": card.rows.used,
            "upstream": [model.card.id for model in reconstruction.upstream],
        },
        "target": card.target.model_dump(mode="json"),
        "sif": any(feature.name == "sif" for feature in card.features) or card.kind == "sif",
        "scores": {score.split: score.model_dump(mode="json") for score in card.scores},
        "scores_left_out": dict(card.splits_left_out),
        "importance": _importance(card),
        "omissions": dict(card.omissions),
    }


def _importance(card: ModelCard) -> Report:
    ranked = sorted(card.features, key=lambda feature: -feature.importance)
    shares: Report = {feature.name: feature.importance for feature in ranked}
    return {"kind": card.importance_kind, "features": shares}
