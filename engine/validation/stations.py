"""From what a sensor sent to its daily and monthly means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.months import Month
    from engine.stations import Station, StationSeries
    from engine.validation.rules import Rules

    type Floats = NDArray[np.float64]
    type Flags = NDArray[np.bool_]

_HOUR = np.timedelta64(3600, "s")
_HOURS = 24
_ALMOST_A_DAY = 20
"""Hours between two values from which on a value stands for its day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The days and months of a validation, without gaps."""

    months: tuple[Month, ...]
    """In order; between the first and the last one some may be missing."""

    @property
    def start(self) -> np.datetime64:
        """First instant, UTC."""
        return np.datetime64(self.months[0].first_day, "s")

    @property
    def days(self) -> int:
        """Days from the first month to the last one."""
        return (self.months[-1].next().first_day - self.months[0].first_day).days

    @property
    def month_of_day(self) -> NDArray[np.int64]:
        """``(days,)`` place of each day's month in ``months``; -1 where it is none of them."""
        place = np.full(self.days, -1, np.int64)
        for number, month in enumerate(self.months):
            first = (month.first_day - self.months[0].first_day).days
            place[first : first + month.days] = number
        return place


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SensorDays:
    """Daily means of one sensor."""

    station: Station
    """Where it is."""
    sensor: str
    """Its make or number."""
    depth: tuple[float, float]
    """Layer that it feels, m."""
    values: Floats
    """``(days,)`` m3 m-3, NaN where a day has too few values."""
    losses: tuple[Loss, ...]
    """What the rules took."""


def daily_means(
    series: StationSeries, calendar: Calendar, rules: Rules, heat: StationSeries | None = None
) -> SensorDays:
    """Average a sensor's good values day by day.

    Parameters
    ----------
    series
        Soil moisture, m3 m-3.
    calendar
        The days wanted; what lies beyond them is not counted as lost.
    rules
        Which values are good, and how many a day needs.
    heat
        Soil temperature at the same place, degC, where it is known.
    """
    hours = (series.times - calendar.start) // _HOUR
    wanted = (hours >= 0) & (hours < _HOURS * calendar.days)
    there = wanted & np.isfinite(series.values)
    good = there & series.good
    thawed = good & ~_frozen(series, rules, heat)
    needed = _needed(hours[thawed], rules)
    values, days, seen = _means(hours[thawed], series.values[thawed], calendar.days, needed)
    return SensorDays(
        station=series.station,
        sensor=series.sensor,
        depth=(series.depth_from, series.depth_to),
        values=values,
        losses=(
            _loss("a value is there", "values", wanted, there),
            _loss("flagged exactly G", "values", there, good),
            _loss("soil not frozen", "values", good, thawed),
            Loss("enough values in the day", "days", seen, seen - days),
        ),
    )


def monthly_means(days: Floats, calendar: Calendar, rules: Rules) -> tuple[Floats, Loss]:
    """Average daily means month by month.

    Parameters
    ----------
    days
        ``(days,)`` NaN where missing.
    calendar
        The months wanted.
    rules
        How many days a month needs.

    Returns
    -------
    tuple of ndarray (months,) and Loss
        NaN where a month has too few days.
    """
    month = calendar.month_of_day
    valid = np.isfinite(days) & (month >= 0)
    count = np.bincount(month[valid], minlength=len(calendar.months))
    total = np.bincount(month[valid], weights=days[valid], minlength=len(calendar.months))
    enough = count >= rules.days
    seen = int((count > 0).sum())
    loss = Loss("enough days in the month", "months", seen, seen - int(enough.sum()))
    return np.where(enough, total / np.maximum(count, 1), np.nan), loss


def heat_of(series: StationSeries, others: Sequence[StationSeries]) -> StationSeries | None:
    """Return the soil temperature that belongs to a sensor: of its station, nearest in depth."""
    middle = series.depth_from + series.depth_to
    mine = [
        one
        for one in others
        if one.variable == "soil_temperature"
        and (one.station.network, one.station.name) == (series.station.network, series.station.name)
    ]
    nearest = min(mine, key=lambda one: abs(one.depth_from + one.depth_to - middle), default=None)
    if nearest is None or abs(nearest.depth_from + nearest.depth_to - middle) > 0.1:
        return None
    return nearest


def _means(
    hours: NDArray[np.int64], values: NDArray[np.float32], days: int, needed: int
) -> tuple[Floats, int, int]:
    """Return daily means, how many there are, and how many days have any value."""
    slots = _HOURS * days
    count = np.bincount(hours, minlength=slots)
    # Six decimals are what was written, before it was kept as float32.
    total = np.bincount(hours, weights=np.round(values.astype(np.float64), 6), minlength=slots)
    heard = (count > 0).reshape(days, _HOURS)
    hourly = (total / np.maximum(count, 1)).reshape(days, _HOURS)
    hours_a_day = heard.sum(axis=1)
    enough = hours_a_day >= needed
    mean = np.where(heard, hourly, 0.0).sum(axis=1) / np.maximum(hours_a_day, 1)
    return np.where(enough, mean, np.nan), int(enough.sum()), int((hours_a_day > 0).sum())


def _needed(hours: NDArray[np.int64], rules: Rules) -> int:
    """Return how many hours with values a day needs, by how often the sensor reports."""
    if hours.size < 2:
        return rules.hours
    step = max(1, int(np.median(np.diff(hours))))
    return 1 if step >= _ALMOST_A_DAY else -(-rules.hours // step)


def _frozen(series: StationSeries, rules: Rules, heat: StationSeries | None) -> Flags:
    """Tell which values were measured in frozen soil, hour by hour."""
    if heat is None or not len(heat):
        return np.zeros(len(series), np.bool_)
    at = np.clip(np.searchsorted(heat.times, series.times), 0, len(heat) - 1)
    same = np.abs(heat.times[at] - series.times) < _HOUR
    known = same & np.isfinite(heat.values[at])
    return np.asarray(known & (heat.values[at] <= rules.warmest_frozen))


def _loss(rule: str, unit: str, before: Flags, after: Flags) -> Loss:
    count = int(before.sum())
    return Loss(rule, unit, count, count - int(after.sum()))
