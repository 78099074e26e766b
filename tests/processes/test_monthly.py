"""The steps of a reconstruction: each by itself, in any process, any number of times."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from engine.models.store import ModelStore
from engine.progress import silent
from processes import publishing
from processes.definitions import DOWNSCALE_SMAP
from processes.downscale_smap import Downscaling
from processes.errors import DismissedError
from processes.monthly import FINISH, PREPARE
from processes.program import JobContext
from processes.run import run_process
from processes.settings import Settings
from processes.validation import read_inputs
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from engine.progress import Progress
    from engine.world import World

INPUTS = {
    "datetime": "2020-04/2020-05",
    "training": "2020-03/2020-05",
    "sif": "without",
    "features": ["ndvi", "lst_day", "elevation"],
}
MONTHS = ("2020-04", "2020-05")

FORKED = """
import json, os, sys

def forked(tasks):
    children = []
    for task in tasks:
        children.append(os.fork())
        if not children[-1]:
            task()
            os._exit(0)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.exit(max(map(abs, codes)))
"""
"""Tasks in processes of their own, forked from one fresh interpreter to load the science once."""

STEPS = f"""{FORKED}
from functools import partial
from pathlib import Path
from engine.progress import silent
from processes.definitions import find_process
from processes.program import JobContext
from processes.settings import Settings
from processes.validation import read_inputs

told = json.loads(sys.argv[1])
process = find_process(told["process"])
program, inputs = process.load(), read_inputs(process.inputs, told["inputs"])

def do(name):
    job = JobContext(process_id=process.id, inputs=inputs, settings=Settings.load(),
                     run_id="run", results=told["results"])
    result = program.step(name, job, silent).result
    Path(told["folder"], name).write_text(json.dumps(result))

forked([partial(do, name) for name in told["steps"]])
"""

TRAINERS = f"""{FORKED}
from pathlib import Path
from engine.models.store import ModelStore
from engine.models.training import train
from engine.progress import silent
from engine.testing import toy_table, toy_task
from processes.reconstruction import TrainingPolicy, choose_model

folder, table = Path(sys.argv[1]), toy_table()
task, policy = toy_task(table), TrainingPolicy(retrain=False, limit=60)

def tell(word):
    with (folder / "log").open("a") as log:
        print(word, file=log)

def trained(progress):
    tell("trained")
    return train(table, task, progress=progress)

def choose():
    store = ModelStore(folder / "models")
    tell(choose_model(store, task, trained, silent, policy=policy, seconds=1).model.card.id)

forked([choose] * 3)
"""


def job(settings: Settings, results: dict[str, Any] | None = None, **others: Any) -> JobContext:
    inputs = read_inputs(DOWNSCALE_SMAP.inputs, INPUTS | others.pop("inputs", {}))
    return JobContext(
        process_id=DOWNSCALE_SMAP.id,
        inputs=inputs,
        settings=settings,
        run_id="0f8fad5b-d9cb-469f-a165-70867728950e",
        results=results or {},
        **others,
    )


def step(name: str, context: JobContext, progress: Progress = silent) -> Any:
    """Do a step, as whoever knows nothing but JSON."""
    results = json.loads(json.dumps(dict(context.results)))
    return DOWNSCALE_SMAP.load().step(name, replace(context, results=results), progress)


def run(settings: Settings, **others: Any) -> Any:
    """Do all steps."""
    inputs = job(settings).inputs
    return run_process(DOWNSCALE_SMAP.id, inputs, settings, "run", silent, **others)


def run_script(script: str, argument: str, **environment: str) -> None:
    arguments = [sys.executable, "-W", "ignore", "-c", script, argument]
    subprocess.run(arguments, check=True, timeout=300, env={**os.environ, **environment})


def steps_elsewhere(
    names: Sequence[str], settings: Settings, results: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Do some steps at once, each in a process of its own; return their results."""
    told = {"process": DOWNSCALE_SMAP.id, "inputs": INPUTS, "results": results, "steps": names}
    run_script(STEPS, json.dumps(told | {"folder": str(folder)}), **settings.environment())
    return {name: json.loads((folder / name).read_text()) for name in names}


def files(settings: Settings) -> dict[str, str]:
    """Return every file of the catalogue but those of publishers, with its digest."""
    root = settings.catalog_folder
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def names(settings: Settings) -> set[str]:
    """Return the files' names; that of the table of items tells what is in it, as jobs do."""
    return {re.sub(r"items_[0-9a-f]{12}\b", "items", name) for name in files(settings)}


