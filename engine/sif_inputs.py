"""What the model of SIF sees at 1 km, and eSIF itself on its own coarse cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import MissingDataError, wanted_for
from engine.feature_groups import days_of, untouched
from engine.feature_sources import sif_product
from engine.features import SIF_PREDICTORS
from engine.grids import lonlat
from engine.solar import clear_sky_par
from engine.stages import shared_days

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.feature_store import FeatureStore
    from engine.granules import Field
    from engine.months import Period

MIN_VALID_SIF = 0.6
"""Least share of a SIF cell that valid fine cells must cover."""

PAR_UNITS = "W m-2"


@dataclass(frozen=True, slots=True, kw_only=True)
class SifCells:
    """What the model of SIF learns from in one period: its target's own cells."""

    period: Period
    """The days that the SIF stands for."""
    names: tuple[str, ...]
    """``(f,)`` names of the predictors."""
    values: NDArray[np.float32]
    """``(n, f)`` predictors, means of their fine cells; NaN where missing."""
    target: NDArray[np.float32]
    """``(n,)`` SIF, mW m-2 nm-1 sr-1."""
    geobox: GeoBox
    """The window of the SIF's own grid."""
    index: NDArray[np.int64]
    """``(n,)`` number of each cell in ``geobox``, row by row."""


def sif_predictors(store: FeatureStore, period: Period) -> xr.Dataset:
    """Return what the model of SIF sees at 1 km in one 8-day period.

    Parameters
    ----------
    store
        Knows archive and area.
    period
        The days.

    Returns
    -------
    Dataset (y, x)
        Reflectances, indices, surface temperatures and ``par``, clear-sky light, W m-2; all
        float32 on the fine grid, NaN where missing.
    """
    data = store.eight_days(list(SIF_PREDICTORS.values()), period)
    _, latitude = lonlat(store.area)
    light = np.asarray(clear_sky_par(latitude, period), dtype=np.float32)
    data["par"] = (("y", "x"), light, {"units": PAR_UNITS})
    data["par"].attrs["long_name"] = "Clear-sky photosynthetically active radiation"
    return data.assign_attrs(period=days_of(period), region=store.region.name)


def esif_field(store: FeatureStore, period: Period) -> Field:
    """Return the coarse SIF of a period, on the window of its own grid that covers the area.

    Parameters
    ----------
    store
        Knows archive and area.
    period
        The days; the granule that shares most of them counts.

    Raises
    ------
    MissingDataError
        Where there is no granule, or it does not touch the area.
    """
    product = sif_product(store.archive)
    granules = store.archive.granules(product, period)
    if not granules:
        raise MissingDataError(product, days_of(period), "one granule of these 8 days")
    granule = max(granules, key=lambda granule: shared_days(granule, period))
    with wanted_for(days_of(period)):
        fields = store.decode(granule, ["sif"])
    if not fields:
        raise untouched(product, days_of(period), store.region.name)
    return fields["sif"]


def sif_cells(store: FeatureStore, period: Period) -> SifCells:
    """Return the rows that the model of SIF learns from in one 8-day period.

    Parameters
    ----------
    store
        Knows archive and area.
    period
        The days.

    Returns
    -------
    SifCells
        The cells that have SIF and of which the area covers at least 60 %.
    """
    field = esif_field(store, period)
    predictors = sif_predictors(store, period)
    names = tuple(str(name) for name in predictors.data_vars)
    stack = np.stack([predictors[name].to_numpy() for name in names])
    means, _ = store.weights.area(store.area, field.geobox).apply(stack, min_valid=MIN_VALID_SIF)
    lit = np.isfinite(means[names.index("par")])
    index = np.flatnonzero(lit & np.isfinite(field.values) & (field.weight > 0))
    return SifCells(
        period=period,
        names=names,
        values=np.ascontiguousarray(means.reshape(len(names), -1)[:, index].T),
        target=field.values.ravel()[index],
        geobox=field.geobox,
        index=index,
    )
