"""From a table to a model with honest scores, an ONNX file and a card."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.models.blocks import Folds, block_folds, random_folds
from engine.models.card import (
    CardFeature,
    CardFile,
    CardRegion,
    CardRows,
    CardTarget,
    ModelCard,
    Score,
    digest,
    library_versions,
    now,
)
from engine.models.forest_onnx import forest_to_onnx
from engine.models.parity import check_parity
from engine.models.scores import metrics
from engine.models.store import TrainedModel
from engine.models.table import MIN_ROWS
from engine.progress import silent, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from sklearn.ensemble import RandomForestRegressor

    from engine.grids import BBox
    from engine.models.candidates import Kind, RandomForest
    from engine.models.table import Table, Variable
    from engine.months import Month
    from engine.progress import Progress

_SCORED = 0.7
"""Share of the training time that the cross-validation takes, for progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a model is asked to be, before it has seen a row."""

    kind: Kind
    settings: RandomForest
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
            }
        )


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

    Parameters
    ----------
    table
        Rows as they come; what cannot be learnt from is removed and counted.
    task
        What the model is for.
    left_out
        Months or periods of the task that the table lacks, and why.
    progress
        Told after every fold.
    threads
        Trees grown at once; the model does not depend on it.

    Raises
    ------
    ModelError
        Where the table is too small or a predictor is mostly missing.
    ParityError
        Where the ONNX file does not repeat the estimator.
    """
    table = table.usable()
    scores, unscored = _scores(table, task.settings, span(progress, 0.0, _SCORED), threads)
    progress(_SCORED, f"fitting {task.settings.trees} trees to {len(table)} rows")
    forest = _fitted(table, task.settings, np.ones(len(table), dtype=bool), threads)
    onnx = forest_to_onnx(forest, table.features, table.target, _notes(task))
    parity = check_parity(forest, onnx, table.values)
    progress(1.0, "model trained")
    card = ModelCard(
        id="",
        key=task.key,
        kind=task.kind,
        settings=task.settings,
        features=_card_features(table, forest),
        target=task.target,
        region=task.region,
        training=tuple(str(month) for month in task.months),
        rows=CardRows(
            used=len(table),
            removed=dict(table.removed),
            constant=dict(table.constant),
            left_out=dict(left_out or {}),
        ),
        scores=scores,
        splits_left_out=unscored,
        omissions=dict(task.omissions),
        upstream=task.upstream,
        inputs=task.inputs,
        file=CardFile(sha256=hashlib.sha256(onnx).hexdigest(), bytes=len(onnx), parity=parity),
        versions=library_versions(),
        created=now(),
    )
    return TrainedModel(card=card.identified(), onnx=onnx)


def _notes(task: Task) -> dict[str, str]:
    notes = {"kind": task.kind, "region": task.region.name}
    if task.region.synthetic:
        notes["synthetic"] = "true: learnt from a vadose world; not an observation"
    return notes


def _card_features(table: Table, forest: RandomForestRegressor) -> tuple[CardFeature, ...]:
    return tuple(
        CardFeature(name=feature.name, units=feature.units, importance=round(float(share), 6))
        for feature, share in zip(table.features, forest.feature_importances_, strict=True)
    )


def _fitted(
    table: Table,
    settings: RandomForest,
    rows: NDArray[np.bool_],
    threads: int,
    trees: int | None = None,
) -> RandomForestRegressor:
    forest = settings.estimator(int(rows.sum()), trees=trees, threads=threads)
    forest.fit(table.values[rows], table.truth[rows])
    # Trees predicted in parallel are added up in any order, and the last digit with it.
    return forest.set_params(n_jobs=1)


def _scores(
    table: Table, settings: RandomForest, progress: Progress, threads: int
) -> tuple[tuple[Score, ...], dict[str, str]]:
    """Score every split that the table allows, and say why the others have none."""
    splits, left_out = _splits(table, settings.seed)
    steps = sum(folds.count for folds in splits)
    done = 0
    scores = []
    for folds in splits:
        prediction = np.full(len(table), np.nan)
        for fold in range(folds.count):
            progress(done / steps, f"cross-validation: {folds.split} fold {fold + 1}")
            held_out = folds.number == fold
            forest = _fitted(table, settings, ~held_out, threads, settings.trees_in_folds)
            prediction[held_out] = forest.predict(table.values[held_out])
            done += 1
        scores.append(_score(table, folds, prediction, settings.trees_in_folds))
    return tuple(scores), left_out


def _splits(table: Table, seed: int) -> tuple[list[Folds], dict[str, str]]:
    random, blocks = random_folds(len(table), seed), block_folds(table.x, table.y, seed)
    if blocks is None:
        return [random], {"spatial-block": "all rows lie in one place"}
    if _fewest_training_rows(blocks) < MIN_ROWS // 2:
        return [random], {
            "spatial-block": f"a fold would leave fewer than {MIN_ROWS // 2} rows to train on"
        }
    return [random, blocks], {}


def _fewest_training_rows(folds: Folds) -> int:
    return folds.number.size - int(np.bincount(folds.number).max())


def _score(table: Table, folds: Folds, prediction: NDArray[np.float64], trees: int) -> Score:
    return Score(
        split=folds.split,
        definition=folds.definition,
        trees=trees,
        pooled=metrics(prediction, table.truth),
        by_time={
            time: metrics(prediction[rows], table.truth[rows]) for time, rows in _by_time(table)
        },
    )


def _by_time(table: Table) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    times: Sequence[str] = np.unique(table.time).tolist()
    return ((time, table.time == time) for time in times)
