"""Peak memory of a month's map, archive to COG: our process beside that of the naive pipeline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pairing import Ratio, compared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline import Pipelines

    from engine.world import World

_HERE = Path(__file__).parent


def memory_ratios(ways: Pipelines, world: World, mark: str) -> Iterator[Ratio]:
    """Compare two processes, each of which maps the first month.

    Parameters
    ----------
    ways
        Whose folder has the forest.
    world
        Whose archive it is.
    mark
        Ends the ratios' names.
    """
    folder, first = ways.folder, str(ways.months[0].period.start)
    place, forest = json.dumps(ways.place()), str(folder / "forest.pickle")
    naive = _cost("plain.py", str(world.archive), first, place, forest, str(folder / "naive.tif"))
    vadose = _cost("pipeline.py", str(folder), str(world.root), world.preset.model_dump_json())
    rows, columns = ways.area.shape
    work = f"naive pipeline, {rows} × {columns} cells: peak memory of its process"
    yield _ratio(f"memory_vs_naive{mark}", naive["peak"], vadose["peak"], work)
    ours, theirs = (cost["peak"] - cost["before"] for cost in (vadose, naive))
    if min(ours, theirs) > 0:  # small maps take less than the loading of the model did before
        work = f"{work}, less libraries and model"
        yield _ratio(f"memory_of_work_vs_naive{mark}", theirs, ours, work)


def _ratio(name: str, naive: float, vadose: float, work: str) -> Ratio:
    return compared(
        name,
        [naive],
        [vadose],
        work=work,
        against="vadose",
        unit="MB",
        goal=0.4,
        below=True,
    )


def _cost(program: str, *arguments: str) -> dict[str, float]:
    """Return the memory, in MB, of a process before its work and at its peak."""
    command = [sys.executable, str(_HERE / program), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told
