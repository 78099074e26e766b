"""The outputs ``model`` and ``report`` of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from engine.models.card import ModelCard
    from processes.reconstruction import Prepared, Reconstruction

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
            },
            {
                "href": f"models/{card.id}/report",
                "rel": "alternate",
                "type": "text/html",
                "title": "Report of the model",
            },
        ],
    }


def report(
    process_id: str, prepared: Prepared, reconstruction: Reconstruction, reused: Sequence[str]
) -> Report:
    """Return what a job's maps were made of and how well their model does on rows it has not seen.

    Parameters
    ----------
    process_id
        The process.
    prepared, reconstruction
        What was made, and how.
    reused
        Months that were published before, from the same model and the same files.

    Notes
    -----
    Scores name their split: ``random`` rows share a neighbourhood with training rows and look too
    good; ``spatial-block`` rows do not.
    """
    card = reconstruction.chosen.model.card
    synthetic = reconstruction.store.archive.synthetic
    return {
        "statement": _statement(card, synthetic=synthetic),
        "process": process_id,
        "region": prepared.region.name,
        "synthetic": synthetic,
        "months": list(prepared.months),
        "reused": list(reused),
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


def _statement(card: ModelCard, *, synthetic: bool) -> str:
    """Say in a few sentences what was predicted, from what, and how well."""
    truth = "a synthetic world" if synthetic else "real observations"
    without = [name for name in card.omissions if name != "sif"]
    sentences = [
        f"Target: {card.target.description} ({card.target.units}), {truth}.",
        "Without SIF." if "sif" in card.omissions else "",
        f"Left out: {', '.join(without)}." if without else "",
        _block_score(card),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _block_score(card: ModelCard) -> str:
    score = card.score("spatial-block")
    if score is None:
        return "No spatial-block score: the area is too small for blocks."
    pooled = score.pooled
    r2 = "undefined" if pooled.r2 is None else f"{pooled.r2:.2f}"
    return (
        f"Spatial blocks held out, against the target: RMSE {pooled.rmse:.3f} "
        f"{card.target.units}, R² {r2}, {pooled.n} rows."
    )


def _importance(card: ModelCard) -> Report:
    ranked = sorted(card.features, key=lambda feature: -(feature.importance or 0.0))
    shares: Report = {feature.name: feature.importance for feature in ranked}
    return {"kind": card.importance_kind, "features": shares}
