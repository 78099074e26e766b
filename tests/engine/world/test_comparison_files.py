"""Comparison products, as our readers read them, against the truth and their known errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import xarray as xr

from engine.comparison import ComparisonProduct, load_comparisons
from engine.errors import MissingDataError
from engine.months import Month
from engine.regrid import area_weights
from engine.world.operators.comparison import known_errors

if TYPE_CHECKING:
    from engine.world import World


def _product(world: World, name: str) -> ComparisonProduct:
    return ComparisonProduct(world.comparison, load_comparisons()[name])


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("SMCI-1km", "SMCI-1km/SMCI_1km_2020_10cm.nc", "SMCI"),
        ("SSM-China", "SSM-China/SSM_China_1km_2019.nc", "SSM"),
    ],
)
def test_files_say_what_they_are(name: str, file: str, text: str, tiny_world: World) -> None:
    """One file a year, marked, with the errors that were put in."""
    with xr.open_dataset(tiny_world.comparison / file, engine="h5netcdf") as data:
        assert text in data
        assert data[text].dims == ("time", "lat", "lon")
        assert "not an observation" in data.attrs["synthetic"]
        assert f"bias {known_errors()[name].bias}" in data.attrs["known_errors"]


@pytest.mark.parametrize(
    ("name", "month"), [("SMCI-1km", Month(2020, 7)), ("SSM-China", Month(2019, 12))]
)
def test_a_month_errs_as_its_file_says(name: str, month: Month, tiny_world: World) -> None:
    """Bias and swing are the known ones, within what the static error can shift a small window."""
    errors, area = known_errors()[name], tiny_world.domain.area
    field = _product(tiny_world, name).month(month, area).field
    seen, _ = area_weights(field.geobox, area).apply(field.values)
    with rasterio.open(tiny_world.truth_file("soil_moisture", month)) as file:
        truth = file.read(1)
    expected = errors.centre + errors.slope * (truth - errors.centre) + errors.bias
    both = np.isfinite(seen)
    assert both.mean() > 0.7
    assert abs((seen - expected)[both].mean()) < 2 * errors.static
    assert np.corrcoef(seen[both], truth[both])[0, 1] > 0.5


def test_the_one_from_microwaves_ends_in_2019(tiny_world: World) -> None:
    """There is no file of 2020."""
    product = _product(tiny_world, "SSM-China")
    with pytest.raises(MissingDataError):
        product.month(Month(2020, 1), tiny_world.domain.area)
