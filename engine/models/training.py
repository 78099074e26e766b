"""From a table to a model with honest scores, an ONNX file and a card."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.ablation import ablation
from engine.models.bootstrap import Clusters
from engine.models.candidates import Best
from engine.models.card import (
    CardBlocks,
    CardChoice,
    CardEntry,
    CardFeature,
    CardFile,
    CardRegion,
    CardRows,
    CardTarget,
    CardTuning,
    ModelCard,
    digest,
    library_versions,
    now,
)
from engine.models.choice import choose
from engine.models.importance import importance
from engine.models.parity import check_parity
from engine.models.pilot import PILOT, measured_splits
from engine.models.scoring import Scoring, scored
from engine.models.splits import drawn
from engine.models.store import TrainedModel
from engine.models.tuning import tune
from engine.progress import silent, span
from engine.provenance import SIF

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from engine.ablation import Ablation, Arm
    from engine.grids import BBox
    from engine.models.candidates import AnyCandidate, Candidate, Fitted, Kind
    from engine.models.importance import Importance
    from engine.models.splits import SplitName, Splits
    from engine.models.table import Table, Variable
    from engine.models.variogram import Variogram
    from engine.months import Month
    from engine.progress import Progress

_SCORED, _FITTED = 0.7, 0.85
"""Shares of the training time after which the cross-validation, and the model, are done."""
_UNSEEN: SplitName = "spatial-block"
"""Split whose rows are asked for what the predictors are worth."""
_DEALS, _ASKED = 10, 8000
"""How often predictors are dealt anew, and among how many rows at most."""
_ARMS: tuple[Arm, ...] = ("A", "B", "C", "E1", "E2")
"""Arms of which a training has the columns."""
_ARM_ROWS, _ARM_SEEDS = (1000, 12_000), range(5)
"""Rows that tell what SIF is worth, at least and at most; and seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a model is asked to be, before it has seen a row."""

    kind: Kind
    settings: AnyCandidate
    features: tuple[Variable, ...]
    """Predictors asked for."""
    target: CardTarget
    region: CardRegion
    months: tuple[Month, ...]
    """Months to train on."""
    inputs: str
    """Fingerprint of the granules."""
    omissions: Mapping[str, str]
    """What is left out of the method, and why."""
    upstream: str | None = None
    """Id of the model that made one of the features."""
    tuning_seconds: float = 0.0
    """Time to look for better settings in; 0 takes them as they are."""

    @property
    def key(self) -> str:
        """Hash of everything here: equal keys ask for the same model."""
        return digest(
            {
                "kind": self.kind,
                "settings": self.settings.model_dump(mode="json"),
                "features": [str(feature) for feature in self.features],
                "target": self.target.model_dump(mode="json"),
                "region": self.region.model_dump(mode="json"),
                "months": [str(month) for month in self.months],
                "inputs": self.inputs,
                "omissions": dict(self.omissions),
                "upstream": self.upstream,
                "tuning_seconds": self.tuning_seconds,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A model and what it was trained with."""

    model: TrainedModel
    fitted: Fitted
    table: Table
    """The rows that were used."""
    splits: Splits
    variogram: Variogram | None
    """Of a quick model's errors, by which the blocks were made; None in a small area."""
    held_out: Mapping[SplitName, NDArray[np.float64]]
    """Prediction ``(n,)`` of each row by a model that had not seen it; NaN where a split tests
    it not."""


def card_region(name: str, bbox: BBox, *, synthetic: bool) -> CardRegion:
    """Return a region as cards name it."""
    west, south, east, north = bbox
    return CardRegion(name=name, bbox=(west, south, east, north), synthetic=synthetic)


def train(
    table: Table,
    task: Task,
    *,
    left_out: Mapping[str, str] | None = None,
    progress: Progress = silent,
    threads: int = 2,
) -> TrainedModel:
    """Score a candidate by cross-validation, fit it to all rows, and write it as ONNX.

    Parameters, errors and result are those of `training`, of which this is the model.
    """
    return training(table, task, left_out=left_out, progress=progress, threads=threads).model


