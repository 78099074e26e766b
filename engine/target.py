"""What a model of soil moisture learns: a month of SMAP on its own coarse cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from engine.archive import soil_moisture_month
from engine.feature_cache import FeatureCache, digest
from engine.grids import coarse_of
from engine.models.table import Variable
from engine.provenance import fingerprint, soil_moisture_granules

if TYPE_CHECKING:
    from engine.feature_store import FeatureStore
    from engine.months import Month

UNITS = "m3 m-3"
TARGET = Variable(name="soil_moisture", units=UNITS)

_VERSION = "1"


def coarse_soil_moisture(store: FeatureStore, month: Month) -> xr.DataArray:
    """Return a month's mean soil moisture on the coarse cells; read once and kept.

    Returns
    -------
    DataArray (y, x), float32, m3 m-3
        NaN where missing.
    """
    grid = coarse_of(store.area)
    source = store.region.soil_moisture

    def read() -> xr.Dataset:
        values = soil_moisture_month(store.archive, grid, month, source).values
        return xr.Dataset({TARGET.name: (("y", "x"), values, {"units": UNITS})})

    inputs = fingerprint(store, soil_moisture_granules(store, month))
    what = source if isinstance(source, str) else source.model_dump_json()
    area = str((tuple(grid.shape), tuple(grid.affine)))
    key = digest(_VERSION, what, area, str(month), inputs)
    return FeatureCache(store.folder).get(f"coarse-{month}", key, read)[TARGET.name]
