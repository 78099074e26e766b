"""``reconstruct-sif``: fluorescence from 0.05° and 8 days to 1 km and months."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.provenance import sif_granules
from engine.sif import sif_month, sif_task, train_sif
from processes.monthly import MonthlyProgram
from processes.reconstruction import Chosen, TrainingPolicy, choose_model
from processes.training_time import training_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from engine.feature_store import FeatureStore
    from engine.granules import Granule
    from engine.models.store import ModelStore, TrainedModel
    from engine.months import Month
    from engine.progress import Progress
    from processes.inputs import ReconstructionInputs
    from processes.plan import Plan
    from processes.reconstruction import Prepared, Reconstruction
    from processes.settings import Settings
    from stac.series import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SifReconstruction:
    """A SIF model in hand."""

    store: FeatureStore
    """Features of the region."""
    chosen: Chosen
    """The model."""

    @property
    def product(self) -> str:
        """The catalogue's product."""
        return "sif"

    @property
    def upstream(self) -> Sequence[TrainedModel]:
        """No other model is involved."""
        return ()

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Nothing but the model decides."""
        return {}

    def layers(self, month: Month) -> xr.Dataset:
        """Return ``sif``, ``sif_raw`` and ``quality`` of a month."""
        return sif_month(self.chosen.model, self.store, month)

    def granules(self, month: Month) -> Sequence[Granule]:
        """Return the files that a month is made of."""
        return sif_granules(self.store, month)


class SifMethod:
    """How ``reconstruct-sif`` comes to its model and its months."""

    def choose(
        self,
        plan: Plan,
        inputs: ReconstructionInputs,
        models: ModelStore,
        settings: Settings,
        progress: Progress,
    ) -> Chosen:
        """Load the SIF model that a request names, or find or train the one that fits."""
        if inputs.model is not None:
            return Chosen(model=models.load(inputs.model), trained=False)
        policy = TrainingPolicy.of(inputs, settings)
        return sif_model(plan, models, policy, progress, threads=settings.threads)

    def settings(self, inputs: ReconstructionInputs) -> Mapping[str, Setting]:
        """Return nothing: the model alone decides."""
        del inputs
        return {}

    def restore(
        self, prepared: Prepared, store: FeatureStore, models: ModelStore, settings: Settings
    ) -> Reconstruction:
        """Return the reconstruction that was prepared."""
        del settings
        chosen = Chosen(model=models.load(prepared.model), trained=prepared.trained)
        return SifReconstruction(store=store, chosen=chosen)


def sif_model(
    plan: Plan, models: ModelStore, policy: TrainingPolicy, progress: Progress, *, threads: int
) -> Chosen:
    """Find or train the SIF model of a plan."""
    store, months = plan.store, plan.sif_training
    return choose_model(
        models,
        sif_task(store, months),
        lambda progress: train_sif(store, months, progress=progress, threads=threads),
        progress,
        policy=policy,
        seconds=training_seconds(store, months),
    )


PROGRAM = MonthlyProgram(SifMethod())
