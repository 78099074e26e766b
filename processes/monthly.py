"""The program of a reconstruction: it is prepared, then made month by month, then reported.

``prepare`` checks the request against the archive and finds or trains the model; every month is a
step of its own, made and published by itself, side by side with others; ``finish`` writes the
outputs. Nothing but JSON passes from one step to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from engine.errors import VadoseError
from engine.heap import keep_freed_memory
from engine.models.store import ModelStore
from engine.months import Month
from engine.progress import span
from processes.cutout import Cutout
from processes.plan import feature_store, make_plan
from processes.program import StepOutcome
from processes.publishing import Publisher
from processes.reconstruction import Prepared
from processes.reporting import model_output, report
from processes.results import item_collection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from engine.feature_store import FeatureStore
    from engine.progress import Progress
    from processes.inputs import ReconstructionInputs
    from processes.plan import Plan
    from processes.program import JobContext
    from processes.reconstruction import Chosen, Reconstruction
    from processes.settings import Settings
    from stac.series import Setting

PREPARE, FINISH = "prepare", "finish"
"""Names of the first and the last step; the others are named by their month, ``YYYY-MM``."""

_PREPARED, _MADE, _FINISHED = 0, 1, 2
"""Positions of the steps."""
_CHECKED, _PREDICTED = 0.1, 0.8
"""Shares of a step after which the request is checked, or a month is predicted, for progress."""
_OTHERS_STAY = "the maps of other months that are published already stay published"


class Method(Protocol):
    """What one reconstruction does in its own way."""

    def choose(
        self,
        plan: Plan,
        inputs: ReconstructionInputs,
        models: ModelStore,
        settings: Settings,
        progress: Progress,
    ) -> Chosen:
        """Load, find or train the model."""
        ...

    def settings(self, inputs: ReconstructionInputs) -> Mapping[str, Setting]:
        """Return what changes the values of a request, besides model and area."""
        ...

    def restore(
        self, prepared: Prepared, store: FeatureStore, models: ModelStore, settings: Settings
    ) -> Reconstruction:
        """Return the reconstruction that was prepared, from nothing but what was kept of it."""
        ...


@dataclass(frozen=True, slots=True)
class MonthlyProgram:
    """A program of the steps ``prepare``, one for each month, and ``finish``."""

    method: Method
    """What is particular to the process."""

    def step(self, name: str, job: JobContext, progress: Progress) -> StepOutcome:
        """Do one step; see :class:`processes.program.Program`."""
        keep_freed_memory()
        if name == PREPARE:
            return self._prepare(job, progress)
        prepared = Prepared.model_validate(job.results[PREPARE])
        work = _Work.restored(self.method, prepared, job)
        if name == FINISH:
            return work.finish(progress)
        return work.month(Month.parse(name), progress)

    def _prepare(self, job: JobContext, progress: Progress) -> StepOutcome:
        """Settle what the months need, so that each of them can be made by itself."""
        inputs = cast("ReconstructionInputs", job.inputs)
        progress(0.0, "checking the request against the archive")
        plan = make_plan(job.process_id, inputs, job.settings)
        models = ModelStore(job.settings.model_folder)
        share = span(progress, _CHECKED, 1.0)
        chosen = self.method.choose(plan, inputs, models, job.settings, share)
        prepared = Prepared(
            region=plan.region,
            months=tuple(map(str, plan.months)),
            model=chosen.model.card.id,
            trained=chosen.trained,
            settings=dict(self.method.settings(inputs)),
        )
        months = [(month, _MADE) for month in prepared.months]
        return StepOutcome(
            result=prepared.model_dump(mode="json"), then=[*months, (FINISH, _FINISHED)]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A job whose preparation is done."""

    job: JobContext
    prepared: Prepared
    made: Reconstruction
    publisher: Publisher

    @classmethod
    def restored(cls, method: Method, prepared: Prepared, job: JobContext) -> _Work:
        settings = job.settings
        store = feature_store(settings, prepared.region)
        made = method.restore(prepared, store, ModelStore(settings.model_folder), settings)
        inputs = cast("ReconstructionInputs", job.inputs)
        publisher = Publisher.of(made, Cutout.of(inputs), settings, job, publish=inputs.publish)
        return cls(job=job, prepared=prepared, made=made, publisher=publisher)

    def month(self, month: Month, progress: Progress) -> StepOutcome:
        """Make and publish a month, unless the very same is there already."""
        name = self._place(month)
        path = None if self.job.force else self.publisher.published(month)
        if path is not None:
            progress(1.0, f"{name}: {month} is there already")
            return StepOutcome(result={"item": path, "reused": True})
        try:
            path = self._make(month, name, progress)
        except VadoseError as error:
            if self.publisher.in_catalog and len(self.prepared.months) > 1:
                error.add_note(_OTHERS_STAY)
            raise
        return StepOutcome(result={"item": path, "reused": False})

    def finish(self, progress: Progress) -> StepOutcome:
        """Gather the items, and write the outputs."""
        progress(0.0, "writing the results")
        made = {month: self._result(month) for month in self.prepared.months}
        paths = [str(result["item"]) for result in made.values()]
        reused = [month for month, result in made.items() if result["reused"]]
        progress(0.2, "gathering the months into one cube")
        self.publisher.gather(paths)
        return StepOutcome(
            outputs={
                "items": item_collection([(path, self.publisher.item(path)) for path in paths]),
                "model": model_output(self.made),
                "report": report(self.job.process_id, self.prepared, self.made, reused),
            }
        )

    def _make(self, month: Month, name: str, progress: Progress) -> str:
        """Make and publish a month; return its item's path below the service's address."""
        progress(0.0, f"{name}: predicting {month}")
        layers = self.made.layers(month)
        progress(_PREDICTED, f"{name}: publishing {month}")
        return self.publisher.publish(month, layers)

    def _place(self, month: Month) -> str:
        months = self.prepared.months
        return f"month {months.index(str(month)) + 1} of {len(months)}"

    def _result(self, month: str) -> Mapping[str, JsonValue]:
        return cast("Mapping[str, JsonValue]", self.job.results[month])
