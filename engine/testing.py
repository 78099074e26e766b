"""What the tests of all three packages share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from engine.grids import COARSE_PIXEL
from engine.models.candidates import candidate
from engine.models.card import CardRegion, CardTarget
from engine.models.table import Table, Variable
from engine.models.training import Task
from engine.months import Month, month_range
from engine.world import World, build_world


def shared_path(*parts: str) -> Path:
    """Return a path below the folder of shared reference material, or skip the calling test.

    The folder is named by ``VADOSE_SHARED`` and is ``../shared`` beside the project by default.
    """
    root = Path(os.environ.get("VADOSE_SHARED", Path(__file__).parents[2] / "shared"))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"reference material {'/'.join(parts)} is not at VADOSE_SHARED")
    return path


# Worlds


def tiny_world_in(folder: Path) -> World:
    """Build the ``tiny`` world with seed 7 below a folder (some seconds) and return it.

    Tests take it from the session fixture ``tiny_world`` and never write into it.
    """
    return build_world("tiny", 7, folder / "tiny-world")


# Models


def toy_table(*, cells: int = 64, months: int = 2, hidden: float = 0.005) -> Table:
    """Return rows whose soil moisture follows four features and a hidden trait of each cell.

    Parameters
    ----------
    cells
        Coarse cells, on a square.
    months
        Months from January 2020.
    hidden
        Standard deviation of what no feature knows about a cell, m3 m-3.
    """
    generator = np.random.default_rng(5)
    side = round(cells**0.5)
    rows = side * side * months
    values = generator.normal(size=(rows, 4)).astype(np.float32)
    truth = 0.25 + values @ np.array([0.02, -0.01, 0.02, 0.0])
    truth += np.tile(hidden * generator.normal(size=side * side), months)
    values[generator.random(values.shape) < 0.03] = np.nan
    y, x = np.indices((side, side)) * COARSE_PIXEL
    days = [str(month) for month in month_range(Month(2020, 1), Month(2020, months))]
    units = {"ndvi": "1", "lst_day": "K", "precipitation": "mm day-1", "elevation": "m"}
    return Table.of(
        features=tuple(Variable(name=name, units=unit) for name, unit in units.items()),
        target=Variable(name="soil_moisture", units="m3 m-3"),
        values=values,
        truth=truth,
        x=np.tile(x.ravel(), months),
        y=np.tile(y.ravel(), months),
        time=np.repeat(days, side * side),
    )


def toy_task(table: Table, *, seed: int = 20, trees: int = 20) -> Task:
    """Return a task to learn a toy table with a small forest."""
    return Task(
        kind="soil-moisture",
        settings=candidate("soil-moisture").model_copy(
            update={"trees": trees, "trees_in_folds": trees, "seed": seed}
        ),
        features=table.features,
        target=CardTarget(name="soil_moisture", units="m3 m-3", description="a toy"),
        region=CardRegion(name="toy", bbox=(0, 0, 1, 1), synthetic=True),
        months=(Month(2020, 1), Month(2020, 2)),
        inputs="none",
        omissions={},
    )
