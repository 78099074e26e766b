"""Recognise a granule by its published file name."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.granules import Granule
from engine.months import Period, eight_day_period
from engine.products.spec import load_specs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from engine.products.spec import ProductSpec

_log = logging.getLogger(__name__)

type Rank = tuple[object, ...]


def recognise(path: Path, specs: Mapping[str, ProductSpec] | None = None) -> Granule | None:
    """Return the granule that a file name announces, or None for a name of no known product.

    >>> from pathlib import Path
    >>> granule = recognise(Path("MOD11A2.A2019361.h27v05.061.2020006065911.hdf"))
    >>> granule.product, granule.tile, granule.period.days
    ('MOD11A2', 'h27v05', 5)
    """
    for spec in (load_specs() if specs is None else specs).values():
        match = spec.match(path)
        if match is None:
            continue
        parts = match.groupdict()
        try:
            period = None if spec.period == "static" else _period(parts, spec)
        except (ValueError, InputError) as error:
            _log.warning("%s looks like %s but its date is wrong: %s", path.name, spec.id, error)
            continue
        return Granule(
            path=path,
            product=spec.id,
            period=period,
            tile=parts.get("tile"),
            version=parts.get("version"),
        )
    return None


def split(granule: Granule, spec: ProductSpec) -> tuple[Granule, ...]:
    """Return a granule for each day of a file that holds a year of a daily product."""
    period = granule.period
    if spec.period != "day" or period is None or period.days == 1:
        return (granule,)
    days = (period.start + timedelta(days=number) for number in range(period.days))
    return tuple(replace(granule, period=Period(day, _next(day))) for day in days)


def identity(granule: Granule, spec: ProductSpec) -> tuple[object, ...]:
    """Return what two files share that hold the same observation in two versions."""
    parts = _parts(granule, spec)
    start = granule.period.start if granule.period else None
    return (spec.id, start, parts.get("time"), parts.get("tile"), parts.get("variable"))


def rank(granule: Granule, spec: ProductSpec) -> Rank:
    """Return a key that is greatest for the version to prefer among equal identities."""
    parts = _parts(granule, spec)
    variant = parts.get("variant")
    suffixes = list(spec.formats)
    version = parts.get("version")
    return (
        not spec.versions or version in spec.versions,
        _natural(version),
        -spec.variants.index(variant) if variant in spec.variants else -len(spec.variants),
        _natural(parts.get("counter")),
        -suffixes.index(granule.path.suffix) if granule.path.suffix in suffixes else 0,
        granule.path.name,
        str(granule.path),
    )


def _parts(granule: Granule, spec: ProductSpec) -> dict[str, str | None]:
    match = spec.match(granule.path)
    return {} if match is None else match.groupdict()


def _period(parts: Mapping[str, str | None], spec: ProductSpec) -> Period:
    if spec.period == "year" or not (parts.get("doy") or parts.get("month")):
        year = int(parts["year"] or 0)
        return Period(date(year, 1, 1), date(year + 1, 1, 1))
    day = _day(parts)
    return eight_day_period(day) if spec.period == "8-day" else Period(day, _next(day))


def _day(parts: Mapping[str, str | None]) -> date:
    year = int(parts["year"] or 0)
    if parts.get("doy") is None:
        return date(year, int(parts["month"] or 0), int(parts["day"] or 0))
    day = date(year, 1, 1) + timedelta(days=int(parts["doy"] or 0) - 1)
    if day.year != year:
        raise ValueError(f"day {parts['doy']} is not in {year}")
    return day


def _next(day: date) -> date:
    return day + timedelta(days=1)


def _natural(text: str | None) -> tuple[tuple[str, int], ...]:
    """Order ``v8010`` after ``v4011`` and ``10.0`` after ``9.0``."""
    pairs = re.findall(r"(\D*)(\d+)", text or "")
    return tuple((letters, int(digits)) for letters, digits in pairs)