def pictures(settings: Settings) -> dict[str, str]:
    """Return the files of maps alone."""
    return {name: one for name, one in files(settings).items() if name.endswith((".tif", ".png"))}


def settings_in(folder: Path, world: World) -> Settings:
    return Settings.load(
        data=folder, archive=world.archive, regions=world.region.parent, region=world.region.stem
    )


@pytest.fixture(scope="module")
def done(tiny_world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Any]:
    """Give settings of a data folder where two months are published, and the outputs."""
    settings = settings_in(tmp_path_factory.mktemp("done"), tiny_world)
    return settings, run(settings)


@pytest.fixture
def fresh(done: tuple[Settings, Any], tmp_path: Path, tiny_world: World) -> Settings:
    """Give settings with features and models, and an empty catalogue."""
    settings = settings_in(tmp_path, tiny_world)
    settings.feature_folder.symlink_to(done[0].feature_folder)
    settings.model_folder.symlink_to(done[0].model_folder)
    return settings


def test_steps_in_processes_of_their_own_make_the_same_maps(
    done: tuple[Settings, Any], fresh: Settings, tmp_path: Path
) -> None:
    """Two months at once, elsewhere, from nothing but the preparation's JSON: the same bytes."""
    prepared = step(PREPARE, job(fresh))
    assert list(prepared.then) == [*((month, 1) for month in MONTHS), (FINISH, 2)]
    assert len(json.dumps(prepared.result)) < 10_000
    results = {PREPARE: prepared.result}
    results |= steps_elsewhere(MONTHS, fresh, results, tmp_path)
    outputs = step(FINISH, job(fresh, results)).outputs
    assert pictures(fresh) == pictures(done[0])
    assert names(fresh) == names(done[0])
    assert validate_catalog(fresh.catalog_folder) == []
    assert outputs["report"]["months"] == list(MONTHS)
    assert [item["id"][-7:] for item in outputs["items"]["features"]] == list(MONTHS)
    assert not fresh.work_folder.exists()


def test_a_month_that_is_there_is_not_made_again(
    done: tuple[Settings, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same series from the same files is told as reused; the same outputs come of it."""

    def made_again(*_: object) -> None:
        raise AssertionError("the month was computed")

    settings, outputs = done
    assert outputs["report"]["reused"] == []
    before = files(settings)
    monkeypatch.setattr(Downscaling, "layers", made_again)
    again = run(settings)
    assert again["report"]["reused"] == list(MONTHS)
    assert again["items"] == outputs["items"]
    assert files(settings) == before
    with pytest.raises(AssertionError):
        run(settings, force=True)
    # Another way of making maps makes them anew.
    monkeypatch.setattr(publishing, "RECIPE", "another")
    with pytest.raises(AssertionError):
        run(settings)


def test_a_month_that_is_forced_changes_nothing(done: tuple[Settings, Any]) -> None:
    """It is computed again, and published as it was."""
    settings, _ = done
    before, told = files(settings), []
    results = {PREPARE: step(PREPARE, job(settings)).result}
    context = job(settings, results, force=True)
    outcome = step(MONTHS[1], context, lambda _, message: told.append(message))
    assert outcome.result["reused"] is False
    assert told == ["month 2 of 2: predicting 2020-05", "month 2 of 2: publishing 2020-05"]
    assert files(settings) == before


@pytest.mark.parametrize("publish", [True, False])
def test_nobody_publishes_beyond_the_fence(fresh: Settings, *, publish: bool) -> None:
    """A month whose attempt was replaced or dismissed is not published, wherever it would go."""

    def fence() -> None:
        raise DismissedError("this")

    inputs = {"publish": publish}
    results = {PREPARE: step(PREPARE, job(fresh, inputs=inputs)).result}
    with pytest.raises(DismissedError):
        step(MONTHS[0], job(fresh, results, fence=fence, inputs=inputs))
    assert files(fresh) == {}
    assert list(fresh.data.glob("work/**/*.tif")) == []


def test_a_model_that_three_processes_want_is_trained_once(tmp_path: Path) -> None:
    """The others wait for it."""
    run_script(TRAINERS, str(tmp_path))
    (model,) = ModelStore(tmp_path / "models").ids()
    assert sorted((tmp_path / "log").read_text().split()) == [*[model] * 3, "trained"]
