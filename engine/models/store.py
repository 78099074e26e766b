"""Where models are kept: an ONNX file and its card, side by side."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from engine.errors import ModelError, TamperedModelError
from engine.files import atomic_path
from engine.models.card import ModelCard
from engine.models.inference import Predictor

if TYPE_CHECKING:
    from pathlib import Path

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A model that has passed its parity check, with its card."""

    card: ModelCard
    onnx: bytes

    def predictor(self, *, threads: int = 2) -> Predictor:
        """Open the model for prediction."""
        return Predictor(self.card, self.onnx, threads=threads)


class ModelStore:
    """A folder of ``<id>.onnx`` and ``<id>.json``.

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
            Where the ONNX file or the card has been changed.
        """
        model = TrainedModel(card=self.card(model_id), onnx=self._read_onnx(model_id))
        _check_content(model)
        return model

    def card(self, model_id: str) -> ModelCard:
        """Return a model's card alone, without checking the ONNX file."""
        if not self._is_stored(model_id):
            raise ModelError(f"there is no model {model_id!r}; stored: {self._listed()}")
        try:
            return ModelCard.model_validate_json(self.card_path(model_id).read_bytes())
        except ValidationError as error:
            raise ModelError(f"{model_id}.json is not a model card of this version") from error

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
        return tuple(sorted(path.stem for path in self.folder.glob("[!.]*.json")))

    def find(self, key: str) -> ModelCard | None:
        """Return the newest card with a key, or None: training is needed."""
        return next((card for card in reversed(self.cards()) if card.key == key), None)

    def onnx_path(self, model_id: str) -> Path:
        """Return where a model's ONNX file lies."""
        return self.folder / f"{model_id}.onnx"

    def card_path(self, model_id: str) -> Path:
        """Return where a model's card lies."""
        return self.folder / f"{model_id}.json"

    def _is_stored(self, model_id: str) -> bool:
        # Asked by the list of names, so that no id can lead out of the folder.
        return model_id in self.ids()

    def _listed(self) -> str:
        return ", ".join(self.ids()) or "none"

    def _read_onnx(self, model_id: str) -> bytes:
        path = self.onnx_path(model_id)
        if not path.exists():
            raise ModelError(f"{model_id}.onnx is missing beside its card")
        return path.read_bytes()


def _check_content(model: TrainedModel) -> None:
    """Compare checksum and id with the content."""
    card = model.card
    checksum = hashlib.sha256(model.onnx).hexdigest()
    if checksum != card.file.sha256:
        raise TamperedModelError(f"{card.id}.onnx", card.file.sha256, checksum)
    if card.expected_id() != card.id:
        raise TamperedModelError(f"{card.id}.json", card.id, card.expected_id())
