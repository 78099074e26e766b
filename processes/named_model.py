"""Whether the stored model that a request names can do what is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.features import SIF_PREDICTORS
from engine.provenance import SIF
from engine.sif import UNITS as SIF_UNITS
from engine.sif_inputs import PAR_UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.archive import Archive
    from engine.feature_store import FeatureStore
    from engine.models.candidates import Kind
    from engine.models.card import ModelCard
    from engine.models.store import ModelStore
    from processes.inputs import ReconstructionInputs


def named_card(
    models: ModelStore, inputs: ReconstructionInputs, kind: Kind, store: FeatureStore
) -> ModelCard | None:
    """Return the card of the stored model that a request names; None where it names none.

    Raises
    ------
    InputError
        Where there is none, it predicts something else, it has learnt from a synthetic world and
        shall map a real one (or the other way round), it needs features that the region has not or
        in other units, its model of SIF is gone, or the request asks for another kind of model.
    """
    if inputs.model is None:
        return None
    card = _card(models, inputs.model, kind)
    _check_archive(card, store.archive)
    _check_features(card, store)
    _check_upstream(card, models)
    _check_wishes(card, inputs)
    return card


def _card(models: ModelStore, model_id: str, kind: Kind) -> ModelCard:
    if model_id not in models.ids():
        stored = ", ".join(card.id for card in models.cards() if card.kind == kind)
        raise InputError("model", f"there is no model {model_id!r}", stored or "none is stored yet")
    card = models.card(model_id)
    if card.kind != kind:
        raise InputError("model", f"{model_id} predicts {card.kind}", f"a model of {kind}")
    return card


def _check_archive(card: ModelCard, archive: Archive) -> None:
    if card.synthetic != archive.synthetic:
        learnt, other = ("a synthetic", "a real") if card.synthetic else ("a real", "a synthetic")
        raise InputError("model", f"{card.id} has learnt from {learnt} archive", f"{other} one's")


def _check_features(card: ModelCard, store: FeatureStore) -> None:
    """Refuse a model that has learnt from what the region has not, or has in other units."""
    known = _units(card.kind, store)
    lacking = [
        f"{feature.name} in {feature.units} (here {_found(feature.name, known)})"
        for feature in card.features
        if known.get(feature.name) != feature.units
    ]
    if lacking:
        raise InputError(
            "model",
            f"{card.id} has learnt from {', '.join(lacking)}",
            f"a model whose features {store.region.name} has, in the same units",
        )


def _units(kind: Kind, store: FeatureStore) -> Mapping[str, str]:
    """Return the unit of everything that a model may be given here."""
    features = SIF_PREDICTORS if kind == "sif" else store.features
    more = {"par": PAR_UNITS} if kind == "sif" else {SIF: SIF_UNITS}
    return {name: feature.units for name, feature in features.items()} | more


def _found(name: str, known: Mapping[str, str]) -> str:
    return f"in {known[name]}" if name in known else "there is none"


def _check_upstream(card: ModelCard, models: ModelStore) -> None:
    if card.upstream is not None and card.upstream not in models.ids():
        raise InputError(
            "model",
            f"{card.id} needs the model of SIF {card.upstream}, which is not stored",
            "a model whose model of SIF is stored as well",
        )


def _check_wishes(card: ModelCard, inputs: ReconstructionInputs) -> None:
    """Refuse what a request says beside the model that is not so of the model."""
    said = inputs.model_dump(include=inputs.model_fields_set & {"algorithm", "sif"})
    for name, wrong, allowed in _contradictions(card, said):
        raise InputError(name, f"{wrong}, and the model {card.id} is named", allowed)


def _contradictions(card: ModelCard, said: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    algorithm, sif = said.get("algorithm"), said.get("sif")
    has = "with" if SIF in card.feature_names else "without"
    if algorithm not in (None, card.algorithm):
        yield "algorithm", f"{algorithm} is asked for", f"{card.algorithm}, which it is"
    if card.kind != "sif" and sif not in (None, has):
        yield "sif", f"{sif} is asked for", f"{has}, as it was trained"
