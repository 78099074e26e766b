"""Reports in the store, beside their models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.files import atomic_path
from engine.report.content import model_report
from engine.report.evidence import Kept

if TYPE_CHECKING:
    from pathlib import Path

    from engine.models.card import ModelCard
    from engine.models.store import ModelStore


def write_report(
    models: ModelStore, model_id: str, folder: Path | None = None
) -> tuple[Path, Path]:
    """Write a stored model's report.

    Parameters
    ----------
    models
        The store.
    model_id
        Which model.
    folder
        Where to write ``<id>.report.html`` and ``<id>.report.json``; beside the model unless given.

    Returns
    -------
    tuple of Path
        The page, and the same as JSON.

    Raises
    ------
    ModelError
        Where there is no such model, or it has been changed.
    """
    # Figures take a second to load, which who only looks whether a report is there need not wait.
    from engine.report.page import report_page  # noqa: PLC0415

    model = models.load(model_id)
    report = model_report(model, _upstream(models, model.card))
    kept = Kept.of(model)
    page = report_page(report, None if kept is None else kept.maps)
    content = {
        "html": page,
        "json": report.model_dump_json(indent=1) + "\n",
    }
    written = {}
    for ending, text in content.items():
        written[ending] = models.report_path(model_id, ending)
        if folder is not None:
            written[ending] = folder / written[ending].name
        with atomic_path(written[ending]) as path:
            path.write_text(text, encoding="utf-8")
    return written["html"], written["json"]


def ensure_report(models: ModelStore, model_id: str) -> None:
    """Write a stored model's report unless it is there."""
    endings = ("html", "json")
    if not all(models.report_path(model_id, ending).exists() for ending in endings):
        write_report(models, model_id)


def _upstream(models: ModelStore, card: ModelCard) -> ModelCard | None:
    """Return the card of the model that made a feature, if it is still stored."""
    if card.upstream is None:
        return None
    try:
        return models.card(card.upstream)
    except ModelError:
        return None
