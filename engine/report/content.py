"""A model's report: card and evidence, put in order and into words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from engine.ablation import Ablation
from engine.frozen import ABOUT, About
from engine.models.card import CardFeature
from engine.models.importance import Importance
from engine.models.scores import Metrics
from engine.models.splits import HONESTY, SPLITS
from engine.report.evidence import Evidence, Kept
from engine.report.paper import BesideThePaper, beside_the_paper
from engine.report.wording import Weighed, in_words, weighed, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.models.bootstrap import Interval, Scores
    from engine.models.card import CardEntry, ModelCard, Score
    from engine.models.store import TrainedModel


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fact(_Part):
    """One line of what a model is."""

    name: str
    value: str


class Number(_Part):
    """A score with its 95 % interval, as far as they are known."""

    value: float | None
    lower: float | None = None
    upper: float | None = None


class ScoreRow(_Part):
    """One algorithm in one split."""

    algorithm: str
    split: str
    headline: bool = Field(description="Whether this split decides.")
    chosen: bool = Field(description="Whether this algorithm is the model's.")
    rows: int
    r2: Number
    rmse: Number
    mae: Number
    r: Number
    bias: Number


class SplitRow(_Part):
    """What a split is."""

    name: str
    title: str
    question: str
    definition: str


class ModelReport(_Part):
    """All of a report but its pictures."""

    id: str
    title: str
    statement: tuple[str, ...] = Field(description="The whole in a few sentences.")
    synthetic: bool
    kind: str
    units: str
    created: AwareDatetime
    facts: tuple[Fact, ...]
    features: tuple[CardFeature, ...]
    headline: str | None = Field(description="The split that decides.")
    splits: tuple[SplitRow, ...]
    splits_left_out: dict[str, str]
    scores: tuple[ScoreRow, ...]
    intervals: str = Field(description="What confidence intervals are made from.")
    block_side: float = Field(description="Least side of a spatial block, m.")
    choice: str | None = Field(description="Why this algorithm; null where it was asked for.")
    importance: Importance | None
    importance_kind: str
    ablation: Ablation | None
    analysis: tuple[Weighed, ...] = Field(description="What the maps take from whom.")
    analysis_lacking: str | None
    applicability: tuple[str, ...]
    periods: dict[str, dict[str, Metrics]] = Field(
        description="For SIF, scores of each 8 days by split."
    )
    paper: BesideThePaper | None
    caveats: tuple[str, ...]
    evidence: Evidence | None


def model_report(model: TrainedModel, upstream: ModelCard | None = None) -> ModelReport:
    """Put a model's report together.

    Parameters
    ----------
    model
        With its companions.
    upstream
        Card of the model that made one of the features, if it is at hand.
    """
    card, kept = model.card, Kept.of(model)
    headline = next((name for name in HONESTY if card.score(name) is not None), None)
    about = _about(model)
    return ModelReport(
        id=card.id,
        title=f"{words().kinds[card.kind]}, {card.region.name}, {_algorithm(card.algorithm)}",
        statement=tuple(_statement(card, headline)),
        synthetic=card.synthetic,
        kind=card.kind,
        units=card.target.units,
        created=card.created,
        facts=tuple(_facts(card)),
        features=card.features,
        headline=headline,
        splits=tuple(_split(card, name) for name in SPLITS if card.score(name) is not None),
        splits_left_out=dict(card.splits_left_out),
        scores=tuple(_score_rows(card, headline)),
        intervals=card.intervals,
        block_side=card.blocks.side,
        choice=card.choice.reason if card.choice is not None else None,
        importance=card.permutation,
        importance_kind=card.importance_kind,
        ablation=card.ablation,
        analysis=weighed(about.weights) if about is not None and about.weights else (),
        analysis_lacking=about.lacking if about is not None else None,
        applicability=tuple(_applicability(about)),
        periods=_periods(card),
        paper=beside_the_paper(card, upstream),
        caveats=tuple(_caveats(card)),
        evidence=None if kept is None else kept.evidence,
    )


def _about(model: TrainedModel) -> About | None:
    content = model.companions.get(ABOUT)
    return None if content is None else About.model_validate_json(content)


def _algorithm(name: str) -> str:
    return words().algorithms.get(name, name)


def _statement(card: ModelCard, headline: str | None) -> Iterable[str]:
    target = card.target
    yield (
        f"Learnt from {card.rows.used:,} rows of {target.description} in "
        f"{_period(card.training)}, by {_algorithm(card.algorithm)} with "
        f"{len(card.features)} predictors."
    )
    score = card.score(headline) if headline is not None else None
    if score is not None and headline is not None:
        held = words().splits[headline].title.lower()
        r2 = "" if score.pooled.r2 is None else f"R² {score.pooled.r2:.3f} and "
        rmse = f"RMSE {score.pooled.rmse:.4f} {in_words(target.units)}"
        yield f"On {held} held out it has {r2}{rmse}."
    random = card.score("random")
    if random is not None and headline != "random" and random.pooled.r2 is not None:
        yield (
            f"On rows held out at random it would look better than that: R² {random.pooled.r2:.3f}."
            if score is not None and random.pooled.rmse < score.pooled.rmse
            else f"On rows held out at random: R² {random.pooled.r2:.3f}."
        )


def _facts(card: ModelCard) -> Iterable[Fact]:
    west, south, east, north = card.region.bbox
    settings = card.settings.model_dump(exclude={"algorithm"}, exclude_none=True, mode="json")
    lines = {
        "Model": card.id,
        "Target": f"{card.target.description}, {in_words(card.target.units)}",
        "Region": f"{card.region.name}, {west:g} to {east:g}° E, {south:g} to {north:g}° N",
        "Period": f"{_period(card.training)}, {len(card.training)} months",
        "Rows": _rows(card),
        "Algorithm": f"{_algorithm(card.algorithm)} ({_listed(settings)})",
        "Found by the rows": _listed(card.found),
        "Settings looked for": f"{len(card.tuning.trials)} tried" if card.tuning else "",
        "Never varying, left out": _listed(card.rows.constant),
        "Left out of the method": "; ".join(f"{k}: {v}" for k, v in card.omissions.items()),
        "Model of SIF": card.upstream or "",
        "Files read, hash": card.inputs,
        "ONNX file": f"{card.file.bytes / 1e6:.1f} MB, SHA-256 {card.file.sha256}; differs from "
        f"its estimator by {card.file.parity:.1g}",
        "Made by": _listed(card.versions),
    }
    return (Fact(name=name, value=value) for name, value in lines.items() if value)


def _rows(card: ModelCard) -> str:
    removed = [f"{count:,}: {rule}" for rule, count in card.rows.removed.items() if count]
    lacking = len(card.rows.left_out)
    said = f"{card.rows.used:,}"
    if removed:
        said += f"; left out {'; '.join(removed)}"
    return f"{said}; {lacking} months or periods lack something" if lacking else said


def _period(months: tuple[str, ...]) -> str:
    return months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"


def _listed(values: dict[str, object] | dict[str, float] | dict[str, str]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value:g}"
        if isinstance(value, float)
        else f"{name.replace('_', ' ')} {value}"
        for name, value in values.items()
        if not isinstance(value, list | dict)
    )


def _split(card: ModelCard, name: str) -> SplitRow:
    said, score = words().splits[name], card.score(name)
    definition = score.definition if score is not None else ""
    return SplitRow(name=name, title=said.title, question=said.question, definition=definition)


def _score_rows(card: ModelCard, headline: str | None) -> Iterable[ScoreRow]:
    if card.comparison:
        for entry in card.comparison:
            yield _row(card, entry.algorithm, entry, headline)
    else:
        for score in card.scores:
            yield _row(card, card.algorithm, score, headline)


def _row(
    card: ModelCard, algorithm: str, score: Score | CardEntry, headline: str | None
) -> ScoreRow:
    pooled, intervals = score.pooled, score.intervals
    return ScoreRow(
        algorithm=algorithm,
        split=score.split,
        headline=score.split == headline,
        chosen=algorithm == card.algorithm,
        rows=pooled.n,
        r2=_number(pooled.r2, intervals, "r2"),
        rmse=_number(pooled.rmse, intervals, "rmse"),
        mae=_number(pooled.mae, intervals, "mae"),
        r=_number(pooled.r, intervals, "r"),
        bias=_number(pooled.bias, intervals, "bias"),
    )


def _number(value: float | None, intervals: Scores | None, name: str) -> Number:
    if intervals is None:
        return Number(value=value)
    interval: Interval = getattr(intervals, name)
    return Number(value=value, lower=interval.lower, upper=interval.upper)


def _periods(card: ModelCard) -> dict[str, dict[str, Metrics]]:
    if card.kind != "sif":
        return {}
    return {score.split: dict(score.by_time) for score in card.scores}


def _applicability(about: About | None) -> Iterable[str]:
    if about is None:
        return
    known = about.applicability
    yield (
        f"A pixel is outside where its distance to the nearest of {known.rows:,} training rows is "
        f"more than {known.threshold:.3f} of the mean distance between them "
        f"({known.mean_distance:.2f} standard deviations): the upper whisker of what training "
        "rows find in other spatial blocks."
    )
    yield (
        "Pixels of 1 km vary more than the 9 km means that the model has learnt from, so more of "
        "them are outside than of training rows."
    )


def _caveats(card: ModelCard) -> Iterable[str]:
    said = words().caveats
    if card.synthetic:
        yield said["synthetic"]
    if card.kind == "sif":
        yield said["sif_scores"]
        return
    yield said["scores"]
    yield said["conserving"]
    if card.upstream is not None:
        yield said["sif"]
