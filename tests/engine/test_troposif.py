"""Soundings of fluorescence, gathered on cells."""

from __future__ import annotations

import io
from datetime import date
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import GranuleError
from engine.grids import BBox, coarse_window, fine_of
from engine.months import eight_day_period
from engine.products import decode, recognise
from engine.testing_troposif import DAY_SHARE, FILL, day_file
from engine.troposif import (
    Soundings,
    cells_of,
    grid_soundings,
    gridded_name,
    read_soundings,
    write_gridded,
)

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2020, 5, 1)
CELLS = cells_of(BBox(113.0, 34.0, 113.2, 34.2))


def columns(count: int, **others: np.ndarray | float) -> dict[str, np.ndarray]:
    values = {
        "latitude": 34.11, "longitude": 113.11, "sif": 0.5, "error": 0.3, "cloud": 0.1,
        "zenith": 30.0,
    }  # fmt: skip
    return {name: np.full(count, 1.0) * value for name, value in (values | others).items()}


def read(soundings: dict[str, np.ndarray]) -> Soundings:
    with h5py.File(io.BytesIO(day_file(DAY, soundings))) as file:
        return read_soundings(file, "TROPOSIF_L2B_2020-05-01.nc", CELLS)


def test_a_cell_is_the_mean_of_its_soundings() -> None:
    """Mean, error of the mean and count of a cell are those of what lies in it."""
    day = read(columns(4, sif=np.array([0.2, 0.4, 0.6, 0.8])))
    gridded = grid_soundings([day, day], CELLS)
    assert gridded.count.sum() == gridded.count.max() == 8
    cell = np.unravel_index(gridded.count.argmax(), gridded.count.shape)
    assert gridded.sif[cell] == pytest.approx(0.5)
    # The error of the moment, brought to the mean of the day, over the root of 8.
    assert gridded.error[cell] == pytest.approx(0.3 * DAY_SHARE / np.sqrt(8))
    assert np.isnan(gridded.sif).sum() == gridded.sif.size - 1
    x, y = gridded.geobox.affine * (cell[1] + 0.5, cell[0] + 0.5)
    assert (x, y) == pytest.approx((113.125, 34.125))


@pytest.mark.parametrize(
    "bad",
    [{"cloud": 0.6}, {"zenith": 75.0}, {"sif": FILL}, {"error": FILL}, {"latitude": FILL},
     {"longitude": 120.0}, {"sif": np.nan}],
)  # fmt: skip
def test_what_is_cloudy_dark_or_missing_does_not_count(bad: dict[str, float]) -> None:
    """Soundings that say little, or nothing, are left out; so is a fill that nobody declared."""
    day = read(columns(3, **bad))
    assert day.sif.size == 0
    assert grid_soundings([day], CELLS).count.sum() == 0


def test_one_sounding_is_too_few() -> None:
    """A cell needs two; the count still tells of the one."""
    gridded = grid_soundings([read(columns(1))], CELLS)
    assert gridded.count.sum() == 1
    assert np.isnan(gridded.sif).all()


@given(st.lists(st.floats(113.0, 113.2), min_size=2, max_size=30), st.floats(-1, 3))
def test_a_constant_stays_itself(longitudes: list[float], level: float) -> None:
    """Wherever soundings lie, cells of equal ones have their value, and none is lost."""
    places = np.array(longitudes)
    day = Soundings(
        latitude=np.full(places.size, 34.1),
        longitude=places,
        sif=np.full(places.size, level),
        error=np.full(places.size, 0.1),
    )
    gridded = grid_soundings([day], CELLS)
    assert gridded.count.sum() == places.size
    np.testing.assert_allclose(gridded.sif[np.isfinite(gridded.sif)], level, atol=1e-6)


def test_the_file_is_read_as_a_product(tmp_path: Path) -> None:
    """What is written is recognised by its name, and its values come back."""
    period = eight_day_period(date(2020, 4, 30))
    latitude, longitude = np.meshgrid(
        *(np.arange(start, start + 0.6, 0.05) + 0.025 for start in (34.0, 113.0)), indexing="ij"
    )
    count = latitude.size
    day = Soundings(
        latitude=latitude.ravel(),
        longitude=longitude.ravel(),
        sif=np.linspace(0.1, 1.2, count),
        error=np.full(count, 0.1),
    )
    cells = cells_of(BBox(113.0, 34.0, 113.6, 34.6))
    gridded = grid_soundings([day, day], cells)
    path = tmp_path / gridded_name(period)
    write_gridded(gridded, period, 8, path)
    first = path.read_bytes()
    write_gridded(gridded, period, 8, path)
    assert path.read_bytes() == first
    granule = recognise(path)
    assert granule is not None
    assert (granule.product, granule.period) == ("TROPOSIF", period)
    area = fine_of(coarse_window(BBox(113.2, 34.2, 113.4, 34.4)))
    field = decode(granule, area, ("sif", "sif_error"))["sif"]
    rows, left = ~cells.affine * (field.geobox.affine.c, field.geobox.affine.f)
    top, first_column = round(left), round(rows)
    window = gridded.sif[top : top + field.values.shape[0], first_column:][
        :, : field.values.shape[1]
    ]
    np.testing.assert_array_equal(field.values, window)


def test_another_file_is_refused() -> None:
    """The message names the file."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["PRODUCT/latitude"] = np.zeros(2)
    with (
        h5py.File(buffer) as file,
        pytest.raises(GranuleError, match=r"TROPOSIF_L2B_2020-05-01.nc: a variable is missing"),
    ):
        read_soundings(file, "TROPOSIF_L2B_2020-05-01.nc", CELLS)
