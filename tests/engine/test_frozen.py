"""What is frozen with a model, and what becomes of it in another month."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import ModelError
from engine.frozen import ABOUT, BACKGROUND, INTERVAL, Frozen, freeze
from engine.grids import COARSE, COARSE_PIXEL, apply_affine, coarse_of, fine_of
from engine.models.training import Training, training
from engine.months import Month
from engine.testing import toy_table, toy_task
from engine.witnessing import gridded, witnessed

AREA = fine_of(COARSE[340:348, 3120:3128])
GRID = coarse_of(AREA)
MONTHS = tuple(Month(2020, number) for number in range(1, 5))


@pytest.fixture(scope="module")
def trained() -> Training:
    """Four months on 8 × 8 cells that lie on the global grid."""
    table = toy_table(cells=64, months=len(MONTHS))
    x, y = apply_affine(GRID.affine, table.x / COARSE_PIXEL + 0.5, table.y / COARSE_PIXEL + 0.5)
    table = replace(table, x=x.astype(np.float64), y=y.astype(np.float64))
    return training(table, toy_task(table))


@pytest.fixture(scope="module")
def frozen(trained: Training) -> Frozen:
    times = len(MONTHS)
    coarse = gridded(trained.table, trained.table.truth, GRID, MONTHS)
    fine = np.full((times, *tuple(AREA.shape)), 0.25, np.float32)
    history = witnessed(trained, AREA, MONTHS, fine, coarse, rain=np.ones(coarse.shape))
    return freeze(trained, history, AREA)


def test_rows_find_their_months_and_cells(trained: Training) -> None:
    """Each value lies where its row's cell is; other months have none."""
    table = trained.table
    cells = gridded(table, table.truth, GRID, MONTHS)
    first = table.time == "2020-01"
    assert np.isfinite(cells[0]).sum() == first.sum()
    row = int(np.flatnonzero(first)[10])
    column, line = apply_affine(~GRID.affine, table.x[row : row + 1], table.y[row : row + 1])
    assert cells[0, int(line[0]), int(column[0])] == table.truth[row]
    assert np.isnan(gridded(table, table.truth, GRID, [Month(2021, 1)])).all()


def test_companions_come_back_as_they_were(trained: Training, frozen: Frozen) -> None:
    """Through the model, with the hashes on its card; frozen twice they are the same."""
    model = trained.model.with_companions(frozen.companions())
    assert set(model.card.companions) == {ABOUT, BACKGROUND, INTERVAL, "applicability.onnx"}
    read = Frozen.of(model)
    assert read is not None
    assert read.about == frozen.about
    assert read.companions() == frozen.companions()


def test_a_model_without_companions_has_nothing_frozen(trained: Training) -> None:
    """Such as one of SIF."""
    assert Frozen.of(trained.model) is None


def test_foreign_companions_are_refused(trained: Training) -> None:
    """The error names the file and says what to do."""
    model = trained.model.with_companions({ABOUT: b'{"weights": 7}'})
    with pytest.raises(ModelError, match=r"analysis\.json is not of this version; train"):
        Frozen.of(model)


def test_too_few_months_freeze_the_applicability_alone(trained: Training) -> None:
    """The reason is told beside it."""
    alone = freeze(trained, None, AREA)
    assert alone.background is None
    assert alone.half_widths(np.ones(3), MONTHS[0]) is None
    assert set(alone.companions()) == {ABOUT, "applicability.onnx"}
    assert alone.about.lacking == "0 months know no anomaly; needed: 3"


def test_what_was_estimated_is_told(frozen: Frozen) -> None:
    """Months, weights, variances, and the rows that pixels are compared with."""
    about = frozen.about
    assert about.months == tuple(map(str, MONTHS))
    assert about.weights is not None
    assert set(about.weights.defaults) == {"smap", "detail"}
    assert about.errors is not None
    assert about.applicability.rows == 256