def training(
    table: Table,
    task: Task,
    *,
    left_out: Mapping[str, str] | None = None,
    progress: Progress = silent,
    threads: int = 2,
) -> Training:
    """Score a candidate by cross-validation, fit it to all rows, and write it as ONNX.

    Parameters
    ----------
    table
        Rows as they come; what cannot be learnt from is removed and counted.
    task
        What the model is for. Of several candidates the best is taken.
    left_out
        Months or periods of the task that the table lacks, and why.
    progress
        Told after every fold.
    threads
        Folds or trees at once; the model does not depend on it.

    Raises
    ------
    ModelError
        Where the table is too small or a predictor is mostly missing.
    ParityError
        Where the ONNX file does not repeat the estimator.
    """
    table = table.usable()
    seed = task.settings.seed
    splits, variogram = measured_splits(table, seed=seed, threads=threads)
    scorings = _scorings(table, task, splits, span(progress, 0.0, _SCORED), threads=threads)
    scoring, choice = _chosen(scorings)
    settings, tuning = _tuned(scoring.settings, table, task, splits)
    progress(_SCORED, f"fitting {settings.told()} to {len(table)} rows")
    fitted = settings.fit(table.values, table.truth, folds=splits.blocks, threads=threads)
    onnx = fitted.to_onnx(table.features, table.target, _notes(task, settings))
    parity = check_parity(fitted, onnx, table.values)
    worth = _permuted(table, settings, splits, span(progress, _FITTED, 1.0))
    sif = _sif_arms(table, splits, threads)
    progress(1.0, "model trained")
    card = ModelCard(
        id="",
        key=task.key,
        kind=task.kind,
        settings=settings,
        found=fitted.found(),
        features=_card_features(table, fitted),
        target=task.target,
        region=task.region,
        training=tuple(str(month) for month in task.months),
        rows=CardRows(
            used=len(table),
            removed=dict(table.removed),
            constant=dict(table.constant),
            left_out=dict(left_out or {}),
        ),
        blocks=_card_blocks(splits, variogram),
        tuning=tuning,
        choice=choice,
        scores=scoring.scores,
        intervals=Clusters.of(table).definition,
        comparison=_compared(scorings),
        permutation=worth,
        ablation=sif,
        splits_left_out=dict(splits.left_out),
        omissions=dict(task.omissions),
        upstream=task.upstream,
        inputs=task.inputs,
        file=CardFile(sha256=hashlib.sha256(onnx).hexdigest(), bytes=len(onnx), parity=parity),
        versions=library_versions(),
        created=now(),
    )
    return Training(
        model=TrainedModel(card=card.identified(), onnx=onnx),
        fitted=fitted,
        table=table,
        splits=splits,
        variogram=variogram,
        held_out=scoring.predictions,
    )


def _scorings(
    table: Table, task: Task, splits: Splits, progress: Progress, *, threads: int
) -> Mapping[str, Scoring]:
    """Score the candidate, or all of them."""
    settings = task.settings
    candidates = settings.candidates if isinstance(settings, Best) else (settings,)
    scorings: dict[str, Scoring] = {}
    for number, one in enumerate(candidates):
        part = span(progress, number / len(candidates), (number + 1) / len(candidates))
        scorings[one.algorithm] = scored(
            one, table, splits, part, threads=threads, tuning_seconds=task.tuning_seconds
        )
    return scorings


def _chosen(scorings: Mapping[str, Scoring]) -> tuple[Scoring, CardChoice | None]:
    """Return the best one's scores, and why it is the best of several."""
    if len(scorings) == 1:
        return next(iter(scorings.values())), None
    choice = choose({name: scoring.errors() for name, scoring in scorings.items()})
    why = CardChoice(split=choice.split, rmse=dict(choice.rmse), reason=choice.reason)
    return scorings[choice.algorithm], why


def _compared(scorings: Mapping[str, Scoring]) -> tuple[CardEntry, ...]:
    """Return all scores of several algorithms; nothing of a single one, which has its own."""
    if len(scorings) == 1:
        return ()
    return tuple(
        CardEntry(algorithm=algorithm, split=one.split, pooled=one.pooled, intervals=one.intervals)
        for algorithm, scoring in scorings.items()
        for one in scoring.scores
    )


def _permuted(
    table: Table, settings: Candidate, splits: Splits, progress: Progress
) -> Importance | None:
    """Ask what predictors are worth on blocks unseen, of not too many rows."""
    if _UNSEEN not in splits.found:
        return None
    return importance(
        table,
        settings,
        splits,
        _UNSEEN,
        repeats=_DEALS,
        rows=_ASKED,
        seed=settings.seed,
        progress=progress,
    )


def _sif_arms(table: Table, splits: Splits, threads: int) -> Ablation | None:
    """Ask a quick model what SIF is worth, where it is a predictor and there are rows enough."""
    least, most = _ARM_ROWS
    if SIF not in [feature.name for feature in table.features] or len(table) < least:
        return None
    rows, folds = drawn(table, splits, most, seed=0)
    return ablation(
        rows,
        PILOT,
        folds,
        folds.headline.name,
        sif_inputs=(),
        seeds=_ARM_SEEDS,
        arms=_ARMS,
        threads=threads,
    )


def _tuned(
    settings: Candidate, table: Table, task: Task, splits: Splits
) -> tuple[Candidate, CardTuning | None]:
    """Look for settings with all rows, if there is time for it."""
    if not task.tuning_seconds:
        return settings, None
    found = tune(
        settings,
        table.values,
        table.truth,
        splits.blocks,
        seconds=task.tuning_seconds,
        seed=settings.seed,
    )
    return found.settings, CardTuning(seconds=task.tuning_seconds, trials=found.trials)


def _notes(task: Task, settings: Candidate) -> dict[str, str]:
    notes = {"kind": task.kind, "algorithm": settings.algorithm, "region": task.region.name}
    if task.region.synthetic:
        notes["synthetic"] = "true: learnt from a vadose world; not an observation"
    return notes


def _card_features(table: Table, fitted: Fitted) -> tuple[CardFeature, ...]:
    importance = fitted.importance()
    shares = [None] * len(table.features) if importance is None else importance.round(6).tolist()
    return tuple(
        CardFeature(name=feature.name, units=feature.units, importance=share)
        for feature, share in zip(table.features, shares, strict=True)
    )


def _card_blocks(splits: Splits, variogram: Variogram | None) -> CardBlocks:
    return CardBlocks(
        side=splits.side, error_range=variogram.range if variogram is not None else None
    )
