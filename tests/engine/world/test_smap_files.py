"""SPL4SMGP files, read with h5py alone."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
import rasterio

from engine.grids import block_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from engine.months import Month
    from engine.world import World

_NAME = re.compile(r"^SMAP_L4_SM_gph_(\d{8}T\d{6})_V([vb])(\d{4})_(\d{3})\.h5$")
_PIXEL = 9008.055210146
_FIELDS = (
    "sm_surface",
    "sm_rootzone",
    "surface_temp",
    "soil_temp_layer1",
    "land_fraction_snow_covered",
)


def _files(world: World, month: Month) -> Sequence[Path]:
    folder = world.archive / "SPL4SMGP" / f"{month.year:04d}" / f"{month.month:02d}"
    return sorted(folder.iterdir())


def test_every_day_has_its_eight_files(tiny_world: World) -> None:
    """No 3-hourly file is missing, and every stamp is the middle of its 3 hours."""
    stamps = []
    for month in tiny_world.months:
        for path in _files(tiny_world, month):
            match = _NAME.match(path.name)
            assert match is not None
            stamps.append(match[1])
    days = Counter(stamp[:8] for stamp in stamps)
    assert len(days) == sum(month.days for month in tiny_world.months)
    assert set(days.values()) == {8}
    assert {stamp[9:] for stamp in stamps} == {
        f"{hour:02d}3000" for hour in (1, 4, 7, 10, 13, 16, 19, 22)
    }


def test_fields_have_the_published_attributes(tiny_world: World) -> None:
    """Names, types, fill values, units and valid range are the product's."""
    path = _files(tiny_world, tiny_world.months[7])[10]
    with h5py.File(path) as file:
        assert "preset tiny, seed 7; not an observation" in file.attrs["synthetic"]
        assert file.attrs["Filename"].decode() == path.name
        for name in _FIELDS:
            field = file["Geophysical_Data"][name]
            assert field.dtype == np.float32
            for fill in ("_FillValue", "fmissing_value", "missing_value"):
                assert field.attrs[fill] == -9999
            assert field.attrs["coordinates"] == b"cell_lat cell_lon"
            assert list(field.attrs["DIMENSION_LABELS"]) == ["y", "x"]
            assert field.dims[0][0] == file["y"]
        surface = file["Geophysical_Data/sm_surface"]
        assert surface.attrs["units"] == b"m3 m-3"
        assert surface.attrs["valid_min"] == 0
        assert surface.attrs["valid_max"] == np.float32(0.9)
        projection = file["EASE2_global_projection"].attrs
        assert projection["grid_mapping_name"] == "lambert_cylindrical_equal_area"
        assert projection["standard_parallel"] == 30


def test_time_is_the_stamp(tiny_world: World) -> None:
    """The time variable tells the same instant as the name."""
    path = _files(tiny_world, tiny_world.months[2])[100]
    match = _NAME.match(path.name)
    assert match is not None
    with h5py.File(path) as file:
        text = file["time"].attrs["units"].decode().removeprefix("seconds since ")
        epoch = datetime.fromisoformat(text).replace(tzinfo=UTC)
        time = epoch + timedelta(seconds=float(file["time"][0]))
    stamp = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    assert abs(time - stamp) < timedelta(milliseconds=1)


def test_cells_lie_on_the_global_grid(tiny_world: World) -> None:
    """x, y, row, column, longitude and latitude tell the same cells of M09."""
    with h5py.File(_files(tiny_world, tiny_world.months[0])[0]) as file:
        row, column = file["cell_row"][:], file["cell_column"][:]
        x = -17367530.4451615 + (column[0] + 0.5) * _PIXEL
        y = 7314540.8306386 - (row[:, 0] + 0.5) * _PIXEL
        np.testing.assert_allclose(file["x"][:], x, atol=1e-3)
        np.testing.assert_allclose(file["y"][:], y, atol=1e-3)
        # Cell (330, 3109) is centred at 110.306017 E, 36.332224 N; longitude is linear in x.
        step = _PIXEL / 6378137 / np.cos(np.deg2rad(30))
        assert file["cell_lon"][0, 0] == pytest.approx(
            110.306017 + (column[0, 0] - 3109) * 360 / 3856, abs=step
        )
        assert 34 < file["cell_lat"][:].min() < file["cell_lat"][:].max() < 36


def test_errors_have_their_size(tiny_world: World) -> None:
    """Against the mean of the 81 cells, SMAP is off by its static bias and monthly error."""
    errors = []
    for month in tiny_world.months:
        values = []
        for path in _files(tiny_world, month):
            with h5py.File(path) as file:
                values.append(file["Geophysical_Data/sm_surface"][1:-1, 1:-1])
        with rasterio.open(tiny_world.truth_file("soil_moisture", month)) as file:
            errors.append(np.mean(values, axis=0) - block_mean(file.read(1)))
    error = np.stack(errors)
    assert 0.010 < np.sqrt(np.mean(error**2)) < 0.032
    assert 0.005 < error.std(axis=0).mean() < 0.015
    assert 0.006 < np.sqrt(np.mean(error.mean(axis=0) ** 2)) < 0.030


def test_winter_ground_freezes_and_summer_does_not(tiny_world: World) -> None:
    """Soil temperature tells frozen ground apart."""
    by_month = {str(month): _files(tiny_world, month) for month in tiny_world.months}

    def coldest(month: str) -> float:
        with h5py.File(by_month[month][48]) as file:
            return float(file["Geophysical_Data/soil_temp_layer1"][:].min())

    assert coldest("2020-01") < 273.15
    assert coldest("2020-07") > 290
