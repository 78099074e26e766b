"""How wide SMAP sees is found from what it says, and predictors are averaged alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from engine.footprint import LEAST_MONTHS, averaged, resolved_side
from engine.grids import COARSE_PIXEL
from engine.history import as_resolved
from engine.models.table import Table, Variable
from engine.testing import toy_table

CELLS = 20
WHERE = np.indices((CELLS, CELLS)).reshape(2, -1)


def rows(side: int, *, error: float = 0.01, months: int = LEAST_MONTHS) -> Table:
    """Return months of a target that blurs what six predictors of single cells say."""
    random = np.random.default_rng(3)
    shape = (6, CELLS, CELLS)
    still = gaussian_filter(random.normal(size=shape), (0, 0.8, 0.8), mode="nearest")
    still /= still.std(axis=(1, 2), keepdims=True)
    seen = still + 0.3 * random.normal(size=(months, *shape))
    wet = 0.25 + 0.03 * np.tanh(still[0] - still[1]) + 0.02 * still[2] * still[3]
    bias = gaussian_filter(random.normal(size=wet.shape), 1.5)
    coarse = uniform_filter(wet, side, mode="nearest") + error * bias / bias.std()
    monthly = coarse + error * random.normal(size=(months, *wet.shape))
    row, column = WHERE
    return Table.of(
        features=[Variable(name=f"f{number}", units="1") for number in range(6)],
        target=Variable(name="soil_moisture", units="m3 m-3"),
        values=np.moveaxis(seen, 1, -1).reshape(-1, 6),
        truth=monthly.ravel(),
        x=np.tile(COARSE_PIXEL * (column + 0.5), months),
        y=np.tile(-COARSE_PIXEL * (row + 0.5), months),
        time=np.repeat([f"{2019 + k // 12}-{k % 12 + 1:02}" for k in range(months)], CELLS**2),
    )


@pytest.mark.parametrize(("side", "error"), [(1, 0.01), (3, 0.01), (5, 0.002)])
def test_the_width_is_found(side: int, error: float) -> None:
    """Whatever it is, as long as SMAP's errors leave something of what it blurs."""
    assert resolved_side(rows(side, error=error)) == side


def test_noisy_predictors_are_no_wide_footprint() -> None:
    """Averaging takes their noise away, too; long-term means have next to none of it."""
    table = rows(1)
    random = np.random.default_rng(5)
    noise = random.normal(scale=0.7, size=table.values.shape)
    assert resolved_side(replace(table, values=(table.values + noise).astype(np.float32))) == 1


def test_small_areas_and_short_periods_tell_nothing() -> None:
    """SMAP is then taken to resolve its cells."""
    assert resolved_side(rows(3, months=LEAST_MONTHS - 1)) == 1
    table = rows(3)
    assert resolved_side(table.rows(table.x < 9 * COARSE_PIXEL)) == 1


def test_predictors_are_averaged_month_by_month_over_what_is_there() -> None:
    """Targets and places stay; a missing value stays missing and counts for no neighbour."""
    table = rows(3)
    values = table.values.copy()
    values[CELLS + 1, 0] = np.nan
    made = averaged(replace(table, values=values), 3)
    first = values[: CELLS**2, 0].reshape(CELLS, CELLS)
    assert made.values[0, 0] == pytest.approx(np.nanmean(first[:2, :2]), rel=1e-5)
    middle = CELLS * 7 + 7
    assert made.values[middle, 0] == pytest.approx(first[6:9, 6:9].mean(), rel=1e-5)
    assert np.isnan(made.values[CELLS + 1, 0])
    np.testing.assert_array_equal(made.truth, table.truth)
    assert averaged(table, 1) is table


def test_rows_may_be_few_and_scattered() -> None:
    """A cell that is missing from the rows is no neighbour."""
    table = toy_table(cells=9, months=2)
    lonely = table.rows((table.x == table.x.min()) | (table.x == table.x.max()))
    made = averaged(lonely, 3)
    np.testing.assert_array_equal(np.isfinite(made.values), np.isfinite(lonely.values))


def test_an_even_field_stays_even() -> None:
    """Up to its edges and beside its gaps."""
    cells = np.full((2, 6, 7), 0.3)
    cells[1, 2, 3] = np.nan
    np.testing.assert_allclose(as_resolved(cells, 3), cells, rtol=1e-12)
