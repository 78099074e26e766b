"""Which features are made together, and what their sources are called in messages."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from engine.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.feature_sources import Sources
    from engine.features import Feature
    from engine.months import Period


def grouped(features: Sequence[Feature]) -> list[tuple[Feature, ...]]:
    """Put features of one product and one way through time together."""
    ordered = sorted(features, key=_group_key)
    return [tuple(group) for _, group in groupby(ordered, _group_key)]


def is_still(feature: Feature) -> bool:
    """Tell whether a feature does not change within a year."""
    return feature.time in ("static", "yearly")


def label_of(found: Sources) -> str:
    """Return the year of yearly granules, or say that they have none."""
    period = found.granules[0].period
    return "static" if period is None else f"{period.start.year}"


def untouched(product: str, where: str, region: str) -> MissingDataError:
    """Return the error of granules that all lie beside the area."""
    return MissingDataError(product, where, f"a granule that covers a part of the area {region}")


def days_of(period: Period) -> str:
    """Return the days of a period in words.

    >>> from engine.months import Month
    >>> days_of(Month(2020, 2).period)
    '2020-02-01 to 2020-02-29'
    """
    return f"{period.start} to {period.end - timedelta(days=1)}"


def _group_key(feature: Feature) -> tuple[str, str, str]:
    partner = "" if feature.partner is None else feature.partner.product
    return feature.product, feature.time, partner
