"""The paper's figures beside ours, where a model was asked to be the paper's.

References
----------
Sang et al. (2026). doi:10.1007/s41748-026-01031-8
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from engine.features import PRESETS
from engine.models.splits import HONESTY
from engine.provenance import SIF

if TYPE_CHECKING:
    from engine.models.card import ModelCard, Score


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Model(_Said):
    r2: float
    rmse: float


class _Sif(_Said):
    r2: tuple[float, float]
    place: int


class Paper(_Said):
    """What the paper says."""

    model: _Model
    sif: _Sif
    caveats: dict[str, str]


class PaperRow(_Said):
    """One figure of the paper with ours."""

    what: str
    paper: str
    its_way: str
    """Of rows held out at random."""
    honestly: str
    """Of the most honest split there is."""


class BesideThePaper(_Said):
    """All figures."""

    honest_split: str
    rows: tuple[PaperRow, ...]
    caveats: tuple[str, ...]


@cache
def the_paper() -> Paper:
    """Return the paper's figures.

    >>> the_paper().model.r2
    0.92
    """
    text = resources.files("engine.report").joinpath("paper.toml").read_text(encoding="utf-8")
    return Paper.model_validate(tomllib.loads(text))


def is_the_papers(card: ModelCard) -> bool:
    """Tell whether a model was asked for with the paper's predictors and its algorithm."""
    asked = {*card.feature_names, *card.rows.constant}
    return (
        card.kind == "soil-moisture" and card.algorithm == "rf" and asked == set(PRESETS["paper"])
    )


def beside_the_paper(card: ModelCard, upstream: ModelCard | None) -> BesideThePaper | None:
    """Set a model beside the paper's.

    Parameters
    ----------
    card
        Of the model.
    upstream
        Of the model of SIF; None where it is not at hand.

    Returns
    -------
    BesideThePaper or None
        None where the model has other predictors or another algorithm.
    """
    if not is_the_papers(card):
        return None
    paper, ways = the_paper(), _ways(card)
    model = {
        "R² at 9 km": ("r2", paper.model.r2),
        "RMSE at 9 km, m³ m⁻³": ("rmse", paper.model.rmse),
    }
    rows = [
        PaperRow(what=what, paper=f"{said}", **_both(*(_written(way, name) for way in ways)))
        for what, (name, said) in model.items()
    ]
    rows.append(
        PaperRow(what="place of SIF in importance", paper=f"{paper.sif.place}", **_places(card))
    )
    if upstream is not None:
        low, high = paper.sif.r2
        found = _both(*(_range(way) for way in _ways(upstream)))
        what = "reconstructed SIF, R² of 8 days, least and greatest"
        rows.append(PaperRow(what=what, paper=f"{low} to {high}", **found))
    honest = next(name for name in HONESTY if card.score(name) is not None)
    return BesideThePaper(
        honest_split=honest, rows=tuple(rows), caveats=tuple(paper.caveats.values())
    )


def _ways(card: ModelCard) -> tuple[Score | None, Score | None]:
    """Return the paper's split and the most honest one."""
    honest = next((name for name in HONESTY if card.score(name) is not None), "random")
    return card.score("random"), card.score(honest)


def _both(its_way: str, honestly: str) -> dict[str, str]:
    return {"its_way": its_way, "honestly": honestly}


def _written(score: Score | None, name: str) -> str:
    value = None if score is None else getattr(score.pooled, name)
    if score is None or value is None:
        return "–"
    if score.intervals is None:
        return f"{value:.3f}"
    interval = getattr(score.intervals, name)
    return f"{value:.3f} ({interval.lower:.3f} to {interval.upper:.3f})"


def _range(score: Score | None) -> str:
    known = [one.r2 for one in score.by_time.values() if one.r2 is not None] if score else []
    return f"{min(known):.2f} to {max(known):.2f}".replace("-", "−") if known else "–"


def _places(card: ModelCard) -> dict[str, str]:
    """Return where SIF stands by impurity, and dealt anew alone on blocks unseen."""
    shares = {one.name: one.importance for one in card.features if one.importance is not None}
    ranked = sorted(shares, key=lambda name: -shares[name])
    groups = [share.group for share in card.permutation.shares] if card.permutation else []
    return _both(
        f"{ranked.index(SIF) + 1}, by impurity" if SIF in ranked else "–",
        f"{groups.index(SIF) + 1} of {len(groups)} groups" if SIF in groups else "–",
    )
