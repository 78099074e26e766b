"""Run a process: the same code for a job of the service and for ``vadose run``."""

from __future__ import annotations

import logging
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import xarray as xr

from engine.models.store import ModelStore
from engine.progress import span
from processes.definitions import RECONSTRUCT_SIF, find_process
from processes.downscale_smap import prepare_downscaling
from processes.plan import make_plan
from processes.publishing import Publisher, cut
from processes.reconstruct_sif import prepare_sif
from processes.reporting import model_output, report
from processes.results import Results, item_collection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.months import Month
    from engine.progress import Progress
    from processes.inputs import DownscaleSmapInputs, ReconstructionInputs
    from processes.plan import Plan
    from processes.reconstruction import Reconstruction
    from processes.settings import Settings

LOGGER = logging.getLogger(__name__)

_PREPARED, _MAPPED = 0.5, 0.9
"""Shares of a run after which the model and the maps are there, for progress."""


def run_process(
    process_id: str,
    inputs: ReconstructionInputs,
    settings: Settings,
    run_id: str,
    progress: Progress,
) -> Results:
    """Run a process to its results.

    Everything cheap is checked first; then comes the model; then all months are made; and only
    when the last of them is there are they published, one after another, each whole or not at all.

    Parameters
    ----------
    process_id
        Which process.
    inputs
        Its inputs.
    settings
        Where archive, models and catalogue are.
    run_id
        Names the run's own folder below ``work/``; a job's identifier.
    progress
        Told what is done; may raise to end the run between steps.

    Raises
    ------
    VadoseError
        Where the request cannot be met. Nothing is published then. Only where publishing itself
        fails or is ended, as by a full disk, do the months that were published before stay.
    """
    find_process(process_id)
    progress(0.0, "checking the request against the archive")
    plan = make_plan(process_id, inputs, settings)
    reconstruction = _prepare(plan, inputs, settings, span(progress, 0.0, _PREPARED))
    with _scratch(settings.work_folder / run_id / "months") as scratch:
        _make_months(plan, reconstruction, scratch, span(progress, _PREPARED, _MAPPED))
        publisher = Publisher.of(plan, reconstruction, inputs, settings, run_id)
        items = [
            publisher.publish(month, _load(scratch, month), _step(progress, plan, done))
            for done, month in enumerate(plan.months)
        ]
    progress(1.0, "done")
    return Results(
        items=item_collection(items),
        model=model_output(reconstruction),
        report=report(plan, reconstruction),
    )


def _prepare(
    plan: Plan, inputs: ReconstructionInputs, settings: Settings, progress: Progress
) -> Reconstruction:
    models = ModelStore(settings.model_folder)
    if plan.process_id == RECONSTRUCT_SIF.id:
        return prepare_sif(plan, inputs, models, settings, progress)
    downscaling = cast("DownscaleSmapInputs", inputs)
    return prepare_downscaling(plan, downscaling, models, settings, progress)


def _make_months(
    plan: Plan, reconstruction: Reconstruction, scratch: Path, progress: Progress
) -> None:
    """Make every month on the region's grid and lay aside what is to be published of it."""
    count = len(plan.months)
    for done, month in enumerate(plan.months):
        progress(done / count, f"month {done + 1} of {count}: predicting {month}")
        layers = cut(reconstruction.layers(month), plan, month)
        layers.to_netcdf(scratch / f"{month}.nc", engine="h5netcdf")


def _load(scratch: Path, month: Month) -> xr.Dataset:
    return xr.load_dataset(scratch / f"{month}.nc", engine="h5netcdf")


def _step(progress: Progress, plan: Plan, done: int) -> Progress:
    """Return a receiver for the publishing of one month."""
    count = len(plan.months)
    share = (1 - _MAPPED) / count
    step = span(progress, _MAPPED + done * share, _MAPPED + (done + 1) * share)
    return lambda fraction, message: step(fraction, f"month {done + 1} of {count}: {message}")


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Give a folder that is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()
