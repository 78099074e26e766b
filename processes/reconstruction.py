"""What the two reconstructions have in common: a model that fits, layers, and their sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr

    from engine.granules import Granule
    from engine.models.candidates import Kind
    from engine.models.store import ModelStore, TrainedModel
    from engine.models.training import Task
    from engine.months import Month
    from engine.progress import Progress
    from processes.plan import Plan
    from stac.series import Setting

    type Train = Callable[[Progress], TrainedModel]


class Reconstruction(Protocol):
    """A model in hand, ready to map months."""

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


def choose_model(
    store: ModelStore, task: Task, train: Train, progress: Progress, *, retrain: bool = False
) -> Chosen:
    """Return the stored model that fits a task, or train and store one."""
    card = None if retrain else store.find(task.key)
    if card is not None:
        progress(1.0, f"using the stored model {card.id}")
        return Chosen(model=store.load(card.id), trained=False)
    model = train(progress)
    store.save(model)
    return Chosen(model=store.load(model.card.id), trained=True)


def load_model(store: ModelStore, model_id: str, kind: Kind, plan: Plan) -> Chosen:
    """Return the stored model that a request names, if it may be applied here.

    Raises
    ------
    InputError
        Where there is none, it predicts something else, or it has learnt from a synthetic world
        and shall map a real one (or the other way round).
    """
    if model_id not in store.ids():
        stored = ", ".join(card.id for card in store.cards() if card.kind == kind)
        raise InputError("model", f"there is no model {model_id!r}", stored or "none is stored yet")
    model = store.load(model_id)
    if model.card.kind != kind:
        raise InputError("model", f"{model_id} predicts {model.card.kind}", f"a model of {kind}")
    if model.card.synthetic != plan.archive.synthetic:
        learnt = "a synthetic" if model.card.synthetic else "a real"
        other = "a real" if model.card.synthetic else "a synthetic"
        raise InputError("model", f"{model_id} has learnt from {learnt} archive", f"{other} one's")
    return Chosen(model=model, trained=False)
