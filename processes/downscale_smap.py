"""``downscale-smap``: soil moisture from SMAP's 9 km to 1 km."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from engine.downscale import downscale_month, downscaling_task, train_downscaling
from engine.models.candidates import best, candidate
from engine.progress import span
from engine.provenance import map_granules
from processes.monthly import MonthlyProgram
from processes.plan import SIF
from processes.reconstruct_sif import sif_model
from processes.reconstruction import Chosen, TrainingPolicy, choose_model
from processes.training_time import training_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from engine.analysis import Analysis
    from engine.feature_store import FeatureStore
    from engine.granules import Granule
    from engine.models.candidates import AnyCandidate
    from engine.models.store import ModelStore, TrainedModel
    from engine.models.training import Task
    from engine.months import Month
    from engine.progress import Progress
    from processes.inputs import DownscaleSmapInputs, ReconstructionInputs
    from processes.plan import Plan
    from processes.reconstruction import Prepared, Reconstruction
    from processes.settings import Settings
    from stac.series import Setting

_SIF_SHARE = 0.5
"""Share of the preparation that the SIF model takes, for progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downscaling:
    """A soil moisture model in hand, with the SIF model that it was trained with."""

    store: FeatureStore
    """Features and coarse soil moisture of the region."""
    chosen: Chosen
    """The model."""
    sif: TrainedModel | None
    """Gives the feature ``sif``, where the model has it."""
    analysis: Analysis
    """What the main layer is made of."""
    uncertainty: bool
    """Whether interval and applicability are mapped."""
    threads: int
    """Threads of the prediction."""

    @property
    def product(self) -> str:
        """The catalogue's product."""
        return "soil-moisture"

    @property
    def upstream(self) -> Sequence[TrainedModel]:
        """The SIF model, where there is one."""
        return () if self.sif is None else (self.sif,)

    @property
    def settings(self) -> Mapping[str, Setting]:
        """The analysis and its uncertainty; features and SIF are the model's."""
        return {"analysis": self.analysis, "uncertainty": self.uncertainty}

    def layers(self, month: Month) -> xr.Dataset:
        """Return the layers of a month."""
        return downscale_month(
            self.chosen.model,
            self.store,
            month,
            self.sif,
            analysis=self.analysis,
            uncertainty=self.uncertainty,
            threads=self.threads,
        )

    def granules(self, month: Month) -> Sequence[Granule]:
        """Return the files that a month is made of."""
        return map_granules(self.store, month, self.chosen.model.card.feature_names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What a model is to be fitted by, where one is trained."""

    settings: AnyCandidate
    tuning_seconds: float

    @classmethod
    def of(cls, inputs: DownscaleSmapInputs) -> _Wanted:
        """Return what a request asks for; settings are those that ship."""
        named = inputs.algorithm
        return cls(
            settings=best("soil-moisture")
            if named == "best"
            else candidate("soil-moisture", named),
            tuning_seconds=inputs.tuning_seconds,
        )


class DownscalingMethod:
    """How ``downscale-smap`` comes to its models and its months."""

    def choose(
        self,
        plan: Plan,
        inputs: ReconstructionInputs,
        models: ModelStore,
        settings: Settings,
        progress: Progress,
    ) -> Chosen:
        """Load the model that a request names, or find or train those that fit."""
        if inputs.model is not None:
            return Chosen(model=models.load(inputs.model), trained=False)
        policy = TrainingPolicy.of(inputs, settings)
        wanted = _Wanted.of(cast("DownscaleSmapInputs", inputs))
        return _fitting(plan, wanted, models, policy, progress, threads=settings.threads)

    def settings(self, inputs: ReconstructionInputs) -> Mapping[str, Setting]:
        """Return the analysis and its uncertainty; features and SIF are the model's."""
        asked = cast("DownscaleSmapInputs", inputs)
        return {"analysis": asked.analysis, "uncertainty": asked.uncertainty}

    def restore(
        self, prepared: Prepared, store: FeatureStore, models: ModelStore, settings: Settings
    ) -> Reconstruction:
        """Return the reconstruction that was prepared, with the SIF model of its model."""
        model = models.load(prepared.model)
        upstream = model.card.upstream
        return Downscaling(
            store=store,
            chosen=Chosen(model=model, trained=prepared.trained),
            sif=None if upstream is None else models.load(upstream),
            analysis=cast("Analysis", prepared.settings["analysis"]),
            uncertainty=bool(prepared.settings["uncertainty"]),
            threads=settings.threads,
        )


def _fitting(
    plan: Plan,
    wanted: _Wanted,
    models: ModelStore,
    policy: TrainingPolicy,
    progress: Progress,
    *,
    threads: int,
) -> Chosen:
    """Find or train a model, and first the SIF model that it needs."""
    sif = None
    if plan.with_sif:
        share = span(progress, 0.0, _SIF_SHARE)
        sif = sif_model(plan, models, policy.for_upstream(), share, threads=threads).model
        progress = span(progress, _SIF_SHARE, 1.0)
    return choose_model(
        models,
        _task(plan, wanted, sif),
        partial(_train, plan, wanted, sif, threads),
        progress,
        policy=policy,
        seconds=training_seconds(
            plan.store, plan.training, wanted.settings, tuning_seconds=wanted.tuning_seconds
        ),
    )


def _task(plan: Plan, wanted: _Wanted, sif: TrainedModel | None) -> Task:
    return downscaling_task(
        plan.store,
        plan.training,
        _names(plan, sif),
        sif,
        wanted.settings,
        omissions=plan.omissions,
        tuning_seconds=wanted.tuning_seconds,
    )


def _train(
    plan: Plan, wanted: _Wanted, sif: TrainedModel | None, threads: int, progress: Progress
) -> TrainedModel:
    return train_downscaling(
        plan.store,
        plan.training,
        _names(plan, sif),
        sif,
        wanted.settings,
        omissions=plan.omissions,
        tuning_seconds=wanted.tuning_seconds,
        progress=progress,
        threads=threads,
    )


def _names(plan: Plan, sif: TrainedModel | None) -> tuple[str, ...]:
    return plan.features if sif is None else (SIF, *plan.features)


PROGRAM = MonthlyProgram(DownscalingMethod())
