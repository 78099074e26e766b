"""What the model of SIF sees, and eSIF on its own cells."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.errors import MissingDataError
from engine.features import SIF_PREDICTORS
from engine.grids import lonlat
from engine.months import Month, eight_day_period
from engine.sif_inputs import esif_field, sif_cells, sif_predictors
from engine.solar import clear_sky_par

if TYPE_CHECKING:
    from engine.feature_store import FeatureStore


def test_light_comes_with_the_predictors_of_sif(tiny_store: FeatureStore) -> None:
    """The predictors are those of the model, in its order, then clear-sky light."""
    period = eight_day_period(date(2020, 6, 1))
    predictors = sif_predictors(tiny_store, period)
    assert list(predictors.data_vars) == [*SIF_PREDICTORS, "par"]
    assert all(array.dtype == np.float32 for array in predictors.data_vars.values())
    _, lat = lonlat(tiny_store.area)
    assert np.allclose(predictors["par"], clear_sky_par(lat, period), rtol=1e-6)
    assert predictors["par"].attrs["units"] == "W m-2"


def test_sif_cells_hold_their_own_cells(tiny_store: FeatureStore) -> None:
    """Each row is a cell of eSIF with the area means of what lies in it."""
    period = eight_day_period(date(2020, 6, 1))
    cells = sif_cells(tiny_store, period)
    field = esif_field(tiny_store, period)
    assert cells.geobox == field.geobox
    assert np.array_equal(cells.target, field.values.ravel()[cells.index])
    assert cells.values.shape == (cells.index.size, len(cells.names))
    lon, lat = (part.ravel()[cells.index] for part in lonlat(cells.geobox))
    par = cells.values[:, cells.names.index("par")]
    assert np.allclose(par, clear_sky_par(lat, period), rtol=1e-3)
    ndvi = sif_predictors(tiny_store, period)["ndvi"].to_numpy()
    fine_lon, fine_lat = lonlat(tiny_store.area)
    for row in range(0, cells.index.size, 17):
        inside = (np.abs(fine_lon - lon[row]) < 0.025) & (np.abs(fine_lat - lat[row]) < 0.025)
        expected = ndvi[inside].mean()
        assert cells.values[row, cells.names.index("ndvi")] == pytest.approx(expected, abs=0.03)


def test_every_sif_period_of_a_year_has_cells(tiny_store: FeatureStore) -> None:
    """The short period at the end of a leap year is no gap."""
    period = tiny_store.periods(Month(2020, 12))[-1]
    assert period.days == 6
    assert sif_cells(tiny_store, period).index.size > 100
    with pytest.raises(MissingDataError, match=r"eSIF.*2018-01-01 to 2018-01-08"):
        sif_cells(tiny_store, eight_day_period(date(2018, 1, 1)))
