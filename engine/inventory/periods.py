"""Which periods a complete archive has files of."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from engine.composites import Cadence
from engine.features import FEATURES
from engine.months import Period, eight_day_periods

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.granules import Granule
    from engine.products.spec import ProductSpec


def expected_periods(
    spec: ProductSpec, granules: Sequence[Granule], span: Period
) -> tuple[Sequence[Period | None], list[str]]:
    """Return the periods of a complete archive, and what to note about them.

    Parameters
    ----------
    spec
        The product.
    granules
        All that the archive has of it. A daily product of which every eighth day, say, is there
        is complete so, unless a feature or the target is made of all days.
    span
        The days asked for.

    Returns
    -------
    sequence of Period or None
        Those that share a day with the span, in order; None for what has no time.
    list of str
        Notes.
    """
    match spec.period:
        case "static":
            return (None,), []
        case "8-day":
            return tuple(eight_day_periods(span)), []
        case "year":
            last = (span.end - timedelta(days=1)).year
            return tuple(_year(number) for number in range(span.start.year, last + 1)), []
        case "day":
            return _expected_days(spec, granules, span)


def _expected_days(
    spec: ProductSpec, granules: Sequence[Granule], span: Period
) -> tuple[Sequence[Period | None], list[str]]:
    starts = sorted({granule.period.start for granule in granules if granule.period})
    if not starts or not _may_be_thinned(spec):
        return tuple(_day(span.start + timedelta(days=k)) for k in range(span.days)), []
    spacing = round(Cadence.of(_day(start) for start in starts).spacing)
    days = lattice(starts, spacing, span)
    notes = [f"every {spacing} days, counted as complete so"] if spacing > 1 else []
    return tuple(_day(day) for day in days if span.start <= day < span.end), notes


def _may_be_thinned(spec: ProductSpec) -> bool:
    """Tell whether days may be left out: not where a feature, or the target, is made of all."""
    if any(variable.name == "soil_moisture" for variable in spec.variables):
        return False
    return not any(
        spec.id in feature.products and feature.time == "every-day" for feature in FEATURES.values()
    )


def lattice(starts: Sequence[date], spacing: int, span: Period) -> Sequence[date]:
    """Return the days of an archive that is thinned, and those that it lacks at its own pace.

    MODIS begins to count anew every year, so a step at its turn may be shorter than the others.

    >>> from datetime import date
    >>> starts = [date(2019, 12, 19), date(2019, 12, 27), date(2020, 1, 1), date(2020, 1, 17)]
    >>> span = Period(date(2019, 12, 10), date(2020, 1, 31))
    >>> [day.day for day in lattice(starts, 8, span)]
    [11, 19, 27, 1, 9, 17, 25]
    """
    step = timedelta(days=spacing)
    before = (starts[0] - span.start).days // spacing
    days = [starts[0] - k * step for k in range(before, 0, -1)]
    for one, following in pairwise(starts):
        days += [one + k * step for k in range(max(1, round((following - one) / step)))]
    after = (span.end - timedelta(days=1) - starts[-1]).days // spacing
    return [*days, *(starts[-1] + k * step for k in range(max(0, after) + 1))]


def _year(number: int) -> Period:
    return Period(date(number, 1, 1), date(number + 1, 1, 1))


def _day(start: date) -> Period:
    return Period(start, start + timedelta(days=1))
