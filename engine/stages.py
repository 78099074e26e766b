"""The stages from granules to the fine grid: time on the native grid first, then space."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from engine.composites import MIN_SUPPORT, MeanOverTime
from engine.errors import GridMismatchError
from engine.features import derive
from engine.granules import Field
from engine.mosaic import mosaic
from engine.regrid import total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.composites import Cadence
    from engine.features import Feature
    from engine.granules import Granule
    from engine.months import Period
    from engine.regrid import Sums, WeightCache

    type Fields = Mapping[str, Field]
    type Decode = Callable[[Granule, Sequence[str]], Fields]

MIN_VALID = 0.5
"""Least share of a fine cell that valid source pixels must cover."""


def over_time(
    features: Sequence[Feature],
    granules: Iterable[Granule],
    span: Period,
    cadence: Cadence,
    decode: Decode,
) -> list[Fields]:
    """Average features over a span of days, tile by tile, on their native grids.

    Parameters
    ----------
    features
        Features of one product and one way through time.
    granules
        Those that count for the span.
    span
        The days to average over.
    cadence
        How often the archive has the product.
    decode
        Gives a granule's variables on the area's window, or nothing where it does not touch it.

    Returns
    -------
    list of mapping of str to Field
        For every tile that touches the area, the features by name.
    """
    tiles = groupby(sorted(granules, key=_tile), key=_tile)
    means = (_tile_means(features, group, span, cadence, decode) for _, group in tiles)
    return [fields for fields in means if fields]


def static(
    features: Sequence[Feature], granules: Iterable[Granule], decode: Decode
) -> list[Fields]:
    """Join the tiles of a product without time, then derive its features.

    Parameters
    ----------
    features
        Features of one product.
    granules
        Its tiles.
    decode
        Gives a granule's variables on the area's window, or nothing where it does not touch it.

    Returns
    -------
    list of mapping of str to Field
        The features by name, once; empty where no tile touches the area.
    """
    inputs = _inputs(features)
    tiles = [fields for granule in granules if (fields := decode(granule, inputs))]
    if not tiles:
        return []
    whole = {name: mosaic([fields[name] for fields in tiles]) for name in inputs}
    return [{feature.name: derive(feature, whole) for feature in features}]


def to_fine(
    features: Sequence[Feature], tiles: Sequence[Fields], area: GeoBox, weights: WeightCache
) -> list[NDArray[np.float32]]:
    """Bring features from their native grids to the fine grid.

    Parameters
    ----------
    features
        Features of one product.
    tiles
        What :func:`over_time` or :func:`static` returned.
    area
        The fine grid.
    weights
        Where regridding weights are kept.

    Returns
    -------
    list of ndarray (y, x), float32
        One for each feature; NaN where valid pixels cover less than half of a cell.
    """
    made = []
    for feature in features:
        parts = [_sums(feature, fields[feature.name], area, weights) for fields in tiles]
        made.append(total(parts).mean(MIN_VALID)[0])
    return made


def _tile_means(
    features: Sequence[Feature],
    granules: Iterable[Granule],
    span: Period,
    cadence: Cadence,
    decode: Decode,
) -> Fields:
    means = {feature.name: MeanOverTime(span, cadence) for feature in features}
    inputs = _inputs(features)
    units = {feature.name: feature.units for feature in features}
    geobox = None
    for granule in granules:
        fields = decode(granule, inputs)
        if not fields:
            continue
        geobox = _same_grid(granule, fields, geobox)
        days = shared_days(granule, span)
        for feature in features:
            field = derive(feature, fields)
            means[feature.name].add(field.values, field.weight, days)
    if geobox is None:
        return {}
    least = 1.0 if features[0].time == "every-day" else MIN_SUPPORT
    return {name: _field(mean, least, geobox, units[name]) for name, mean in means.items()}


def shared_days(granule: Granule, span: Period) -> int:
    """Return the days that a granule counts for in a span.

    A granule that was taken from just outside, since the span itself has none, counts whole.
    """
    if granule.period is None:
        return span.days
    return granule.period.shared_days(span) or granule.period.days


def _field(mean: MeanOverTime, least: float, geobox: GeoBox, units: str) -> Field:
    values = mean.result(least).values
    weight = np.isfinite(values).astype(np.float32)
    return Field(values=values, weight=weight, geobox=geobox, units=units)


def _sums(feature: Feature, field: Field, area: GeoBox, weights: WeightCache) -> Sums:
    find = weights.bilinear if feature.space == "bilinear" else weights.area
    return find(field.geobox, area).sums(field.values)


def _same_grid(granule: Granule, fields: Fields, expected: GeoBox | None) -> GeoBox:
    """Return the grid of a granule's fields, which must be that of its tile's other granules."""
    grids = [field.geobox for field in fields.values()]
    expected = expected or grids[0]
    for found in grids:
        if found != expected:
            raise GridMismatchError(granule.path.name, expected, found)
    return expected


def _tile(granule: Granule) -> str:
    return granule.tile or ""


def _inputs(features: Sequence[Feature]) -> tuple[str, ...]:
    """Return every input that some features need, once."""
    return tuple(dict.fromkeys(name for feature in features for name in feature.inputs))
