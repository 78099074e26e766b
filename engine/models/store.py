"""Where models are kept: an ONNX file, its companions and its card, side by side."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from engine.errors import ModelError, TamperedModelError
from engine.files import atomic_path
from engine.models.card import SCHEMA_VERSION, CardCompanion, ModelCard
from engine.models.inference import Predictor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_logger = logging.getLogger(__name__)

_COMPANION = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A model that has passed its parity check, with its card."""

    card: ModelCard
    onnx: bytes
    companions: Mapping[str, bytes] = field(default_factory=dict)
    """Further files by name, such as ``background.nc``: what is frozen with the model."""

    def predictor(self, *, threads: int = 2) -> Predictor:
        """Open the model for prediction."""
        return Predictor(self.card, self.onnx, threads=threads)

    def with_companions(self, companions: Mapping[str, bytes]) -> TrainedModel:
        """Return the model with further files, which makes it another one with another id."""
        for name in companions:
            if not _COMPANION.fullmatch(name):
                raise ModelError(f"{name!r} cannot name a companion; allowed: {_COMPANION.pattern}")
        described = {
            name: CardCompanion(sha256=_checksum(content), bytes=len(content))
            for name, content in sorted(companions.items())
        }
        card = self.card.model_copy(update={"companions": self.card.companions | described})
        return replace(self, card=card.identified(), companions={**self.companions, **companions})


class ModelStore:
    """A folder of ``<id>.onnx``, ``<id>.<companion>`` and ``<id>.json``.

    Parameters
    ----------
    folder
        Made at the first save.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, model: TrainedModel) -> ModelCard:
        """Keep a model; one that is already there stays as it is.

        The card is written last, so a model without one is not there.

        Returns
        -------
        ModelCard
            The stored card.
        """
        _check_content(model)
        if self.card_path(model.card.id).exists():
            return self.load(model.card.id).card
        with atomic_path(self.onnx_path(model.card.id)) as path:
            path.write_bytes(model.onnx)
        for name, content in model.companions.items():
            with atomic_path(self.companion_path(model.card.id, name)) as path:
                path.write_bytes(content)
        with atomic_path(self.card_path(model.card.id)) as path:
            path.write_text(model.card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return model.card

    def load(self, model_id: str) -> TrainedModel:
        """Return a model whose file and card are what they were when it was saved.

        Raises
        ------
        ModelError
            Where there is no such model, or its card cannot be read.
        TamperedModelError
            Where the ONNX file, a companion or the card has been changed.
        """
        card = self.card(model_id)
        model = TrainedModel(
            card=card,
            onnx=_read(self.onnx_path(model_id)),
            companions={
                name: _read(self.companion_path(model_id, name)) for name in card.companions
            },
        )
        _check_content(model)
        return model

    def card(self, model_id: str) -> ModelCard:
        """Return a model's card alone, without checking the ONNX file."""
        if not self._is_stored(model_id):
            raise ModelError(f"there is no model {model_id!r}; stored: {self._listed()}")
        content = self.card_path(model_id).read_bytes()
        _check_version(f"{model_id}.json", content)
        try:
            return ModelCard.model_validate_json(content)
        except ValidationError as error:
            raise ModelError(f"{model_id}.json is not a model card") from error

    def cards(self) -> tuple[ModelCard, ...]:
        """Return all readable cards, oldest first."""
        found = []
        for model_id in self.ids():
            try:
                found.append(self.card(model_id))
            except ModelError as error:
                _logger.warning("model left out: %s", error)
        return tuple(sorted(found, key=lambda card: (card.created, card.id)))

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all stored models."""
        stems = (path.stem for path in self.folder.glob("[!.]*.json"))
        # Of a model's further files of JSON each has its own name behind a dot.
        return tuple(sorted(stem for stem in stems if "." not in stem))

    def find(self, key: str) -> ModelCard | None:
        """Return the newest card with a key, or None: training is needed."""
        return next((card for card in reversed(self.cards()) if card.key == key), None)

    def onnx_path(self, model_id: str) -> Path:
        """Return where a model's ONNX file lies."""
        return self.folder / f"{model_id}.onnx"

    def companion_path(self, model_id: str, name: str) -> Path:
        """Return where a companion of a model lies."""
        return self.folder / f"{model_id}.{name}"

    def card_path(self, model_id: str) -> Path:
        """Return where a model's card lies."""
        return self.folder / f"{model_id}.json"

    def report_path(self, model_id: str, ending: str) -> Path:
        """Return where a model's report lies, as ``html`` or ``json``; it can be made again."""
        return self.folder / f"{model_id}.report.{ending}"

    def _is_stored(self, model_id: str) -> bool:
        # Asked by the list of names, so that no id can lead out of the folder.
        return model_id in self.ids()

    def _listed(self) -> str:
        return ", ".join(self.ids()) or "none"


def _read(path: Path) -> bytes:
    if not path.exists():
        raise ModelError(f"{path.name} is missing beside its card")
    return path.read_bytes()


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_version(name: str, content: bytes) -> None:
    """Refuse cards of another version by saying what to do."""
    try:
        card = json.loads(content)
    except ValueError:
        raise ModelError(f"{name} is not a model card: it is no JSON") from None
    found = card.get("schema_version") if isinstance(card, dict) else None
    if found != SCHEMA_VERSION:
        raise ModelError(
            f"{name} is a model card of version {found}; this program reads version "
            f"{SCHEMA_VERSION}. Train the model again, and remove its files if no one needs them"
        )


def _check_content(model: TrainedModel) -> None:
    """Compare checksums and id with the content."""
    card = model.card
    files = {"onnx": (model.onnx, card.file.sha256)} | {
        name: (model.companions[name], companion.sha256)
        for name, companion in card.companions.items()
    }
    for name, (content, expected) in files.items():
        if (checksum := _checksum(content)) != expected:
            raise TamperedModelError(f"{card.id}.{name}", expected, checksum)
    if card.expected_id() != card.id:
        raise TamperedModelError(f"{card.id}.json", card.id, card.expected_id())
