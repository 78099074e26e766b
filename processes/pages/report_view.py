"""The report of a reconstruction, as far as people read it first: a sentence, and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import JsonValue

    type Document = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """Scores of one split."""

    split: str
    """Name of the split."""
    definition: str
    """What the split is."""
    cells: tuple[str, ...]
    """A score each, in the order of the table's metrics; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """What a report says in short."""

    statement: str
    """One sentence or two; may be empty."""
    metrics: tuple[str, ...]
    """Names of the scores."""
    rows: tuple[ScoreRow, ...]
    """Scores by split."""
    model: str | None = None
    """Identifier of the model, which has a report of its own."""


def view_report(report: JsonValue) -> ReportView | None:
    """Read a report; None for a value that is none.

    >>> pooled = {"n": 489, "rmse": 0.0290667}
    >>> view = view_report({"scores": {"random": {"pooled": pooled, "definition": "rows"}}})
    >>> view.metrics, view.rows[0].cells
    (('n', 'rmse'), ('489', '0.0291'))
    """
    if not isinstance(report, dict):
        return None
    pooled = dict(_pooled(report.get("scores")))
    metrics = tuple(dict.fromkeys(name for _, scores in pooled.values() for name in scores))
    statement = report.get("statement")
    rows = tuple(
        ScoreRow(
            split=split,
            definition=definition,
            cells=tuple(_written(scores.get(name)) for name in metrics),
        )
        for split, (definition, scores) in pooled.items()
    )
    view = ReportView(
        statement=statement if isinstance(statement, str) else "",
        metrics=metrics,
        rows=rows,
        model=_model(report.get("model")),
    )
    return view if view.statement or view.rows else None


def _pooled(scores: JsonValue) -> Iterator[tuple[str, tuple[str, Document]]]:
    """Give definition and pooled scores of each split."""
    for split, score in scores.items() if isinstance(scores, dict) else ():
        pooled = score.get("pooled") if isinstance(score, dict) else None
        if isinstance(score, dict) and isinstance(pooled, dict):
            yield split, (str(score.get("definition", "")), pooled)


def _model(model: JsonValue) -> str | None:
    found = model.get("id") if isinstance(model, dict) else None
    return found if isinstance(found, str) else None


def _written(value: JsonValue) -> str:
    if isinstance(value, float):
        return f"{value:.4f}".replace("-", "−")
    return "" if value is None else str(value)
