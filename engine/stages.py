"""The stages from granules to the fine grid: time on the native grid first, then space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from engine.composites import MIN_SUPPORT, MeanOverTime
from engine.errors import GridMismatchError, MissingDataError
from engine.features import derive
from engine.gaps import FILLED_WEIGHT, LONGEST_GAP, PeriodSeries
from engine.granules import Field
from engine.months import Period, eight_day_periods
from engine.mosaic import mosaic
from engine.regrid import total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.composites import Cadence
    from engine.features import Feature
    from engine.granules import Granule
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


@dataclass(frozen=True, slots=True, kw_only=True)
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

    def of_tile(self, tile: str) -> Times:
        """Return those of one tile, in order of time."""
        parts = (
            tuple(one for one in granules if (one.tile or "") == tile)
            for granules in (self.granules, self.around)
        )
        granules, around = parts
        return replace(self, granules=granules, around=around)


def over_time(features: Sequence[Feature], times: Times, make: Make) -> list[Layers]:
    """Average features over a span of days, tile by tile, on their native grids.

    Parameters
    ----------
    features
        Features of one product and one way through time.
    times
        The product's granules, and the days.
    make
        Gives the features of a granule, or nothing where it does not touch the area.

    Returns
    -------
    list of mapping of str to Layer
        For every tile that touches the area, the features by name.
    """
    tiles = sorted({granule.tile or "" for granule in times.granules})
    means = (_tile_means(features, times.of_tile(tile), make) for tile in tiles)
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
    """The means of some features over a span of days, on the grid of one tile."""

    def __init__(self, features: Sequence[Feature], times: Times, make: Make) -> None:
        self.times, self.make = times, make
        self.units = {feature.name: feature.units for feature in features}
        self.least = 1.0 if features[0].time == "every-day" else MIN_SUPPORT
        self.geobox: GeoBox | None = None
        self.means = {name: MeanOverTime(times.span, times.cadence) for name in self.units}
        inside = list(eight_day_periods(times.span))
        before, after = periods_around(times.span, LONGEST_GAP)
        self.inside = range(len(before), len(before) + len(inside))
        self.series = {name: PeriodSeries([*before, *inside, *after]) for name in self.units}

    def read(self) -> Layers:
        """Return the features, gaps bridged where that is wanted."""
        for granule in self.times.granules:
            self._take(granule, shared_days(granule, self.times.span))
        if self.geobox is None:
            return {}
        if self.times.bridging:
            self._read_around()
            self._bridge()
        return {name: self._layer(name, mean) for name, mean in self.means.items()}

    def _take(self, granule: Granule, days: int) -> None:
        fields = self.make(granule)
        if not fields:
            return
        self.geobox = _same_grid(granule, fields, self.geobox)
        for name in self.units:
            field = fields[name]
            if days:
                self.means[name].add(field.values, field.weight, days)
            if self.times.bridging and granule.period is not None:
                self.series[name].add(field.values, field.weight, granule.period)

    def _read_around(self) -> None:
        """Read neighbouring periods, but only where a gap leads there."""
        for late in (False, True):
            if any(series.open_end(self.inside, late=late) for series in self.series.values()):
                for granule in self.times.around:
                    if _is_after(granule, self.times.span) == late:
                        self._take(granule, 0)

    def _bridge(self) -> None:
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

    def _layer(self, name: str, mean: MeanOverTime) -> Layer:
        if self.geobox is None:
            raise ValueError("no granule was read")
        made = mean.result(self.least)
        weight = np.isfinite(made.values).astype(np.float32)
        field = Field(values=made.values, weight=weight, geobox=self.geobox, units=self.units[name])
        return Layer(field=field, level=made.level)


def _tile_means(features: Sequence[Feature], times: Times, make: Make) -> Layers:
    return _TileMeans(features, times, make).read()


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


def _same_grid(granule: Granule, fields: Fields, expected: GeoBox | None) -> GeoBox:
    """Return the grid of a granule's fields, which must be that of its tile's other granules."""
    grids = [field.geobox for field in fields.values()]
    expected = expected or grids[0]
    for found in grids:
        if found != expected:
            raise GridMismatchError(granule.path.name, expected, found)
    return expected


def inputs_of(features: Iterable[Feature]) -> tuple[str, ...]:
    """Return every input that some features need, once."""
    return tuple(dict.fromkeys(name for feature in features for name in feature.inputs))


def _whole(name: str, tiles: Sequence[Fields], product: str) -> Field:
    parts = [fields[name] for fields in tiles if name in fields]
    if not parts:
        raise MissingDataError(product, "this area", f"a file with {name}")
    return mosaic(parts)
