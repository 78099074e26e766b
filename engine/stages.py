"""The stages from granules to the fine grid: time on the native grid first, then space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from engine.composites import MIN_SUPPORT, MeanOverTime
from engine.errors import GridMismatchError, MissingDataError
from engine.features import derive
from engine.gaps import FILLED_WEIGHT, LONGEST_GAP, PeriodSeries
from engine.granules import Field
from engine.grids import covering_strips
from engine.months import Period, eight_day_periods
from engine.mosaic import mosaic
from engine.regrid import total
from engine.strips import PIXELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.composites import Cadence
    from engine.features import Feature
    from engine.granules import Granule, Part, Pixels
    from engine.regrid import WeightCache

    type Fields = Mapping[str, Field]
    type Decode = Callable[[Granule, Sequence[str]], Fields]
    type Make = Callable[[Granule], Fields]

MIN_VALID = 0.5
"""Least share of a fine cell that valid source pixels must cover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A feature on its native grid."""

    field: Field
    """Its values."""
    level: NDArray[np.uint8] | None = None
    """``(y, x)`` level of filling; None where nothing was filled."""


type Layers = Mapping[str, Layer]
"""The features of one tile, by name."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """The granules of a product in time."""

    granules: tuple[Granule, ...]
    """Those that share days with the span."""
    around: tuple[Granule, ...]
    """Those of neighbouring periods, by which gaps are bridged; empty for none."""
    span: Period
    """The days to average over."""
    cadence: Cadence
    """How often the archive has the product."""
    bridging: bool = False
    """Whether gaps are bridged."""

    @cached_property
    def periods(self) -> tuple[Sequence[Period], Sequence[Period], Sequence[Period]]:
        """Periods of 8 days before, within and after the span."""
        before, after = periods_around(self.span, LONGEST_GAP)
        return before, list(eight_day_periods(self.span)), after

    def of_tile(self, tile: str) -> Times:
        """Return those of one tile, in order of time."""
        parts = (
            tuple(one for one in granules if (one.tile or "") == tile)
            for granules in (self.granules, self.around)
        )
        granules, around = parts
        return replace(self, granules=granules, around=around)


def over_time(features: Sequence[Feature], times: Times, area: GeoBox, make: Make) -> list[Layers]:
    """Average features over a span of days, tile by tile, on their native grids.

    Parameters
    ----------
    features
        Features of one product and one way through time.
    times
        The product's granules, and the days.
    area
        Any grid, outside of whose outline no pixel is looked at.
    make
        Gives the features of a granule, or nothing where it does not touch the area.

    Returns
    -------
    list of mapping of str to Layer
        For every tile that touches the area, the features by name.
    """
    tiles = sorted({granule.tile or "" for granule in times.granules})
    means = (_TileMeans(features, times.of_tile(tile), area, make).read() for tile in tiles)
    return [layers for layers in means if layers]


def static(
    features: Sequence[Feature], granules: Iterable[Granule], decode: Decode
) -> list[Layers]:
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
    list of mapping of str to Layer
        The features by name, once; empty where no tile touches the area.

    Raises
    ------
    MissingDataError
        Where the tiles that touch the area lack a variable.
    """
    inputs = inputs_of(features)
    tiles = [fields for granule in granules if (fields := decode(granule, inputs))]
    if not tiles:
        return []
    whole = {name: _whole(name, tiles, features[0].product) for name in inputs}
    tiles.clear()  # elevation comes in hundreds of megabytes
    return [{name: Layer(field=field) for name, field in derive(features, whole).items()}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fine:
    """A feature on the fine grid."""

    values: NDArray[np.float32]
    """``(y, x)``; NaN where valid pixels cover less than half of a cell."""
    level: NDArray[np.uint8]
    """``(y, x)`` level of filling at or below which at least half of the cell's valid area is."""


def to_fine(
    features: Sequence[Feature], tiles: Sequence[Layers], area: GeoBox, weights: WeightCache
) -> list[Fine]:
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
    list of Fine
        One for each feature.
    """
    return [
        _fine(feature, [tile[feature.name] for tile in tiles], area, weights)
        for feature in features
    ]


def _fine(feature: Feature, layers: Sequence[Layer], area: GeoBox, weights: WeightCache) -> Fine:
    find = weights.bilinear if feature.space == "bilinear" else weights.area
    ways = [find(layer.field.geobox, area) for layer in layers]
    sums = total(way.sums(layer.field.values) for way, layer in zip(ways, layers, strict=True))
    values, _ = sums.mean(MIN_VALID)
    level = np.zeros(values.shape, np.uint8)
    highest = max(
        (int(layer.level.max()) for layer in layers if layer.level is not None), default=0
    )
    for limit in range(highest):
        parts = (way.sums(_up_to(limit, layer)) for way, layer in zip(ways, layers, strict=True))
        level += total(parts).covered < sums.covered / 2
    return Fine(values=values, level=np.where(np.isfinite(values), level, 0).astype(np.uint8))


def _highest(layer: Layer) -> int:
    return 0 if layer.level is None else int(layer.level.max())


def _up_to(limit: int, layer: Layer) -> NDArray[np.float32]:
    """Return the values of at most some level of filling."""
    if layer.level is None:
        return layer.field.values
    return np.where(layer.level <= limit, layer.field.values, np.float32(np.nan))


class _TileMeans:
    """The means of some features over a span of days, on the grid of one tile.

    They are taken strip by strip of the tile, where the area is: the numbers of a granule never
    all exist as physical ones at once, and those of a strip stay in the cache.
    """

    def __init__(self, features: Sequence[Feature], times: Times, area: GeoBox, make: Make) -> None:
        self.features, self.times, self.area, self.make = features, times, area, make
        self.geobox: GeoBox | None = None
        self.strips: list[_StripMeans] = []

    def read(self) -> Layers:
        """Return the features, gaps bridged where that is wanted."""
        for granule in self.times.granules:
            self._take(granule, shared_days(granule, self.times.span))
        if self.geobox is None:
            return {}
        if self.times.bridging:
            self._read_around()
            for strip in self.strips:
                strip.bridge()
        return {feature.name: self._layer(feature, self.geobox) for feature in self.features}

    def _take(self, granule: Granule, days: int) -> None:
        fields = self.make(granule)
        if not fields:
            return
        if self.geobox is None:
            self.geobox = next(iter(fields.values())).geobox
            parts = covering_strips(self.geobox, self.area, 2 * PIXELS)
            self.strips = [_StripMeans(part, self.features, self.times) for part in parts]
        _check_same_grid(granule, fields, self.geobox)
        for strip in self.strips:
            strip.take(fields, granule, days)

    def _read_around(self) -> None:
        """Read neighbouring periods, but only where a gap leads there."""
        for late in (False, True):
            if any(strip.has_open_end(late=late) for strip in self.strips):
                for granule in self.times.around:
                    if _is_after(granule, self.times.span) == late:
                        self._take(granule, 0)

    def _layer(self, feature: Feature, geobox: GeoBox) -> Layer:
        values = np.full(tuple(geobox.shape), np.nan, np.float32)
        level = np.zeros(values.shape, np.uint8)
        for strip in self.strips:
            values[strip.part], level[strip.part] = strip.result(feature.name)

        def make(part: Part) -> Pixels:
            return values[part], np.isfinite(values[part]).astype(np.float32)

        field = Field.in_parts(make, geobox=geobox, units=feature.units)
        return Layer(field=field, level=level)


class _StripMeans:
    """The means of some features over a span of days, in a part of a tile."""

    def __init__(self, part: Part, features: Sequence[Feature], times: Times) -> None:
        self.part, self.times = part, times
        self.least = 1.0 if features[0].time == "every-day" else MIN_SUPPORT
        names = [feature.name for feature in features]
        self.means = {name: MeanOverTime(times.span, times.cadence) for name in names}
        before, inside, after = times.periods
        self.inside = range(len(before), len(before) + len(inside))
        self.series = {name: PeriodSeries([*before, *inside, *after]) for name in names}

    def take(self, fields: Fields, granule: Granule, days: int) -> None:
        """Add a granule's features, which count for some days."""
        for name, mean in self.means.items():
            values, weight = fields[name].pixels(self.part)
            if days:
                mean.add(values, weight, days)
            if self.times.bridging and granule.period is not None:
                self.series[name].add(values, weight, granule.period)

    def has_open_end(self, *, late: bool) -> bool:
        """Tell whether a gap leads out of the span; see `PeriodSeries.open_end`."""
        return any(series.open_end(self.inside, late=late) for series in self.series.values())

    def bridge(self) -> None:
        """Fill gaps in time."""
        cadence = self.times.cadence
        for name, series in self.series.items():
            for index in self.inside:
                line = series.bridged(index)
                if line is None:
                    continue
                days = series.periods[index].shared_days(self.times.span)
                weight = np.full(line.shape, FILLED_WEIGHT)
                counted = days * cadence.length / cadence.spacing
                self.means[name].add(line, weight, counted, interpolated=True)

    def result(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return a feature's mean and its level of filling, and forget them."""
        made = self.means.pop(name).result(self.least)
        return made.values, made.level


def periods_around(span: Period, count: int) -> tuple[list[Period], list[Period]]:
    """Return the 8-day periods before and after those that share a day with a span."""
    inside = list(eight_day_periods(span))
    days = timedelta(days=8 * count)
    early = Period(inside[0].start - days, inside[0].start)
    late = Period(inside[-1].end, inside[-1].end + days)
    return list(eight_day_periods(early))[-count:], list(eight_day_periods(late))[:count]


def _is_after(granule: Granule, span: Period) -> bool:
    return granule.period is not None and granule.period.start >= span.start


def shared_days(granule: Granule, span: Period) -> int:
    """Return the days that a granule counts for in a span.

    A granule that was taken from just outside, since the span itself has none, counts whole.
    """
    if granule.period is None:
        return span.days
    return granule.period.shared_days(span) or granule.period.days


def _check_same_grid(granule: Granule, fields: Fields, expected: GeoBox) -> None:
    """Refuse a granule whose grid is not that of its tile's other granules."""
    for field in fields.values():
        if field.geobox != expected:
            raise GridMismatchError(granule.path.name, expected, field.geobox)


def inputs_of(features: Iterable[Feature]) -> tuple[str, ...]:
    """Return every input that some features need, once."""
    return tuple(dict.fromkeys(name for feature in features for name in feature.inputs))


def _whole(name: str, tiles: Sequence[Fields], product: str) -> Field:
    parts = [fields[name] for fields in tiles if name in fields]
    if not parts:
        raise MissingDataError(product, "this area", f"a file with {name}")
    return mosaic(parts)
