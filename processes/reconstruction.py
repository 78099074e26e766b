"""What the two reconstructions have in common: a model that fits, layers, and their sources."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel, ConfigDict

from engine.errors import InputError
from engine.files import locked
from engine.region import Region
from engine.report.writing import ensure_report
from stac.series import Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr

    from engine.feature_store import FeatureStore
    from engine.granules import Granule
    from engine.models.store import ModelStore, TrainedModel
    from engine.models.training import Task
    from engine.months import Month
    from engine.progress import Progress
    from processes.inputs import ReconstructionInputs
    from processes.settings import Settings

    type Train = Callable[[Progress], TrainedModel]


_KEY_DIGITS = 16
"""Digits of a task's key in the name of its lock."""


class Prepared(BaseModel):
    """What a job's preparation has settled: all that decides a month's values but the archive.

    It is kept as JSON between the steps of a job, so that whoever makes a month, whenever and
    wherever, makes the same one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: Region
    """Where models are applied, as it was read; its box covers the area asked for."""
    months: tuple[str, ...]
    """Months to map, ``YYYY-MM``, in order."""
    model: str
    """Identifier of the model; features, and the model of SIF that it needs, are its card's."""
    trained: bool
    """Whether this very job trained it."""
    settings: dict[str, Setting] = {}
    """What changes the values, besides the model and the area."""


class Reconstruction(Protocol):
    """A model in hand, ready to map months."""

    @property
    def store(self) -> FeatureStore:
        """Features of the region."""
        ...

    @property
    def product(self) -> str:
        """The catalogue's product, such as ``sif``."""
        ...

    @property
    def chosen(self) -> Chosen:
        """The model."""
        ...

    @property
    def upstream(self) -> Sequence[TrainedModel]:
        """Models whose output the model uses."""
        ...

    @property
    def settings(self) -> Mapping[str, Setting]:
        """What changes the values, besides the model and the area."""
        ...

    def layers(self, month: Month) -> xr.Dataset:
        """Return a month's layers on the region's fine grid."""
        ...

    def granules(self, month: Month) -> Sequence[Granule]:
        """Return the files that a month is made of."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A model, and where it came from."""

    model: TrainedModel
    """The model."""
    trained: bool
    """Whether this very run trained it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPolicy:
    """When a model is trained."""

    retrain: bool
    """Even where a stored model fits."""
    limit: float
    """Longest training that nobody asked for, seconds."""

    @classmethod
    def of(cls, inputs: ReconstructionInputs, settings: Settings) -> TrainingPolicy:
        """Return what a request and the settings say; who asks to retrain sets no limit."""
        limit = math.inf if inputs.retrain else settings.training_limit
        return cls(retrain=inputs.retrain, limit=limit)

    def for_upstream(self) -> TrainingPolicy:
        """Return the policy for a model that another one needs: a stored one will do."""
        return replace(self, retrain=False)


def choose_model(
    models: ModelStore,
    task: Task,
    train: Train,
    progress: Progress,
    *,
    policy: TrainingPolicy,
    seconds: float,
) -> Chosen:
    """Return the stored model that fits a task, or train and store one.

    Parameters
    ----------
    models
        The stored models.
    task
        What the model is asked to be.
    train
        Trains it.
    progress
        Told how the training goes; called, too, while another process trains the same model.
    policy, seconds
        When to train, and how long that is expected to take.

    Raises
    ------
    InputError
        Where no stored model fits and the training takes longer than the policy allows.
    """
    found = _fitting(models, task, policy, progress)
    if found is not None:
        return found
    _check_training(task, policy, seconds)
    waiting = partial(progress, 0.0, f"another job trains this model of {task.kind}: waiting")
    with locked(models.folder / f".{task.key[:_KEY_DIGITS]}.lock", waiting):
        # By now the other job may have trained it.
        found = _fitting(models, task, policy, progress)
        if found is not None:
            return found
        model = train(progress)
        models.save(model)
        ensure_report(models, model.card.id)
    return Chosen(model=models.load(model.card.id), trained=True)


def _fitting(
    models: ModelStore, task: Task, policy: TrainingPolicy, progress: Progress
) -> Chosen | None:
    """Return the stored model that fits, unless another one is wanted."""
    card = None if policy.retrain else models.find(task.key)
    if card is None:
        return None
    progress(1.0, f"using the stored model {card.id}")
    # Whoever trained it may have been killed before its report was written.
    ensure_report(models, card.id)
    return Chosen(model=models.load(card.id), trained=False)


def _check_training(task: Task, policy: TrainingPolicy, seconds: float) -> None:
    if seconds > policy.limit:
        raise InputError(
            "retrain",
            f"no stored model of {task.kind} fits, and to train one takes about "
            f"{math.ceil(seconds / 60)} minutes",
            "true, to train one nevertheless",
        )
