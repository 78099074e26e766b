"""From a granule to its features, on the granule's own grid."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from engine.features import derive
from engine.granules import Field
from engine.grids import lonlat
from engine.stages import inputs_of
from engine.thermal import blue_sky, thermal_inertia

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from engine.features import Feature
    from engine.granules import Granule
    from engine.months import Period
    from engine.regrid import WeightCache

    type Fields = Mapping[str, Field]
    type Decode = Callable[[Granule, Sequence[str]], Fields]
    type Make = Callable[[Granule], Fields]
    type PartnersOf = Callable[[Granule], Sequence[Granule]]


def plain(features: Sequence[Feature], decode: Decode) -> Make:
    """Return how features are made of the granules of one product."""
    inputs = inputs_of(features)

    def make(granule: Granule) -> Fields:
        fields = decode(granule, inputs)
        return derive(features, fields) if fields else {}

    return make


def inertia(
    feature: Feature, decode: Decode, partners_of: PartnersOf, weights: WeightCache
) -> Make:
    """Return how thermal inertia is made of 8 days of temperature and their mean albedo.

    Parameters
    ----------
    feature
        Its inputs are temperatures by day and by night; its partner gives black- and white-sky
        albedo.
    decode
        Gives a granule's variables.
    partners_of
        Gives the granules of albedo that belong to one of temperature.
    weights
        Brings albedo to the grid of temperature.
    """
    day_name, night_name = feature.inputs

    def make(granule: Granule) -> Fields:
        fields = decode(granule, feature.inputs)
        if not fields or granule.period is None:
            return {}
        day, night = fields[day_name], fields[night_name]
        albedo = _mean_albedo(
            feature, [decode(one, _inputs(feature)) for one in partners_of(granule)]
        )
        values = np.full(day.values.shape, np.nan, np.float32)
        if albedo is not None:
            ground, _ = weights.area(albedo.geobox, day.geobox).apply(albedo.values)
            _, latitude = lonlat(day.geobox[:, :1])
            middle = _middle(granule.period)
            values[:] = thermal_inertia(ground, day.values, night.values, latitude, middle)
        weight = np.where(np.isfinite(values), np.minimum(day.weight, night.weight), 0)
        return {
            feature.name: Field(
                values=values,
                weight=weight.astype(np.float32),
                geobox=day.geobox,
                units=feature.units,
            )
        }

    return make


def _inputs(feature: Feature) -> tuple[str, ...]:
    return () if feature.partner is None else feature.partner.inputs


def _mean_albedo(feature: Feature, dates: Sequence[Fields]) -> Field | None:
    """Average blue-sky albedo over some dates of one tile; None where no date touches the area."""
    black, white = _inputs(feature)
    seen = [fields for fields in dates if fields]
    if not seen:
        return None
    first = seen[0][black]
    total, count = np.zeros(first.values.shape), np.zeros(first.values.shape)
    for fields in seen:
        values = blue_sky(fields[black].values, fields[white].values)
        weight = np.where(
            np.isfinite(values), np.minimum(fields[black].weight, fields[white].weight), 0
        )
        total += np.where(weight > 0, values, 0) * weight
        count += weight
    mean = np.full(total.shape, np.nan, np.float32)
    np.divide(total, count, out=mean, where=count > 0, casting="unsafe")
    return Field(values=mean, weight=(count > 0).astype(np.float32), geobox=first.geobox, units="1")


def _middle(period: Period) -> date:
    return period.start + timedelta(days=period.days // 2)
