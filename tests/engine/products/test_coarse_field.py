"""Coarse soil moisture in a user's own NetCDF file."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from engine.errors import GranuleError
from engine.grids import COARSE
from engine.products.coarse_field import coarse_field_days, coarse_field_layers
from engine.products.spec import VariableSpec

if TYPE_CHECKING:
    from pathlib import Path

WINDOW = COARSE[330:334, 3109:3112]
SPEC = VariableSpec(name="soil_moisture", units="m3 m-3", source=("sm",), valid=(0, 0.9))
VALUES = np.arange(24, dtype=np.float32).reshape(2, 4, 3) / 100


def write(path: Path, values=VALUES, *, upside_down: bool = False, units="days since 2020-1-31"):
    x, y = (WINDOW.coordinates[name].values for name in ("x", "y"))
    with h5py.File(path, "w") as file:
        file["sm"] = values[..., ::-1, :] if upside_down else values
        file["x"], file["y"] = x, y[::-1] if upside_down else y
        file["time"] = np.arange(2.0)
        file["time"].attrs["units"] = units
    return path


def read(path: Path, **options):
    return [field.values for field in coarse_field_layers(path, SPEC, WINDOW, **options)]


@pytest.mark.parametrize("upside_down", [False, True])
def test_layers_are_read_with_north_above(tmp_path, upside_down):
    """Each layer has row 0 north, whichever way y runs in the file."""
    path = write(tmp_path / "own.nc", upside_down=upside_down)
    np.testing.assert_array_equal(read(path), VALUES)


def test_layers_are_chosen_by_day(tmp_path):
    """Only layers within the days are read; the end is open."""
    path = write(tmp_path / "own.nc")
    days = (date(2020, 2, 1), date(2020, 3, 1))
    np.testing.assert_array_equal(read(path, days=days), VALUES[1:])
    assert coarse_field_days(path, SPEC) == (date(2020, 1, 31), date(2020, 2, 1))


@pytest.mark.parametrize(
    ("units", "days"),
    [
        ("days since 2020-01-31 23:59:59", (date(2020, 1, 31), date(2020, 2, 1))),
        ("hours since 2020-01-31T23:00:00Z", (date(2020, 1, 31), date(2020, 2, 1))),
        ("seconds since 2020-01-31 00:00", (date(2020, 1, 31), date(2020, 1, 31))),
    ],
)
def test_time_is_read_in_its_units(tmp_path, units, days):
    """Days, hours and seconds since an epoch become UTC days."""
    assert coarse_field_days(write(tmp_path / "own.nc", units=units), SPEC) == days


def test_a_field_without_time_is_one_layer(tmp_path):
    """A monthly file may hold the mean itself."""
    path = write(tmp_path / "own.nc", VALUES[0])
    np.testing.assert_array_equal(read(path, days=(date(2020, 1, 1), date(2020, 2, 1))), VALUES[:1])
    assert coarse_field_days(path, SPEC) == ()


@pytest.mark.parametrize(
    ("values", "missing", "message"),
    [
        (VALUES * np.nan, (), "sm holds fill or invalid values only"),
        (VALUES[None], (), r"shape \(1, 2, 4, 3\); expected time, y and x"),
        (VALUES, ("x",), "it has no x and y; expected cell centres in metres"),
        (VALUES, ("sm",), "the variable is missing; expected sm"),
        (VALUES, ("time",), "layers without time; expected a time axis"),
        (VALUES[:, :3], (), r"shape \(2, 3, 3\); expected 4 rows and 3 columns"),
    ],
)
def test_wrong_content_is_named(tmp_path, values, missing, message):
    """Emptiness, shape, grid and time are told with the file's name."""
    path = write(tmp_path / "own.nc", values)
    with h5py.File(path, "a") as file:
        for name in missing:
            del file[name]
    with pytest.raises(GranuleError, match=rf"^own.nc: .*{message}"):
        read(path, days=(date(2020, 1, 1), date(2020, 3, 1)))
